package textfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// ErrTooLong says that a line or record was over the limit. All of it has been read.
var ErrTooLong = errors.New("too long")

// Lines reads lines of up to a number of bytes, in the memory of the longest one. It goes
// on after a longer line, where a bufio.Scanner would stop for good.
type Lines struct {
	r      *bufio.Reader
	max    int
	number int64        // of the line that Next has returned last, from 1
	offset int64        // bytes read so far
	begin  int64        // where the line begins that Next has returned last
	long   func([]byte) // if not nil, sees the pieces of a line that is too long
	buf    []byte
}

// NewLines returns what reads the lines of r, of up to limit bytes without their ends.
func NewLines(r *bufio.Reader, limit int) *Lines { return &Lines{r: r, max: limit} }

// Number returns the number of the line that Next has returned last, from 1.
func (l *Lines) Number() int64 { return l.number }

// Begin returns where the line begins that Next has returned last, in bytes of the text.
func (l *Lines) Begin() int64 { return l.begin }

// Next returns the next line with its line end. The line is valid until the next call.
// io.EOF is the end of the file, and ErrTooLong concerns this line alone. Any other
// error means that the source broke; the part of the line before that place is lost.
func (l *Lines) Next() ([]byte, error) {
	const keep = 4 << 20 // a single long line must not hold its memory to the end
	if cap(l.buf) > keep {
		l.buf = nil
	}
	l.number++
	l.begin = l.offset
	line, err := l.r.ReadSlice('\n')
	l.offset += int64(len(line))
	if err == nil && len(line) <= l.max {
		return line, nil
	}
	l.buf = l.buf[:0]
	long := false
	for {
		switch {
		case long:
			l.see(line)
		case len(l.buf)+len(line) > l.max+len("\r\n"): // the line end does not count
			long = true
			l.see(l.buf)
			l.see(line)
			l.buf = nil
		default:
			l.buf = append(l.buf, line...)
		}
		if err != bufio.ErrBufferFull {
			break
		}
		line, err = l.r.ReadSlice('\n')
		l.offset += int64(len(line))
	}
	switch {
	case err != nil && err != io.EOF:
		return nil, err
	case long:
		return nil, ErrTooLong
	case len(bytes.TrimRight(l.buf, "\r\n")) > l.max:
		l.see(l.buf)
		return nil, ErrTooLong
	case err == io.EOF && len(l.buf) == 0:
		return nil, io.EOF
	}
	return l.buf, nil
}

func (l *Lines) see(piece []byte) {
	if l.long != nil {
		l.long(piece)
	}
}
