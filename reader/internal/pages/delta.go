package pages

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// A delta decodes integers that are given by their differences.
// https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC
type delta struct {
	data  []byte // what was not looked at yet
	left  int64  // how many values were not read
	value int64  // the next one
	first bool   // value is the one of the header

	blocks int // how many values a miniblock has
	minis  int // how many miniblocks a block has

	least  int64  // the least difference of the block
	widths []byte // of the miniblocks of the block that were not looked at yet
	packed []byte // the current miniblock
	width  uint
	bit    int64
	inMini int // how many values the miniblock still has
}

func newDelta(data []byte) (*delta, error) {
	if len(data) == 0 { // all values are null
		return &delta{}, nil
	}
	var head [4]uint64
	for i := range head {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, errShort
		}
		head[i], data = v, data[n:]
	}
	block, minis, total := head[0], head[1], head[2]
	if total == 0 {
		return &delta{data: data}, nil // some programs leave the other numbers at 0
	}
	if block == 0 || block > 1<<24 || minis == 0 || minis > block || block%minis != 0 || block/minis%8 != 0 || total > 1<<31 {
		return nil, fmt.Errorf("%d values in blocks of %d with %d parts each cannot be", total, block, minis)
	}
	return &delta{
		data: data, left: int64(total), value: zigzag(head[3]), first: true,
		blocks: int(block / minis), minis: int(minis),
	}, nil
}

func zigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// next returns the next integer. Those of 32 bits are its lowest 32 bits.
func (d *delta) next() (int64, error) {
	if d.left == 0 {
		return 0, errShort
	}
	d.left--
	if d.first {
		d.first = false
		return d.value, nil
	}
	if d.inMini == 0 {
		if err := d.nextMini(); err != nil {
			return 0, err
		}
	}
	d.inMini--
	if d.width > 0 {
		if (d.bit+int64(d.width)+7)/8 > int64(len(d.packed)) {
			return 0, errShort
		}
		d.value += int64(bitsAt(d.packed, d.bit, d.width))
		d.bit += int64(d.width)
	}
	d.value += d.least
	return d.value, nil
}

// nextMini begins the next miniblock, and the next block if there is none left.
func (d *delta) nextMini() error {
	if len(d.widths) == 0 {
		least, n := binary.Uvarint(d.data)
		if n <= 0 || len(d.data)-n < d.minis {
			return errShort
		}
		d.least = zigzag(least)
		d.widths, d.data = d.data[n:n+d.minis], d.data[n+d.minis:]
	}
	d.width, d.widths = uint(d.widths[0]), d.widths[1:]
	if d.width > 64 {
		return fmt.Errorf("values of %d bits cannot be", d.width)
	}
	// The last miniblock may be cut after its last value.
	size := min(d.blocks*int(d.width)/8, len(d.data))
	d.packed, d.data = d.data[:size], d.data[size:]
	d.inMini, d.bit = d.blocks, 0
	return nil
}

// lengths reads lengths that stand in front of other data. It returns what reads them
// again, how many bytes they say in all, and the data behind them.
func lengths(data []byte) (d *delta, sum int64, rest []byte, err error) {
	d, err = newDelta(data)
	if err != nil {
		return nil, 0, nil, err
	}
	scan := *d
	for scan.left > 0 {
		n, err := scan.next()
		if err != nil {
			return nil, 0, nil, err
		}
		if int32(n) < 0 {
			return nil, 0, nil, fmt.Errorf("a length is %d", int32(n))
		}
		sum += int64(int32(n))
	}
	return d, sum, scan.data, nil
}

// deltaInts are integers in DELTA_BINARY_PACKED.
type deltaInts struct {
	*delta
	is32 bool
}

func (d deltaInts) next() (parquet.Value, int, error) {
	v, err := d.delta.next()
	if d.is32 {
		return parquet.Int32Value(int32(v)), 0, err
	}
	return parquet.Int64Value(v), 0, err
}

func (d deltaInts) rest() int { return int(d.left) }

// deltaTexts are texts in DELTA_LENGTH_BYTE_ARRAY, or in DELTA_BYTE_ARRAY, where each of
// them begins like the one before.
type deltaTexts struct {
	prefixes *delta // nil if there are none
	lengths  *delta
	data     []byte // the texts, or what comes after their prefixes
	last     []byte
	leaf     Leaf
}

func newDeltaTexts(e format.Encoding, leaf Leaf, data []byte) (*deltaTexts, error) {
	t := &deltaTexts{leaf: leaf}
	var err error
	if e == format.DeltaByteArray {
		if t.prefixes, _, data, err = lengths(data); err != nil {
			return nil, err
		}
	}
	var sum int64
	if t.lengths, sum, t.data, err = lengths(data); err != nil {
		return nil, err
	}
	if sum > int64(len(t.data)) || t.prefixes != nil && t.prefixes.left != t.lengths.left {
		return nil, errShort
	}
	return t, nil
}

func (t *deltaTexts) next() (v parquet.Value, fresh int, err error) {
	n, err := t.lengths.next()
	if err != nil {
		return v, 0, err
	}
	length := int(int32(n))
	text := t.data[:length:length]
	t.data = t.data[length:]
	if t.prefixes != nil {
		p, err := t.prefixes.next()
		if err != nil {
			return v, 0, err
		}
		prefix := int(int32(p))
		if prefix > len(t.last) {
			return v, 0, errors.New("a text begins with more than there is of the text before")
		}
		if prefix > 0 {
			joined := make([]byte, 0, prefix+length)
			text = append(append(joined, t.last[:prefix]...), text...)
			fresh = len(text)
		}
		t.last = text
	}
	v, err = t.leaf.text(text)
	return v, fresh, err
}

func (t *deltaTexts) rest() int { return int(t.lengths.left) }
