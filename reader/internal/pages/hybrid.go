package pages

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/parquet-go/parquet-go/format"
)

var errShort = errors.New("a page ends before its last value")

// width returns how many bits hold the levels up to highest.
func width(highest int) uint { return uint(bits.Len(uint(highest))) }

// A hybrid decodes runs of one value, and runs of values of a few bits each. Levels,
// booleans and places in a dictionary stand in pages so.
// https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
type hybrid struct {
	data     []byte // what was not looked at yet
	width    uint   // of a value, in bits: 32 at most
	bigFirst bool   // the bits of a value begin with the highest, as in the old BIT_PACKED

	run    int64  // how many values the current run still has
	value  uint32 // of each of them, unless they are packed
	packs  bool
	packed []byte // the values of a run that is packed
	bit    int64  // where in packed the next value begins
}

func newHybrid(data []byte, width uint) *hybrid { return &hybrid{data: data, width: width} }

// levelsV1 finds levels at the beginning of the body of a page of version 1, which has
// count of them. It returns what comes after.
func levelsV1(e format.Encoding, body []byte, highest, count int) (*hybrid, []byte, error) {
	w := width(highest)
	if e == format.BitPacked {
		n := (count*int(w) + 7) / 8
		if n > len(body) {
			return nil, nil, errShort
		}
		return &hybrid{width: w, bigFirst: true, run: int64(count), packs: true, packed: body[:n]}, body[n:], nil
	}
	data, rest, err := prefixed(body)
	return newHybrid(data, w), rest, err
}

// prefixed splits off data that stand behind their length in four bytes.
func prefixed(b []byte) (data, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errShort
	}
	n := binary.LittleEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return nil, nil, errShort
	}
	return b[:n], b[n:], nil
}

// read fills dst with the next values.
func (h *hybrid) read(dst []uint32) error {
	if h.width == 0 {
		clear(dst)
		return nil
	}
	for len(dst) > 0 {
		if h.run == 0 {
			if err := h.nextRun(); err != nil {
				return err
			}
			continue
		}
		n := int(min(h.run, int64(len(dst))))
		if !h.packs {
			for i := range dst[:n] {
				dst[i] = h.value
			}
		} else if err := h.unpack(dst[:n]); err != nil {
			return err
		}
		h.run -= int64(n)
		dst = dst[n:]
	}
	return nil
}

// nextRun reads the header of the next run.
func (h *hybrid) nextRun() error {
	head, n := binary.Uvarint(h.data)
	if n <= 0 {
		return errShort
	}
	if head>>1 > 1<<32 {
		return fmt.Errorf("a run is said to have %d values", head>>1)
	}
	h.data = h.data[n:]
	if head&1 == 0 {
		size := int(h.width+7) / 8
		if len(h.data) < size {
			return errShort
		}
		var v [4]byte
		copy(v[:], h.data[:size])
		h.data = h.data[size:]
		h.run, h.value, h.packs = int64(head>>1), binary.LittleEndian.Uint32(v[:]), false
		return nil
	}
	groups := int64(head >> 1) // of eight values each
	h.run, h.bit = groups*8, 0
	// Some programs leave away the bytes of the last run that no value needs.
	size := min(groups*int64(h.width), int64(len(h.data)))
	h.packs, h.packed, h.data = true, h.data[:size], h.data[size:]
	return nil
}

// unpack reads values from the packed bytes.
func (h *hybrid) unpack(dst []uint32) error {
	if (h.bit+int64(len(dst))*int64(h.width)+7)/8 > int64(len(h.packed)) {
		return errShort
	}
	for i := range dst {
		if h.bigFirst {
			v := uint32(0)
			for range h.width {
				v = v<<1 | uint32(h.packed[h.bit/8]>>(7-h.bit%8))&1
				h.bit++
			}
			dst[i] = v
			continue
		}
		dst[i] = uint32(bitsAt(h.packed, h.bit, h.width))
		h.bit += int64(h.width)
	}
	return nil
}

// bitsAt returns the number of width bits, 64 at most, that begins at a bit of b, lowest
// bit first.
func bitsAt(b []byte, bit int64, width uint) uint64 {
	b = b[bit/8:]
	shift := uint(bit % 8)
	var v uint64
	if len(b) >= 8 {
		v = binary.LittleEndian.Uint64(b) >> shift
	} else {
		var room [8]byte
		copy(room[:], b)
		v = binary.LittleEndian.Uint64(room[:]) >> shift
	}
	if have := 64 - shift; width > have { // the ninth byte
		v |= uint64(b[8]) << have
	}
	if width == 64 {
		return v
	}
	return v & (1<<width - 1)
}
