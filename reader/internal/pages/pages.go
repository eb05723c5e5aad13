// Package pages reads the values of Parquet files page by page.
//
// It stands beside the library that reads footers and writes files, for two reasons. That
// library decodes some pages wrongly and without an error (docs/upstream/parquet-go.md).
// And it trusts what pages say about their sizes, whereas here a page of a few bytes that
// claims a gigabyte is refused before memory is reserved, and every page must have
// exactly the size that its header says.
//
// Values are decoded as they are read, so that memory does not grow with how many of them
// a few bytes stand for.
package pages

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// A Leaf describes a column of scalars, as the schema in the footer does.
type Leaf struct {
	Name     string // its path in the schema, for messages
	Index    int    // its place among the leaves of the file
	Type     format.Type
	Length   int // of the values of FIXED_LEN_BYTE_ARRAY, in bytes
	Rep, Def int // the highest repetition and definition levels
}

// A SizeError says that a page is larger than the reader was allowed to hold.
type SizeError struct {
	Column      string
	Size, Limit int64 // in bytes
}

// Error returns the column, and both sizes.
func (e *SizeError) Error() string {
	return fmt.Sprintf("a page of column %q takes %d bytes uncompressed, more than the %d that are allowed", e.Column, e.Size, e.Limit)
}

// A Chunk is the values of one leaf in one row group. It is for one goroutine.
type Chunk struct {
	r     io.ReaderAt
	leaf  Leaf
	limit int64 // the largest page, in bytes
	codec decompressor

	at, end int64 // where the next page begins, and where there is none any more
	size    int64 // of the file
	values  int64 // how many are in pages that were not opened yet
	window  []byte
	packed  []byte // a page as it is in the file, if it is compressed

	dict *dictionary
	page // the one that is being read
}

// A page is the body of a page, decompressed.
type page struct {
	left       int // how many of its values were not read, nulls included
	rep, def   *hybrid
	stream     stream
	levels     [2][128]uint32 // the next repetition and definition levels
	level, got int            // levels between these places are not used yet
}

// A stream decodes the values of a page that are not null, one after the other.
type stream interface {
	// next returns the next value. Its bytes belong to whoever holds it, and must not be
	// changed. fresh is how much memory was made for it.
	next() (v parquet.Value, fresh int, err error)
	// rest says how many values were not read, or 0 if that cannot be known.
	rest() int
}

// NewChunk returns the values that meta describes in the file r of the given size. No page
// may take more than limit bytes uncompressed. An error says that the values cannot be
// read; nothing is read before the first Check or Read.
func NewChunk(r io.ReaderAt, size int64, leaf Leaf, meta *format.ColumnMetaData, limit int64) (*Chunk, error) {
	if err := checkCodec(meta.Codec); err != nil {
		return nil, fmt.Errorf("column %q is %w", leaf.Name, err)
	}
	if meta.Type != leaf.Type {
		return nil, fmt.Errorf("column %q is %s in the schema, and %s in a row group", leaf.Name, leaf.Type, meta.Type)
	}
	if leaf.Type < format.Boolean || leaf.Type > format.FixedLenByteArray {
		return nil, fmt.Errorf("column %q has the physical type %d, which Parquet does not have", leaf.Name, int(leaf.Type))
	}
	begin := meta.DataPageOffset
	if d := meta.DictionaryPageOffset; d > 0 && d < begin {
		begin = d
	}
	if begin < 4 || meta.TotalCompressedSize < 0 || begin > size || meta.TotalCompressedSize > size-begin || meta.NumValues < 0 {
		return nil, fmt.Errorf("column %q claims %d values in %d bytes at offset %d of a file of %d", leaf.Name, meta.NumValues, meta.TotalCompressedSize, begin, size)
	}
	return &Chunk{r: r, leaf: leaf, codec: decompressor{codec: meta.Codec}, limit: limit, at: begin, end: begin + meta.TotalCompressedSize, size: size, values: meta.NumValues}, nil
}

