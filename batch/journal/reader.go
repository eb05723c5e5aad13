package journal

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/genbatch/genbatch/batch"
)

// A Reader reads many results as [Journal.Read] does one, with less work for each: those
// whose lines stand near each other with one read of the file, and into results that are
// used again. It is for one goroutine.
type Reader struct {
	j       *Journal
	order   []int // of the entries, as they stand in the journal
	results []batch.Result
}

// NewReader returns a Reader of the journal.
func (j *Journal) NewReader() *Reader { return &Reader{j: j} }

const (
	nearLines = 4 << 10   // bytes between two lines that are less work to read than another read is
	readBytes = 256 << 10 // of one read, but for a line that is longer
)

// Read calls have with each entry's place among entries and its result, in the order of
// the journal. An entry that is the zero value is passed over. A result that was damaged
// since Open is a [*Damage]. The results are valid until the next Read, and their answers
// for longer.
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
			result, err := r.j.read(name, l, &r.results[i])
			each(i, result, err)
		}
		rest = rest[n:]
	}
}

// Release lets go of the answers of the last Read, which may be long.
func (r *Reader) Release() {
	for i := range r.results {
		r.results[i].Response = nil
	}
}

// end is where the line ends.
func (e Entry) end() int64 { return int64(e.offset) + int64(e.length) }

// Read returns the result that an entry of this journal stands for. One that was
// damaged since Open is a [*Damage].
func (j *Journal) Read(e Entry) (*batch.Result, error) {
	if e.Status == "" {
		return nil, fmt.Errorf("journal %s: there is no result to read", j.config.Dir)
	}
	name, text, err := j.bytes(e.segment, int64(e.offset), e.end())
	if err != nil {
		return nil, err
	}
	return j.read(name, line{offset: int64(e.offset), text: text}, new(batch.Result))
}

// bytes returns what stands in a segment from one place to another, as far as it goes,
// and the segment's name.
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

// read checks a line and decodes it to r.
func (j *Journal) read(name string, l line, r *batch.Result) (*batch.Result, error) {
	if l.body, l.ok = verifySum(l.text); !l.ok {
		return nil, corrupt(name, l)
	}
	return j.decodeLine(name, l, r)
}
