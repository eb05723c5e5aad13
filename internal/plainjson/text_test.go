package plainjson

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	for c := range 256 {
		plain := c >= ' ' && c < 0x80 && c != '"' && c != '\\'
		for at := range 24 {
			for _, around := range []string{"~", " ", "#", "!", "]"} { // the last three are next to a special character
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

func TestUnescape(t *testing.T) {
	for _, text := range []string{
		``, `plain`, `caf\u00e9 é`, `\"\\\/\b\f\n\r\t`, `\u0000\u20Ac\uFFFF`, `\n`, `a\n`, `\na`,
		`\ud83d\ude00`, `\uD83D\uDE00x`, `\ud83d`, `\ude00`, `\ud83dx`, `\ud83d\n`, `\ud83d\u0041`, `\ud83d\ud83d\ude00`, `\ude00\ud83d`,
	} {
		var want string
		if err := json.Unmarshal([]byte(`"`+text+`"`), &want); err != nil {
			t.Fatal(err)
		}
		if got := Unescape([]byte(text)); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}
