package reader

import (
	"fmt"
	"iter"
	"math"
	"math/bits"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/textfile"
)

// This file divides the rows of an input among shards, so that several machines can read parts
// of it without a word between them.

// A Shard is one of several parts of an input, to which each row belongs exactly one. The zero
// value stands for all of the input.
//
// The files stand one after the other on a line, each as long as its size in bytes, and a shard
// is a part of that line. All parts are of the same length. A record of a text file in UTF-8
// belongs to the shard in which its first byte stands. The rows of a Parquet file stand at equal
// distances. Of a file that is compressed, or in another encoding, it is not known where a row
// stands before all rows in front of it have been read. Blocks of a hundred of its rows go in
// turn to the shards that the file's part of the line overlaps. A file that is a row itself belongs
// to the shard in which it begins.
type Shard struct {
	Index int // which one it is, from 1
	Count int // how many there are; 0 stands for all of the input
}

// blockRows is how many rows of a file go to one shard before the next ones go to another, if it
// is not known where the rows stand.
const blockRows = 100

// check returns an error for a shard that there cannot be.
func (s Shard) check() error {
	if s != (Shard{}) && (s.Index < 1 || s.Index > s.Count) {
		return fmt.Errorf("there is no shard %d of %d", s.Index, s.Count)
	}
	return nil
}

// A Size is a file of an input, and how long it was when the input was opened.
type Size struct {
	Path  string
	Bytes int64
}

// Sizes returns the files in the order in which they are read, and how long they are. Shards of
// the same files divide the rows among them only if each of them has found the same sizes.
func (in *Input) Sizes() []Size {
	sizes := make([]Size, len(in.files))
	for i, f := range in.files {
		sizes[i] = Size{Path: f.path, Bytes: f.size}
	}
	return sizes
}

// Whole returns the input with the rows of all shards.
func (in *Input) Whole() *Input {
	whole := *in
	whole.shard = Shard{}
	return &whole
}

// A Placed is a row of an input with the shard that has it.
type Placed struct {
	batch.Row
	Shard int // from 1
	Done  int // the last shard of those that all have had their rows before this one; 0 if there is none
}

// Placed returns a sequence of the rows of all files, whichever shard in is. Each row has the
// shard that it belongs to if there are count of them. It is otherwise like Rows.
func (in *Input) Placed(count int) iter.Seq2[Placed, error] {
	return func(yield func(Placed, error) bool) {
		l := in.line()
		whole := portion{to: math.MaxInt64, of: 1}
		in.Whole().each(func(int) portion { return whole }, func(file int, r batch.Row, at int64, err error) bool {
			if err != nil {
				return yield(Placed{}, err)
			}
			shard, done := l.shardOf(file, at, count)
			return yield(Placed{Row: r, Shard: shard, Done: done}, nil)
		})
	}
}

// each calls yield for the rows of a portion of each file. place is where the row stands; see
// portion. If a source breaks, the last call has the error.
func (in *Input) each(of func(file int) portion, yield func(file int, r batch.Row, place int64, err error) bool) {
	var number int64
	for i, f := range in.files {
		p := of(i)
		if p.empty() {
			continue
		}
		stopped := false
		j := joiner{hive: &f.hive}
		err := f.rows(p, func(r batch.Row, place int64) bool {
			if !p.has(place) {
				return place < p.to // those after it are not wanted, either
			}
			number++
			r.Number, r.Source = number, f.path
			j.join(&r)
			stopped = !yield(i, r, place, nil)
			return !stopped
		})
		if stopped {
			return
		}
		if err != nil {
			yield(i, batch.Row{}, 0, placed(err, f.path))
			return
		}
	}
}

// A portion is some of the rows of a file. A row of a text file in UTF-8 has for its place where
// its record begins, in bytes of the text. Any other row has for its place how many rows of the
// file are before it.
type portion struct {
	from, to int64 // the places of its rows: from the first to before the second one
	turn, of int64 // and their blocks: of so many, the one whose turn it is
}

func (p portion) empty() bool { return p.from >= p.to }

// has reports whether a row belongs to the portion.
func (p portion) has(place int64) bool {
	return p.from <= place && place < p.to && (p.of == 1 || place/blockRows%p.of == p.turn)
}

// A line is the files of an input, one after the other, with their sizes for lengths.
type line struct {
	files  []*file
	begins []int64 // of the files
	length int64
}

func (in *Input) line() line {
	l := line{files: in.files}
	for _, f := range in.files {
		l.begins = append(l.begins, l.length)
		l.length += f.size
	}
	return l
}

// begin returns where the shard with a number from 0 begins; with the number of all of them, it is
// where the last one ends.
func (l line) begin(shard, count int) int64 { return mulDivUp(l.length, int64(shard), int64(count)) }

// at returns the shard, from 1, in which a byte of the line stands.
func (l line) at(place int64, count int) int {
	if l.length == 0 {
		return 1
	}
	hi, lo := bits.Mul64(uint64(place), uint64(count))
	shard, _ := bits.Div64(hi, lo, uint64(l.length))
	return min(int(shard)+1, count) // a file without a byte can stand at the end
}

// portion returns the rows of a file that a shard has.
func (l line) portion(file int, s Shard) portion {
	f, begin := l.files[file], l.begins[file]
	if s.Count == 0 || f.format == fileformat.Files && l.at(begin, s.Count) == s.Index {
		return portion{to: math.MaxInt64, of: 1}
	}
	if f.format == fileformat.Files {
		if l.at(begin, s.Count) != s.Index {
			return portion{}
		}
		return portion{to: math.MaxInt64, of: 1}
	}
	from := max(0, l.begin(s.Index-1, s.Count)-begin)
	to := min(f.size, l.begin(s.Index, s.Count)-begin)
	switch {
	case from >= to, f.format == fileformat.Files: // a file as a row stands where it begins
		return portion{}
	case f.format == fileformat.Parquet:
		return portion{from: mulDivUp(from, f.count, f.size), to: mulDivUp(to, f.count, f.size), of: 1}
	case f.seekable():
		return portion{from: from, to: to, of: 1}
	}
	first, last := l.at(begin, s.Count), l.at(begin+f.size-1, s.Count)
	return portion{to: math.MaxInt64, turn: int64(s.Index - first), of: int64(last - first + 1)}
}

// shardOf returns the shard, from 1, of a row of a file. All shards up to done have no more rows.
func (l line) shardOf(file int, place int64, count int) (shard, done int) {
	f, begin := l.files[file], l.begins[file]
	switch {
	case f.size == 0, f.format == fileformat.Files:
		shard = l.at(begin, count)
	case f.format == fileformat.Parquet:
		hi, lo := bits.Mul64(uint64(f.size), uint64(place))
		at, _ := bits.Div64(hi, lo, uint64(f.count))
		shard = l.at(begin+int64(at), count)
	case f.seekable():
		shard = l.at(begin+place, count)
	default:
		first, last := l.at(begin, count), l.at(begin+f.size-1, count)
		return first + int(place/blockRows%int64(last-first+1)), first - 1
	}
	return shard, shard - 1
}

// mulDivUp returns a*b/c, rounded up. It must be below 1<<63, and b at most c.
func mulDivUp(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	n, rest := bits.Div64(hi, lo, uint64(c))
	if rest > 0 {
		n++
	}
	return int64(n)
}

// seekable reports whether the records of a text file stand where the bytes of the file do.
func (f *file) seekable() bool {
	return f.compression == "" && f.encoding.Name() == (textfile.Encoding{}).Name()
}
