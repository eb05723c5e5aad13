package pages

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// decodes reports whether newStream knows the encoding of values of type t.
func decodes(e format.Encoding, t format.Type) bool {
	switch e {
	case format.Plain:
		return true
	//lint:ignore SA1019 old files have it
	case format.RLEDictionary, format.PlainDictionary:
		return true
	case format.RLE:
		return t == format.Boolean
	case format.DeltaBinaryPacked:
		return t == format.Int32 || t == format.Int64
	case format.DeltaLengthByteArray:
		return t == format.ByteArray
	case format.DeltaByteArray:
		return t == format.ByteArray || t == format.FixedLenByteArray
	case format.ByteStreamSplit:
		return t == format.Int32 || t == format.Int64 || t == format.Float || t == format.Double || t == format.FixedLenByteArray
	}
	return false
}

// newStream returns the values of a page. decodes must know the encoding.
func newStream(e format.Encoding, leaf Leaf, dict *dictionary, data []byte) (stream, error) {
	switch e {
	case format.Plain:
		switch leaf.Type {
		case format.Boolean:
			return &booleans{&hybrid{width: 1, run: math.MaxInt64, packs: true, packed: data}}, nil
		case format.ByteArray:
			return &plainTexts{leaf: leaf, data: data}, nil
		}
		return &plain{leaf: leaf, data: data}, nil
	case format.RLE:
		if len(data) > 0 { // else all values are null
			var err error
			if data, _, err = prefixed(data); err != nil {
				return nil, err
			}
		}
		return &booleans{newHybrid(data, 1)}, nil
	case format.DeltaBinaryPacked:
		d, err := newDelta(data)
		return deltaInts{d, leaf.Type == format.Int32}, err
	case format.DeltaLengthByteArray, format.DeltaByteArray:
		return newDeltaTexts(e, leaf, data)
	case format.ByteStreamSplit:
		size := leaf.size()
		if size == 0 || len(data)%size != 0 {
			return nil, fmt.Errorf("a page of %d bytes has no values of %d bytes each", len(data), size)
		}
		return &split{leaf: leaf, data: data, n: len(data) / size, value: make([]byte, size)}, nil
	}
	if dict == nil {
		return nil, fmt.Errorf("a page needs a dictionary, and there is none")
	}
	if len(data) == 0 { // all values are null
		return &places{dict: dict, hybrid: newHybrid(nil, 1)}, nil
	}
	if data[0] > 32 {
		return nil, fmt.Errorf("places of %d bits in a dictionary cannot be", data[0])
	}
	return &places{dict: dict, hybrid: newHybrid(data[1:], uint(data[0]))}, nil
}

// size returns how many bytes each value has, or 0 if they differ.
func (l Leaf) size() int {
	switch l.Type {
	case format.Int32, format.Float:
		return 4
	case format.Int64, format.Double:
		return 8
	case format.Int96:
		return 12
	case format.FixedLenByteArray:
		return l.Length
	}
	return 0
}

// fixed returns the value that b, of l.size() bytes, stands for.
func (l Leaf) fixed(b []byte) parquet.Value {
	le := binary.LittleEndian
	switch l.Type {
	case format.Int32:
		return parquet.Int32Value(int32(le.Uint32(b)))
	case format.Int64:
		return parquet.Int64Value(int64(le.Uint64(b)))
	case format.Float:
		return parquet.FloatValue(math.Float32frombits(le.Uint32(b)))
	case format.Double:
		return parquet.DoubleValue(math.Float64frombits(le.Uint64(b)))
	case format.Int96:
		return parquet.Int96Value(deprecated.Int96{le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:])})
	}
	return parquet.FixedLenByteArrayValue(b)
}

// text returns b as a value of BYTE_ARRAY or FIXED_LEN_BYTE_ARRAY.
func (l Leaf) text(b []byte) (parquet.Value, error) {
	if l.Type != format.FixedLenByteArray {
		return parquet.ByteArrayValue(b), nil
	}
	if len(b) != l.Length {
		return parquet.Value{}, fmt.Errorf("a value has %d bytes where each has %d", len(b), l.Length)
	}
	return parquet.FixedLenByteArrayValue(b), nil
}

