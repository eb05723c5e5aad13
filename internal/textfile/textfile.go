// Package textfile reads text files, compressed or not, in lines or in the records of CSV.
// It holds one line or record at a time, up to a limit, and goes on after one that is
// longer.
package textfile

import (
	"bufio"
	"errors"
	"io"
	"math"
	"os"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/genbatch/genbatch/internal/store"
)

// Buffer is the size in bytes of the buffer through which a File is read.
const Buffer = 256 << 10

// A File is an open text file. It is read decompressed, without byte order mark, and in
// UTF-8 whatever its encoding. Bytes that are no character of the encoding become bytes that
// are no UTF-8.
type File struct {
	*bufio.Reader
	Encoding Encoding // of the file
	Marked   bool     // a byte order mark says the encoding
	start    []byte   // the first bytes, before they are decoded
	mark     int      // the length of the byte order mark
	raw      io.ReaderAt
	closers  []func() error
}

// Open opens the file. The caller must Close the result. An error does not name the file.
func (s Source) Open() (*File, error) {
	raw, _, err := store.Open(s.Path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, err
	}
	t := &File{raw: raw, closers: []func() error{raw.Close}}
	r, closer, err := decompressed(raw, s.Compression)
	if err != nil {
		t.Close()
		return nil, err
	}
	if closer != nil {
		t.closers = append(t.closers, closer)
	}
	t.Reader = bufio.NewReaderSize(r, Buffer)
	if err := t.decode(s.Encoding); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// LinesFrom returns what reads the lines that begin at a place of the text or after it, of up to
// limit bytes without their ends. The place is in bytes, from 1. The file must not be compressed,
// and must be in UTF-8.
func (t *File) LinesFrom(place int64, limit int) (*Lines, error) {
	place-- // where a line begins a line end stands before
	at := t.Offset(place)
	t.Reset(io.NewSectionReader(t.raw, at, math.MaxInt64-at))
	for {
		piece, err := t.ReadSlice('\n')
		place += int64(len(piece))
		switch err {
		case nil, io.EOF:
			return &Lines{r: t.Reader, max: limit, offset: place}, nil
		case bufio.ErrBufferFull:
		default:
			return nil, err
		}
	}
}

// Offset returns where a place of the text stands in a file that is in UTF-8 and not compressed.
func (t *File) Offset(place int64) int64 { return int64(t.mark) + place }

// Close closes the file and its decompressor.
func (t *File) Close() error {
	var errs []error
	for i := len(t.closers) - 1; i >= 0; i-- {
		errs = append(errs, t.closers[i]())
	}
	return errors.Join(errs...)
}

// A utf16Reader turns UTF-16 into UTF-8. A surrogate without its other half becomes three
// bytes that are not UTF-8, so that only the row in which it stands is refused.
type utf16Reader struct {
	r       *bufio.Reader
	big     bool
	pending []byte // decoded and not yet read
	buf     [utf8.UTFMax * 1024]byte
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	if len(u.pending) == 0 {
		out := u.buf[:0]
		for len(out)+utf8.UTFMax <= len(u.buf) {
			c, err := u.unit()
			if err != nil {
				if err == io.EOF && len(out) > 0 {
					break // the next call meets the end again
				}
				if len(out) == 0 {
					return 0, err
				}
				break
			}
			r := rune(c)
			if utf16.IsSurrogate(r) {
				low, err := u.peekUnit()
				pair := utf16.DecodeRune(r, rune(low))
				if err != nil || pair == utf8.RuneError {
					out = append(out, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
					continue
				}
				u.r.Discard(2)
				r = pair
			}
			out = utf8.AppendRune(out, r)
		}
		u.pending = out
	}
	n := copy(p, u.pending)
	u.pending = u.pending[n:]
	return n, nil
}

// peekUnit returns the next code unit without reading it.
func (u *utf16Reader) peekUnit() (uint16, error) {
	b, err := u.r.Peek(2)
	switch {
	case len(b) == 1 && err == io.EOF:
		return 0, errCutShort
	case err != nil:
		return 0, err
	case u.big:
		return uint16(b[0])<<8 | uint16(b[1]), nil
	}
	return uint16(b[1])<<8 | uint16(b[0]), nil
}

// unit reads the next code unit.
func (u *utf16Reader) unit() (uint16, error) {
	c, err := u.peekUnit()
	if err == nil {
		u.r.Discard(2)
	}
	return c, err
}
