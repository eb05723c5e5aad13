package wire

import (
	"crypto/sha256"
	"encoding/hex"
)

// Clip shortens s to at most n bytes, and never in the middle of a character.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// CountText estimates the tokens of a text. A token is four ASCII characters, two of
// another alphabet, or one of the scripts from Chinese to Korean.
func CountText(s string) int {
	quarters := 0
	for _, r := range s {
		switch {
		case r < 0x80:
			quarters++
		case r < 0x2E80:
			quarters += 2
		default:
			quarters += 4
		}
	}
	return (quarters + 3) / 4
}

// Digest turns a text into its SHA-256, in hexadecimal digits. Only the server can have made such
// an answer.
func Digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
