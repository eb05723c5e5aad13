package output

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
)

// errDiffers ends a derivation that is known to differ.
var errDiffers = errors.New("the files differ")

// A Comparer is a [Target.To] that compares what is derived with a file.
type Comparer struct {
	r       *bufio.Reader
	buf     []byte
	offset  int64 // of the first byte that differs, or so far none does
	line    int64 // in which it stands, where the format has lines
	differs bool
}

// NewComparer returns what compares with the bytes of r.
func NewComparer(r io.Reader) *Comparer {
	return &Comparer{r: bufio.NewReaderSize(r, 256<<10), line: 1}
}

// Differs reports whether a difference has been found so far.
func (c *Comparer) Differs() bool { return c.differs }

// End says that all was written. It reports whether the file differs, also because it goes
// on.
func (c *Comparer) End() bool {
	if _, err := c.r.ReadByte(); err == nil {
		c.differs = true
	}
	return c.differs
}

// Place says where the first difference stands.
func (c *Comparer) Place() string {
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
