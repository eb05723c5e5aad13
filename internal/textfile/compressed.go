package textfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// This file reads compressed files, and says what is wrong with them in words: the errors
// of the decompressors are for those who know the formats.

// A method is a way to compress a file.
type method struct {
	name, extension string
	magic           string // what the file and each further part of it begin with
	unpack          string // the command that writes what it can read to stdout
}

var methods = map[string]method{
	"gz":  {"gzip", ".gz", "\x1f\x8b", "gzip -dc"},
	"zst": {"zstd", ".zst", "\x28\xb5\x2f\xfd", "zstd -dc"},
}

// decompressed returns what raw holds. The compression is "gz", "zst" or empty. closer may
// be nil.
func decompressed(raw io.Reader, compression string) (r io.Reader, closer func() error, err error) {
	m, ok := methods[compression]
	if !ok {
		return raw, nil, nil
	}
	source := bufio.NewReaderSize(raw, Buffer)
	if err := m.check(source); err != nil {
		return nil, nil, err
	}
	if compression == "gz" {
		z := &gzipReader{source: source}
		if z.Reader, err = gzip.NewReader(source); err != nil {
			return nil, nil, m.fault(noEOF(err))
		}
		z.Multistream(false)
		return &compressed{r: z, m: m}, z.Close, nil
	}
	// A concurrency of 1 keeps the decoder from starting goroutines, and from reading
	// ahead. The largest window is that of the zstd program.
	counter := &zeroCounter{r: source}
	z, err := zstd.NewReader(counter, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return nil, nil, m.fault(noEOF(err))
	}
	return &compressed{r: &zstdReader{z, counter}, m: m}, func() error { z.Close(); return nil }, nil
}

// check says what a file is that is clearly not of this compression.
func (m method) check(r *bufio.Reader) error {
	head, err := r.Peek(512)
	if err != nil && err != io.EOF {
		return err
	}
	other := func(prefix string) bool { return bytes.HasPrefix(head, []byte(prefix)) }
	switch {
	case len(head) == 0:
		return fmt.Errorf("is empty, which no %s file is: writing it may have failed", m.name)
	case other(m.magic), bytes.HasPrefix([]byte(m.magic), head), m.name == "zstd" && isSkippable(head):
		return nil
	}
	for _, o := range methods {
		if other(o.magic) {
			return fmt.Errorf("is not a %s file: it is compressed with %s; give it a name that ends in %s", m.name, o.name, o.extension)
		}
	}
	if other("BZh") || other("\xfd7zXZ") || other("PK\x03\x04") {
		return fmt.Errorf("is not a %s file: it is compressed in a way that is not read here; unpack it first, for example with bunzip2, unxz or unzip", m.name)
	}
	if !bytes.ContainsFunc(head, isControl) || other("\xff\xfe") || other("\xfe\xff") {
		return fmt.Errorf("is not a %s file: it is plain text; take %s off its name", m.name, m.extension)
	}
	return fmt.Errorf("is not a %s file, whatever its name says; it may be damaged, or of another kind", m.name)
}

// isSkippable reports whether a zstd file begins with a frame that is not data.
func isSkippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xF0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18"
}

// isControl reports whether a character does not occur in text.
func isControl(c rune) bool { return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7F }

// errBehind says that something follows the compressed data.
var errBehind = errors.New("bytes of another kind follow the compressed data")

// fault says in words what an error of a decompressor means.
func (m method) fault(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe // the disk's fault
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the %s data ends too early; the file was cut short", m.name)
	case errors.Is(err, errBehind):
		return fmt.Errorf("bytes that are no %s follow the compressed data; if they are garbage, read what is before them, with: %s FILE > NEWFILE", m.name, m.unpack)
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return errors.New("the zstd data was compressed with a window of more than 128 MiB; unpack it first, with: zstd -d --long=31")
	}
	return fmt.Errorf("the %s data is damaged, and some rows before this may be wrong; get the file again", m.name)
}

// compressed puts the errors of a decompressor in words. It keeps to the first: a decompressor
// that is asked again may say something else.
type compressed struct {
	r   io.Reader
	m   method
	err error
}

func (c *compressed) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	c.err = c.m.fault(err)
	return n, c.err
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
		magic := methods["gz"].magic
		if head, err := g.source.Peek(len(magic)); !bytes.HasPrefix([]byte(magic), head) {
			return 0, errBehind
		} else if err != nil {
			return 0, noEOF(err)
		}
		if err := g.Reset(g.source); errors.Is(err, gzip.ErrHeader) {
			return 0, errBehind
		} else if err != nil {
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
	if !errors.Is(err, zstd.ErrMagicMismatch) {
		return n, err
	}
	if s := z.source; s.zeros >= 4 && s.zeros < s.total && skipZeros(s.r) == io.EOF {
		return n, io.EOF
	}
	return n, errBehind // the beginning of the file was checked
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

// noEOF replaces io.EOF, which a caller would take for the end of the rows.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
