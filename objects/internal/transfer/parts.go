package transfer

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// Parts cuts what is written into parts. It is for one goroutine.
type Parts struct {
	r     *bufio.Reader
	size  int64 // what r is to hold; 0 = not known
	limit int64 // of a part
	read  int64
	buf   bytes.Buffer
}

// NewParts returns the parts of what r holds, of limit bytes each but for the last one. If size
// is not 0, r must hold so many bytes.
func NewParts(r io.Reader, size, limit int64) *Parts {
	return &Parts{r: bufio.NewReaderSize(r, pieceBytes), size: size, limit: limit}
}

// Read returns how many bytes were read so far.
func (p *Parts) Read() int64 { return p.read }

// Next returns the next part, which is valid until the next call, and whether it is the last
// one. Only the last one may be empty.
func (p *Parts) Next() (part []byte, last bool, err error) {
	p.buf.Reset()
	if left := p.size - p.read; left > 0 {
		p.buf.Grow(int(min(left, p.limit)))
	}
	n, err := io.CopyN(&p.buf, p.r, p.limit)
	p.read += n
	if err != nil && err != io.EOF {
		return nil, false, fmt.Errorf("what was to be written cannot be read: %w", err)
	}
	if err == nil {
		_, err = p.r.Peek(1)
		if err != nil && err != io.EOF {
			return nil, false, fmt.Errorf("what was to be written cannot be read: %w", err)
		}
	}
	last = err == io.EOF
	if p.size != 0 && (p.read > p.size || last && p.read != p.size || !last && p.read == p.size) {
		more := ""
		if !last {
			more = " or more"
		}
		return nil, false, fmt.Errorf("what was to be written holds %d bytes%s, and was said to hold %d", p.read, more, p.size)
	}
	return p.buf.Bytes(), last, nil
}
