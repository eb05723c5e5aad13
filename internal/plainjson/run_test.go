package plainjson

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	for c := range 256 {
		plain := c >= ' ' && c < 0x80 && c != '"' && c != '\\'
		for at := range 24 {
			for _, around := range []string{"~", " ", "#", "!", "]"} { // the last three are next to a special one
				s := strings.Repeat(around, at) + string([]byte{byte(c)}) + strings.Repeat(around, 23-at)
				want := at
				if plain {
					want = 24
				}
				if got := Run(s); got != want {
					t.Errorf("%q: %d, want %d", s, got, want)
				}
				if got := Run(s[:at]); got != at/8*8 {
					t.Errorf("%q: %d, want %d", s[:at], got, at/8*8)
				}
			}
		}
	}
}
