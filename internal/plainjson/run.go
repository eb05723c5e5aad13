package plainjson

import "math/bits"

// Run returns how many bytes at the beginning of s stand for themselves in a JSON
// string: printable ASCII but for the quote and the backslash. It is for a writer's
// loop over bytes, which goes by such text three times as fast by it; the last few
// bytes of s, less than eight, are left to that loop.
func Run(s string) int {
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		b := s[i : i+8] // the compiler makes one load of it
		x := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		if m := marks(x) | x&tops; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	return i
}
