package pages

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/format"
)

// A header is what is needed of a page's header.
type header struct {
	length       int // of the header itself, in bytes
	kind         format.PageType
	size, packed int32 // of the page, uncompressed and in the file
	crc          uint32
	hasCRC       bool
	values       int32
	encoding     format.Encoding

	repEncoding, defEncoding format.Encoding // of version 1
	repBytes, defBytes       int32           // of version 2
	compressed               bool            // of version 2
}

// header reads the header of the page at an offset. Some programs put their longest texts
// into it as statistics, over which it passes without reading them.
func (c *Chunk) header(at int64) (*header, error) {
	if c.window == nil {
		c.window = make([]byte, 256) // mostly enough
	}
	h, err := parseHeader(&thrift{r: c.r, at: at, end: c.size, window: c.window})
	if err != nil {
		return nil, c.errorf("the header of the page at byte %d is damaged: %w", at, err)
	}
	if at+int64(h.length)+int64(h.packed) > c.size {
		return nil, c.errorf("a page reaches beyond the end of the file")
	}
	return h, nil
}

// errCut says that Thrift data end too early.
var errCut = errors.New("it ends too early")

// parseHeader reads a PageHeader, whose fields have the numbers of parquet.thrift.
func parseHeader(t *thrift) (*header, error) {
	begin := t.at
	h := &header{compressed: true, kind: -1}
	t.fields(func(id int, kind byte) {
		switch {
		case id == 1 && kind == thriftI32:
			h.kind = format.PageType(t.i32())
		case id == 2 && kind == thriftI32:
			h.size = t.i32()
		case id == 3 && kind == thriftI32:
			h.packed = t.i32()
		case id == 4 && kind == thriftI32:
			h.crc, h.hasCRC = uint32(t.i32()), true
		case (id == 5 || id == 7) && kind == thriftStruct: // version 1, and dictionaries
			t.fields(func(id int, kind byte) {
				switch {
				case id == 1 && kind == thriftI32:
					h.values = t.i32()
				case id == 2 && kind == thriftI32:
					h.encoding = format.Encoding(t.i32())
				case id == 3 && kind == thriftI32:
					h.defEncoding = format.Encoding(t.i32())
				case id == 4 && kind == thriftI32:
					h.repEncoding = format.Encoding(t.i32())
				default:
					t.skip(kind)
				}
			})
		case id == 8 && kind == thriftStruct: // version 2
			t.fields(func(id int, kind byte) {
				switch {
				case id == 1 && kind == thriftI32:
					h.values = t.i32()
				case id == 4 && kind == thriftI32:
					h.encoding = format.Encoding(t.i32())
				case id == 5 && kind == thriftI32:
					h.defBytes = t.i32()
				case id == 6 && kind == thriftI32:
					h.repBytes = t.i32()
				case id == 7 && (kind == thriftTrue || kind == thriftFalse):
					h.compressed = kind == thriftTrue
				default:
					t.skip(kind)
				}
			})
		default:
			t.skip(kind)
		}
	})
	h.length = int(t.at - begin)
	if t.err == nil && (h.kind < format.DataPage || h.kind > format.DataPageV2) {
		t.err = fmt.Errorf("there is no page of type %d", int(h.kind))
	}
	return h, t.err
}

// CheckFooter refuses a footer that would make its reader reserve memory without bound,
// or descend without bound: one with a list that has more items than bytes, or with a
// schema that is deeper than any level can count.
func CheckFooter(b []byte) error {
	t := thrift{r: bytes.NewReader(b), end: int64(len(b)), window: make([]byte, 4<<10)}
	if t.skip(thriftStruct); t.err != nil {
		return t.err
	}
	var d format.FooterDecoder
	meta, _, err := d.Decode(b)
	if err != nil {
		return err
	}
	const deepest = 255
	var open []int32 // for each group that holds the element, how many more it has
	for i := range meta.Schema {
		for len(open) > 0 && open[len(open)-1] == 0 {
			open = open[:len(open)-1]
		}
		if n := len(open); n > 0 {
			open[n-1]--
		}
		if n := meta.Schema[i].NumChildren; n.V > 0 {
			open = append(open, n.V)
		}
		if len(open) > deepest {
			return fmt.Errorf("its schema is more than %d levels deep", deepest)
		}
	}
	return nil
}