// plain are values of one size.
type plain struct {
	leaf Leaf
	data []byte
}

func (p *plain) next() (parquet.Value, int, error) {
	n := p.leaf.size()
	if n > len(p.data) {
		return parquet.Value{}, 0, errShort
	}
	b := p.data[:n:n]
	p.data = p.data[n:]
	return p.leaf.fixed(b), 0, nil
}

// rest is not known: some programs pad their pages.
func (p *plain) rest() int { return 0 }

// plainTexts are texts, each after its length.
type plainTexts struct {
	leaf Leaf
	data []byte
}

func (p *plainTexts) next() (parquet.Value, int, error) {
	b, rest, err := prefixed(p.data)
	if err != nil {
		return parquet.Value{}, 0, err
	}
	p.data = rest
	return parquet.ByteArrayValue(b[:len(b):len(b)]), 0, nil
}

func (p *plainTexts) rest() int { return 0 }

// booleans are values of one bit.
type booleans struct{ *hybrid }

func (b *booleans) next() (parquet.Value, int, error) {
	var v [1]uint32
	err := b.read(v[:])
	return parquet.BooleanValue(v[0] != 0), 0, err
}

func (b *booleans) rest() int { return 0 }

// split are values whose first bytes come first, then all their second bytes, and so on.
type split struct {
	leaf  Leaf
	data  []byte
	n, at int
	value []byte
}

func (s *split) next() (parquet.Value, int, error) {
	if s.at == s.n {
		return parquet.Value{}, 0, errShort
	}
	value, fresh := s.value, 0
	if s.leaf.Type == format.FixedLenByteArray { // the value keeps its bytes
		value, fresh = make([]byte, len(s.value)), len(s.value)
	}
	for i := range value {
		value[i] = s.data[i*s.n+s.at]
	}
	s.at++
	return s.leaf.fixed(value), fresh, nil
}

func (s *split) rest() int { return s.n - s.at }

// A dictionary holds the values that pages refer to by their places.
type dictionary struct {
	leaf Leaf
	data []byte
	n    int
	ends []uint32 // of BYTE_ARRAY: where each value ends in data
}

func newDictionary(leaf Leaf, data []byte, n int) (*dictionary, error) {
	d := &dictionary{leaf: leaf, data: data, n: n}
	switch leaf.Type {
	case format.Boolean: // only parquet-go writes those, and genbatch did
		if n > 8*len(data) {
			return nil, errShort
		}
		return d, nil
	case format.ByteArray:
	default:
		if size := leaf.size(); int64(n)*int64(size) > int64(len(data)) {
			return nil, errShort
		}
		return d, nil
	}
	if n > len(data)/4 {
		return nil, errShort
	}
	d.ends = make([]uint32, n)
	rest := data
	for i := range d.ends {
		var err error
		if _, rest, err = prefixed(rest); err != nil {
			return nil, err
		}
		d.ends[i] = uint32(len(data) - len(rest))
	}
	return d, nil
}

// value returns the value at a place.
func (d *dictionary) value(place uint32) (parquet.Value, error) {
	if int64(place) >= int64(d.n) {
		return parquet.Value{}, fmt.Errorf("a page refers to value %d of a dictionary of %d", place, d.n)
	}
	i := int(place)
	if d.leaf.Type == format.Boolean {
		return parquet.BooleanValue(d.data[i/8]>>(i%8)&1 != 0), nil
	}
	if d.ends == nil {
		n := d.leaf.size()
		return d.leaf.fixed(d.data[i*n : (i+1)*n : (i+1)*n]), nil
	}
	begin := uint32(4)
	if i > 0 {
		begin += d.ends[i-1]
	}
	return parquet.ByteArrayValue(d.data[begin:d.ends[i]:d.ends[i]]), nil
}

// places are values of a dictionary.
type places struct {
	dict *dictionary
	*hybrid
}

func (p *places) next() (parquet.Value, int, error) {
	var place [1]uint32
	if err := p.read(place[:]); err != nil {
		return parquet.Value{}, 0, err
	}
	v, err := p.dict.value(place[0])
	return v, 0, err
}

func (p *places) rest() int { return 0 }