// Check reads the headers of the pages, which must not have been read yet. It returns the
// most memory that reading the values takes, in bytes. An error says that a page cannot
// be read: a [*SizeError], or damage.
func (c *Chunk) Check() (most int64, err error) {
	at, left := c.at, c.values
	var dictionary, largest int64
	for left > 0 && at < c.end {
		h, err := c.header(at)
		if err != nil {
			return 0, err
		}
		if err := c.checkHeader(h); err != nil {
			return 0, err
		}
		held := int64(h.size) + int64(h.packed)
		switch h.kind {
		case format.DictionaryPage:
			dictionary = held + int64(h.size) // the places of its values take as much as its body at most
		case format.DataPage, format.DataPageV2:
			left -= int64(h.values)
			largest = max(largest, held)
		}
		at += int64(h.length) + int64(h.packed)
	}
	return dictionary + largest, nil
}

// checkHeader refuses a page that could not be read.
func (c *Chunk) checkHeader(h *header) error {
	if h.size < 0 || h.packed < 0 || h.values < 0 || h.repBytes < 0 || h.defBytes < 0 {
		return c.errorf("the header of a page has a negative size")
	}
	if size := max(int64(h.size), int64(h.packed)); size > c.limit {
		return &SizeError{Column: c.leaf.Name, Size: size, Limit: c.limit}
	}
	switch h.kind {
	case format.DictionaryPage:
		//lint:ignore SA1019 old files have it
		if h.encoding != format.Plain && h.encoding != format.PlainDictionary {
			return c.errorf("a dictionary in the encoding %s is not supported", h.encoding)
		}
	case format.DataPage, format.DataPageV2:
		if !decodes(h.encoding, c.leaf.Type) {
			return c.errorf("values of type %s in the encoding %s are not supported", c.leaf.Type, h.encoding)
		}
		if h.kind == format.DataPage {
			for _, l := range []struct {
				highest  int
				encoding format.Encoding
			}{{c.leaf.Rep, h.repEncoding}, {c.leaf.Def, h.defEncoding}} {
				if l.highest > 0 && l.encoding != format.RLE && l.encoding != format.BitPacked {
					return c.errorf("levels in the encoding %s are not supported", l.encoding)
				}
			}
		}
	}
	return nil
}

// errorf returns an error that names the column.
func (c *Chunk) errorf(text string, args ...any) error {
	return fmt.Errorf("column %q: "+text, append([]any{c.leaf.Name}, args...)...)
}

// Read fills dst with the next values, each with its levels, and returns how many. They
// may be fewer than dst has room for. After the last one it returns io.EOF. The bytes of
// a text stay as they are for as long as it is held.
func (c *Chunk) Read(dst []parquet.Value) (n int, err error) {
	const enough = 1 << 20 // bytes that were made for values, so that long ones do not pile up
	for c.left == 0 {
		if err := c.nextPage(); err != nil {
			return 0, err
		}
	}
	for made := 0; n < len(dst) && c.left > 0 && made < enough; n++ {
		if c.level == c.got {
			if err := c.readLevels(); err != nil {
				return n, c.errorf("%w", err)
			}
		}
		rep, def := int(c.levels[0][c.level]), int(c.levels[1][c.level])
		c.level++
		var v parquet.Value
		if def == c.leaf.Def {
			var fresh int
			if v, fresh, err = c.stream.next(); err != nil {
				return n, c.errorf("%w", err)
			}
			made += fresh
		}
		dst[n] = v.Level(rep, def, c.leaf.Index)
		c.left--
	}
	if c.left == 0 && c.stream.rest() != 0 {
		return 0, c.errorf("a page has %d values more than its header and levels say", c.stream.rest())
	}
	return n, nil
}

