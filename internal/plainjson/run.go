package plainjson

// Run returns how many bytes at the beginning of s, in steps of eight, stand for
// themselves in a JSON string: printable ASCII but for the quote and the backslash.
// It is for a writer's loop over bytes, which does the rest, and which takes about
// three times as long for such text.
func Run(s string) int {
	const high = 0x8080808080808080 // set in what is not ASCII
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		b := s[i : i+8] // the compiler makes one load of it
		x := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		if x&high != 0 || special(x) {
			break
		}
	}
	return i
}