// The types of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// A thrift reads data in Thrift's compact protocol. After an error it reads zeros.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
type thrift struct {
	r       io.ReaderAt
	at, end int64 // where the next byte is, and where there is none any more
	window  []byte
	ahead   []byte // the part of window that was not read yet
	depth   int
	err     error
}

func (t *thrift) fail(err error) {
	if t.err == nil {
		t.err = err
	}
	t.at, t.ahead = t.end, nil
}

func (t *thrift) byte() byte {
	if len(t.ahead) == 0 {
		n, err := t.r.ReadAt(t.window[:min(t.end-t.at, int64(len(t.window)))], t.at)
		if n == 0 {
			if err == nil || err == io.EOF {
				err = errCut
			}
			t.fail(err)
			return 0
		}
		t.ahead = t.window[:n]
	}
	b := t.ahead[0]
	t.ahead = t.ahead[1:]
	t.at++
	return b
}

// pass passes over n bytes.
func (t *thrift) pass(n uint64) {
	switch {
	case n > uint64(t.end-t.at):
		t.fail(errCut)
	case n > uint64(len(t.ahead)):
		t.at, t.ahead = t.at+int64(n), nil
	default:
		t.at, t.ahead = t.at+int64(n), t.ahead[n:]
	}
}

func (t *thrift) uvarint() (v uint64) {
	for shift := 0; shift < 70; shift += 7 {
		b := t.byte()
		if v |= uint64(b&0x7F) << shift; b < 0x80 {
			return v
		}
	}
	t.fail(errors.New("a number has more than 64 bits"))
	return 0
}

func (t *thrift) varint() int64 {
	v := t.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (t *thrift) i32() int32 {
	v := t.varint()
	if v != int64(int32(v)) {
		t.fail(fmt.Errorf("%d is no number of 32 bits", v))
	}
	return int32(v)
}

// fields calls do for each field of a struct. do must read the field, or skip it.
func (t *thrift) fields(do func(id int, kind byte)) {
	const deepest = 64 // the deepest of Parquet's own is 8
	if t.depth++; t.depth > deepest {
		t.fail(errors.New("it is nested too deeply"))
	}
	defer func() { t.depth-- }()
	for id := 0; ; {
		head := t.byte()
		if t.err != nil || head == 0 {
			return
		}
		if delta := int(head >> 4); delta != 0 {
			id += delta
		} else {
			id = int(t.varint())
		}
		do(id, head&0xF)
	}
}

// skip passes over a value.
func (t *thrift) skip(kind byte) {
	switch kind {
	case thriftTrue, thriftFalse:
	case thriftByte:
		t.pass(1)
	case thriftI16, thriftI32, thriftI64:
		t.uvarint()
	case thriftDouble:
		t.pass(8)
	case thriftBinary:
		t.pass(t.uvarint())
	case thriftList, thriftSet:
		head := t.byte()
		n := uint64(head >> 4)
		if n == 15 {
			n = t.uvarint()
		}
		t.skipItems(n, head&0xF)
	case thriftMap:
		n := t.uvarint()
		if n == 0 {
			return
		}
		kinds := t.byte()
		t.skipItems(n, kinds>>4, kinds&0xF)
	case thriftStruct:
		t.fields(func(_ int, kind byte) { t.skip(kind) })
	default:
		t.fail(fmt.Errorf("there is no type %d", kind))
	}
}

// skipItems passes over n items, each of which has values of these kinds.
func (t *thrift) skipItems(n uint64, kinds ...byte) {
	if n > uint64(t.end-t.at) { // each item has a byte at least
		t.fail(errCut)
	}
	const deepest = 64
	if t.depth++; t.depth > deepest {
		t.fail(errors.New("it is nested too deeply"))
	}
	for i := uint64(0); i < n && t.err == nil; i++ {
		for _, kind := range kinds {
			if kind == thriftTrue || kind == thriftFalse {
				kind = thriftByte // unlike a field's, an item's value has a byte of its own
			}
			t.skip(kind)
		}
	}
	t.depth--
}