// readLevels reads the next levels of the page.
func (c *Chunk) readLevels() error {
	c.level, c.got = 0, min(c.left, len(c.levels[0]))
	for i, h := range []*hybrid{c.rep, c.def} {
		levels := c.levels[i][:c.got]
		highest := uint32(c.leaf.Rep)
		if i == 1 {
			highest = uint32(c.leaf.Def)
		}
		if h == nil {
			fill := uint32(0)
			if i == 1 {
				fill = highest
			}
			for j := range levels {
				levels[j] = fill
			}
			continue
		}
		if err := h.read(levels); err != nil {
			return err
		}
		for _, l := range levels {
			if l > highest {
				return fmt.Errorf("a level is %d, above %d", l, highest)
			}
		}
	}
	return nil
}

// nextPage opens the next page of values, and reads the dictionary if it comes first.
func (c *Chunk) nextPage() error {
	for c.values > 0 && c.at < c.end {
		h, err := c.header(c.at)
		if err != nil {
			return err
		}
		if err := c.checkHeader(h); err != nil {
			return err
		}
		begin := c.at + int64(h.length)
		c.at = begin + int64(h.packed)
		if h.kind != format.DictionaryPage && h.kind != format.DataPage && h.kind != format.DataPageV2 {
			continue // a page of an index; readers pass over what they do not know
		}
		body := c.room(int(h.packed))
		if _, err := c.r.ReadAt(body, begin); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return c.errorf("%w", err)
		}
		if h.hasCRC && crc32.ChecksumIEEE(body) != h.crc {
			return c.errorf("a page is damaged: its checksum is wrong")
		}
		if h.kind == format.DictionaryPage {
			if c.dict != nil {
				return c.errorf("there are two dictionaries")
			}
			if body, err = c.codec.decompress(body, int(h.size)); err == nil {
				c.dict, err = newDictionary(c.leaf, body, int(h.values))
			}
		} else {
			c.values -= int64(h.values)
			c.left, c.level, c.got = int(h.values), 0, 0
			err = c.openPage(h, body)
		}
		if err != nil {
			c.left = 0
			return c.errorf("%w", err)
		}
		if c.left > 0 {
			return nil
		}
	}
	return io.EOF
}

// room returns n bytes for a page as it is in the file. What is not compressed stays as it
// is, because values refer to it.
func (c *Chunk) room(n int) []byte {
	const keep = 4 << 20 // a single large page must not hold its memory to the end
	if c.codec.codec == format.Uncompressed || n > keep {
		return make([]byte, n)
	}
	if cap(c.packed) < n {
		c.packed = make([]byte, n)
	}
	return c.packed[:n]
}

// openPage finds the levels and the values in the body of a page.
func (c *Chunk) openPage(h *header, body []byte) (err error) {
	c.rep, c.def = nil, nil
	if h.kind == format.DataPageV2 {
		rep, def := int(h.repBytes), int(h.defBytes)
		if rep > len(body) || def > len(body)-rep || rep+def > int(h.size) {
			return errors.New("the levels of a page are longer than the page")
		}
		if c.leaf.Rep > 0 {
			c.rep = newHybrid(body[:rep], width(c.leaf.Rep))
		}
		if c.leaf.Def > 0 {
			c.def = newHybrid(body[rep:rep+def], width(c.leaf.Def))
		}
		body = body[rep+def:]
		size := int(h.size) - rep - def
		switch {
		case h.compressed && (len(body) > 0 || size > 0):
			body, err = c.codec.decompress(body, size)
		case len(body) != size:
			err = fmt.Errorf("a page has %d bytes, and its header says %d", len(body), size)
		default:
			body = bytes.Clone(body) // room may give its memory to the next page
		}
		if err != nil {
			return err
		}
	} else {
		if body, err = c.codec.decompress(body, int(h.size)); err != nil {
			return err
		}
		if c.leaf.Rep > 0 {
			if c.rep, body, err = levelsV1(h.repEncoding, body, c.leaf.Rep, c.left); err != nil {
				return err
			}
		}
		if c.leaf.Def > 0 {
			if c.def, body, err = levelsV1(h.defEncoding, body, c.leaf.Def, c.left); err != nil {
				return err
			}
		}
	}
	c.stream, err = newStream(h.encoding, c.leaf, c.dict, body)
	return err
}
