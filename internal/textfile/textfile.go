// Package textfile reads text files, compressed or not, in lines or in the records of CSV.
// It holds one line or record at a time, up to a limit, and goes on after one that is
// longer.
package textfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
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
	closers  []func() error
}

// Open opens the file at path, whose compression is "gz", "zst" or empty, and which is in an
// encoding unless it has a byte order mark. The caller must Close the result. An error does
// not name the file.
func Open(path, compression string, e Encoding) (*File, error) {
	raw, err := os.Open(path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, err
	}
	t := &File{closers: []func() error{raw.Close}}
	var r io.Reader = raw
	switch compression {
	case "gz":
		z := &gzipReader{source: bufio.NewReaderSize(raw, Buffer)}
		if z.Reader, err = gzip.NewReader(z.source); err != nil {
			t.Close()
			return nil, errors.New("not a gzip file; if it is not compressed, take .gz off its name")
		}
		z.Multistream(false)
		t.closers = append(t.closers, z.Close)
		r = compressed{z, "gzip"}
	case "zst":
		// A concurrency of 1 keeps the decoder from starting goroutines, and from reading
		// ahead. The largest window is that of the zstd program.
		source := &zeroCounter{r: bufio.NewReaderSize(raw, Buffer)}
		z, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			t.Close()
			return nil, fmt.Errorf("not a zstd file: %w", noEOF(err))
		}
		t.closers = append(t.closers, func() error { z.Close(); return nil })
		r = compressed{&zstdReader{z, source}, "zstd"}
	}
	t.Reader = bufio.NewReaderSize(r, Buffer)
	if err := t.decode(e); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Close closes the file and its decompressor.
func (t *File) Close() error {
	var errs []error
	for i := len(t.closers) - 1; i >= 0; i-- {
		errs = append(errs, t.closers[i]())
	}
	return errors.Join(errs...)
}

// A gzipReader reads all members of a gzip file. Zeros after the last one are padding, as
// for the gzip program: tapes and archives fill up their blocks.
type gzipReader struct {
	*gzip.Reader
	source *bufio.Reader
}

func (g *gzipReader) Read(p []byte) (int, error) {
	for {
		n, err := g.Reader.Read(p)
		if n > 0 || err != io.EOF {
			if err == io.EOF {
				err = nil // the next call meets it again
			}
			return n, err
		}
		if err := skipZeros(g.source); err != nil {
			return 0, err
		}
		if magic, err := g.source.Peek(2); err == nil && string(magic) != "\x1f\x8b" {
			return 0, errors.New("what stands after the end of the compressed data is not gzip")
		}
		if err := g.Reset(g.source); err != nil {
			return 0, noEOF(err)
		}
		g.Multistream(false)
	}
}

// skipZeros passes over zeros. The error is io.EOF if nothing else follows.
func skipZeros(r *bufio.Reader) error {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return r.UnreadByte()
		}
	}
}

// A zstdReader reads all frames of a zstd file, and takes zeros after the last one for
// padding.
type zstdReader struct {
	z      *zstd.Decoder
	source *zeroCounter
}

func (z *zstdReader) Read(p []byte) (int, error) {
	n, err := z.z.Read(p)
	if s := z.source; errors.Is(err, zstd.ErrMagicMismatch) && s.zeros >= 4 && s.zeros < s.total && skipZeros(s.r) == io.EOF {
		return n, io.EOF
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return n, fmt.Errorf("it was compressed with a window of more than 128 MiB; unpack it first, with: zstd -d --long=31 (%w)", err)
	}
	return n, err
}

// A zeroCounter counts the zeros at the end of what was read.
type zeroCounter struct {
	r            *bufio.Reader
	zeros, total int64
}

func (c *zeroCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.total += int64(n)
	if tail := len(p[:n]) - len(bytes.TrimRight(p[:n], "\x00")); tail < n {
		c.zeros = int64(tail)
	} else {
		c.zeros += int64(n)
	}
	return n, err
}

// compressed names the compression in the errors of its reader, which by themselves say
// "unexpected EOF" and little more.
type compressed struct {
	r    io.Reader
	name string
}

func (c compressed) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, fmt.Errorf("the %s data ends too early; the file was cut short", c.name)
	}
	return n, fmt.Errorf("the %s data is damaged: %w", c.name, err)
}

// noEOF replaces io.EOF, which a caller would take for the end of the rows.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
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
