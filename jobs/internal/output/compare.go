package output

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// This file compares outputs with files that are there.

// written returns how a file is read that genbatch has written for a job. Nothing of it is left
// to be found out.
func written(s *spec.Spec, path string) reader.Config {
	c := reader.Config{Paths: []string{path}, Format: s.OutputFormat, MaxRowBytes: math.MaxInt32, Delimiter: "tab"}
	if format, err := writer.FormatOf(path, s.OutputFormat); err == nil && format == fileformat.CSV {
		c.Delimiter = cmp.Or(s.OutputDelimiter, "comma")
	}
	return c
}

// CountRows reads a file that genbatch has written, and returns how many rows it has. A row
// that cannot be read is an error.
func CountRows(s *spec.Spec, path string) (n int64, err error) {
	in, err := reader.Open(written(s, path))
	if err != nil {
		return 0, err
	}
	for row, err := range in.Rows() {
		if err == nil {
			err = row.Err // such as a text that is not UTF-8, which other programs refuse
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Answers counts the rows of a file that have an answer, as outputs have it, and adds up what
// they cost. A file that is no output of such a job has none, and what cannot be read does
// not count. The cost is 0 if it is not known of each of them.
func Answers(s *spec.Spec) (n int64, cost price.USD) {
	in, err := reader.Open(written(s, s.Output))
	if err != nil {
		return 0, 0
	}
	known := true
	for row, err := range in.Rows() {
		if err != nil {
			break
		}
		text, _ := row.Value(s.Prefix + "status")
		switch status := batch.Status(fmt.Sprint(text)); status {
		case batch.OK, batch.Blocked, batch.Truncated, batch.Empty, batch.Invalid: // what was paid for
			n++
		default:
			continue
		}
		amount, _ := row.Value(s.Prefix + "cost_usd")
		usd, err := price.ParseUSD(fmt.Sprint(amount))
		known = known && err == nil
		cost += usd
	}
	if !known {
		cost = 0
	}
	return n, cost
}

// errDiffers ends a derivation that is known to differ.
var errDiffers = errors.New("the files differ")

// A Comparer compares what is written to it with what a file has. A Write fails once the
// two are known to differ.
type Comparer struct {
	r       *bufio.Reader
	buf     []byte
	offset  int64 // of the first byte that differs, or so far none does
	line    int64 // in which it stands, where the format has lines
	differs bool
}

// NewComparer returns what compares with the content of a file.
func NewComparer(file io.Reader) *Comparer {
	return &Comparer{r: bufio.NewReaderSize(file, 256<<10), line: 1}
}

// End says where the two differ, now that all is written. It returns "" if they are equal.
func (c *Comparer) End() string {
	if _, err := c.r.ReadByte(); err == nil {
		c.differs = true // it goes on where it should end, if it has not differed before
	}
	if !c.differs {
		return ""
	}
	return fmt.Sprintf("it differs from byte %d on, in line %d", c.offset, c.line)
}

// Write implements io.Writer.
func (c *Comparer) Write(p []byte) (int, error) {
	if c.differs {
		return 0, errDiffers
	}
	c.buf = slices.Grow(c.buf[:0], len(p))[:len(p)]
	n, err := io.ReadFull(c.r, c.buf)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, err
	}
	for i := range n {
		if p[i] != c.buf[i] {
			c.differs = true
			return 0, errDiffers
		}
		c.offset++
		if p[i] == '\n' {
			c.line++
		}
	}
	if n < len(p) {
		c.differs = true
		return 0, errDiffers
	}
	return n, nil
}
