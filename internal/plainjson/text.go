package plainjson

import (
	"bytes"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// This file handles the text of JSON strings, for code that scans or writes them itself.

// Run returns how many bytes at the beginning of s stand for themselves in a JSON string.
// Such a byte is printable ASCII, except the quote and the backslash. A writer's loop
// over bytes passes over plain text three times as fast if it calls Run. Run leaves up to
// seven bytes at the end of s to that loop.
func Run(s string) int {
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		b := s[i : i+8] // the compiler turns the next two lines into one load
		x := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		if m := marks(x) | x&tops; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	return i
}

// Unescape returns the text that stands between the quotes of a JSON string as b. The
// caller has checked that b is valid. As in encoding/json, half of a surrogate pair
// becomes U+FFFD.
func Unescape(b []byte) string {
	var text strings.Builder
	text.Grow(len(b))
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			text.Write(b)
			return text.String()
		}
		text.Write(b[:i])
		c := b[i+1]
		b = b[i+2:]
		if c != 'u' {
			if at := strings.IndexByte("bfnrt", c); at >= 0 {
				c = "\b\f\n\r\t"[at]
			}
			text.WriteByte(c)
			continue
		}
		r := hex4(b)
		b = b[4:]
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
				pair = utf16.DecodeRune(r, hex4(b[2:]))
			}
			if r = pair; r != utf8.RuneError {
				b = b[6:]
			}
		}
		text.WriteRune(r)
	}
}

// hex4 returns the value of the four hexadecimal digits that b begins with.
func hex4(b []byte) (r rune) {
	for _, c := range b[:4] {
		if c > '9' {
			c = c&^0x20 - 'A' + 10 + '0'
		}
		r = r<<4 | rune(c-'0')
	}
	return r
}
