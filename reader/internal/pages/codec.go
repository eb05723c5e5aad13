package pages

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// checkCodec refuses a codec that decompress does not know.
func checkCodec(codec format.CompressionCodec) error {
	switch codec {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd, format.Lz4Raw:
		return nil
	case format.Lz4:
		return errors.New("compressed with LZ4 in its old form, which is not supported")
	case format.LZO:
		return errors.New("compressed with LZO, which is not supported")
	}
	return fmt.Errorf("compressed with codec %d, which is not known", int(codec))
}

// A decompressor undoes the compression of the pages of a chunk.
type decompressor struct {
	codec format.CompressionCodec
	zstd  *zstd.Decoder // nil until it is needed
}

// decompress returns the size bytes that src was compressed from. What comes out shorter
// or longer is an error, and no more than size bytes are ever made. If nothing was
// compressed, it returns src itself.
func (d *decompressor) decompress(src []byte, size int) ([]byte, error) {
	if d.codec == format.Uncompressed {
		if len(src) != size {
			return nil, fmt.Errorf("a page has %d bytes, and its header says %d", len(src), size)
		}
		return src, nil
	}
	dst, err := d.decode(src, size)
	if err != nil {
		return nil, fmt.Errorf("a page does not decompress: %w", err)
	}
	if len(dst) != size {
		return nil, fmt.Errorf("a page decompresses to %d bytes, and its header says %d", len(dst), size)
	}
	return dst, nil
}

func (d *decompressor) decode(src []byte, size int) ([]byte, error) {
	switch d.codec {
	case format.Snappy:
		n, err := snappy.DecodedLen(src)
		if err != nil || n != size {
			return nil, errors.Join(err, fmt.Errorf("its data are of %d bytes, and its header says %d", n, size))
		}
		return snappy.Decode(make([]byte, size), src)
	case format.Zstd:
		if d.zstd == nil {
			// With a concurrency of 1 the decoder starts no goroutines.
			var err error
			if d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true)); err != nil {
				return nil, err
			}
		}
		return d.zstd.DecodeAll(src, make([]byte, 0, size))
	case format.Gzip:
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, err
		}
		return readAll(r, size)
	case format.Brotli:
		return readAll(brotli.NewReader(bytes.NewReader(src)), size)
	}
	dst := make([]byte, size)
	n, err := lz4.UncompressBlock(src, dst)
	return dst[:max(n, 0)], err
}

// readAll reads size bytes, after which r must end.
func readAll(r io.Reader, size int) ([]byte, error) {
	dst := make([]byte, size)
	if n, err := io.ReadFull(r, dst); err == io.EOF || err == io.ErrUnexpectedEOF {
		return dst[:n], nil
	} else if err != nil {
		return nil, err
	}
	var more [1]byte
	switch n, err := io.ReadFull(r, more[:]); {
	case n > 0:
		return nil, errors.New("it goes on where it should end")
	case err != io.EOF:
		return nil, err
	}
	return dst, nil
}
