package journal

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// A Reader reads many results with less work for each than [Journal.Read]. One read of the
// file covers lines that stand near each other, the results are reused, and an answer that
// several of them share is read once and shares its memory. A Reader is for one goroutine.
type Reader struct {
	j       *Journal
	order   []int // the places of the entries, in the order of the journal
	results []batch.Result
	last    lastAnswer
}

// NewReader returns a Reader of the journal.
func (j *Journal) NewReader() *Reader { return &Reader{j: j} }

const (
	nearLines = 4 << 10   // reading so many bytes between two lines is cheaper than another read
	readBytes = 256 << 10 // the most bytes of one read, unless a single line is longer
)

// Read calls each with the place of every entry in entries and with its result, in the
// order of the journal. It passes over entries that are the zero value. For a result that
// was damaged since Open err is a [*Damage]. The results are valid until the next Read;
// their answers stay valid.
func (r *Reader) Read(entries []Entry, each func(i int, result *batch.Result, err error)) {
	r.order = r.order[:0]
	for i, e := range entries {
		if e.Status != "" {
			r.order = append(r.order, i)
		}
	}
	r.results = slices.Grow(r.results[:0], len(entries))[:len(entries)]
	slices.SortFunc(r.order, func(a, b int) int {
		return cmp.Or(cmp.Compare(entries[a].segment, entries[b].segment), cmp.Compare(entries[a].offset, entries[b].offset))
	})
	for rest := r.order; len(rest) > 0; {
		first := entries[rest[0]]
		end, n := first.end(), 1
		for ; n < len(rest); n++ {
			e := entries[rest[n]]
			if e.segment != first.segment || int64(e.offset) > end+nearLines || e.end()-int64(first.offset) > readBytes {
				break
			}
			end = e.end()
		}
		name, text, err := r.j.bytes(first.segment, int64(first.offset), end)
		for _, i := range rest[:n] {
			if err != nil {
				each(i, nil, err)
				continue
			}
			from := int(entries[i].offset - first.offset)
			to := from + int(entries[i].length)
			l := line{offset: int64(entries[i].offset), text: text[min(from, len(text)):min(to, len(text))]}
			result, err := r.j.read(name, l, &r.results[i], &r.last)
			each(i, result, err)
		}
		rest = rest[n:]
	}
}

// Release drops the answers of the last Read, which may be long, so that their memory can
// be collected.
func (r *Reader) Release() {
	for i := range r.results {
		r.results[i].Response = nil
	}
	r.last = lastAnswer{}
}

// end returns where the line ends.
func (e Entry) end() int64 { return int64(e.offset) + int64(e.length) }

// Read returns the result for which an entry of this journal stands. If it was damaged
// since Open, the error is a [*Damage].
func (j *Journal) Read(e Entry) (*batch.Result, error) {
	if e.Status == "" {
		return nil, fmt.Errorf("journal %s: there is no result to read", j.config.Dir)
	}
	name, text, err := j.bytes(e.segment, int64(e.offset), e.end())
	if err != nil {
		return nil, err
	}
	return j.read(name, line{offset: int64(e.offset), text: text}, new(batch.Result), nil)
}

// bytes returns the bytes of a segment between from and to, or fewer if the segment ends
// before, and the segment's name.
func (j *Journal) bytes(segment uint16, from, to int64) (name string, text []byte, err error) {
	f, name, err := j.segmentFile(int(segment))
	if err == nil {
		text = make([]byte, to-from)
		var n int
		if n, err = f.ReadAt(text, from); err == io.EOF {
			text, err = text[:n], nil
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("journal %s: %w", j.config.Dir, err)
	}
	return name, text, nil
}

// read checks the sum of a line and decodes the line to r.
func (j *Journal) read(name string, l line, r *batch.Result, last *lastAnswer) (*batch.Result, error) {
	if l.body, l.ok = durable.VerifySum(l.text); !l.ok {
		return nil, corrupt(name, l)
	}
	return j.decodeLine(name, l, r, last)
}
