package apijson

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendString(t *testing.T) {
	for s, want := range map[string]string{
		"":                             `""`,
		`a "b" \ /`:                    `"a \"b\" \\ /"`,
		"\x00\b\t\n\x0b\f\r\x1f\x7f":   `"\u0000\b\t\n\u000b\f\r\u001f` + "\x7f" + `"`,
		"<é>&\u2028\ufffd😀":            "\"<é>&\u2028\ufffd😀\"",
		"\n" + strings.Repeat("x", 80): `"\n` + strings.Repeat("x", 80) + `"`,
	} {
		if got := string(AppendString([]byte("x"), s)); got != "x"+want {
			t.Errorf("%q is written %s, want x%s", s, got, want)
		}
	}
}

// FuzzAppendString reads each text back with encoding/json, and holds it against its
// shortest form there. Two separators of lines, which encoding/json always escapes, are
// the only difference.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f<>&'", "é\u2028\u2029\ufffd😀"} {
		f.Add(s, len(s)/2)
	}
	f.Fuzz(func(t *testing.T, s string, cut int) {
		if !utf8.ValidString(s) {
			return
		}
		got := string(AppendString(nil, s))
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil || back != s {
			t.Fatalf("%q is written %s, which reads %q, %v", s, got, back, err)
		}
		want, err := Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(string(want)); got != want {
			t.Errorf("%q is written %s, and by encoding/json %s", s, got, want)
		}
		// A string may be made of several texts.
		cut = min(max(cut, 0), len(s))
		if pieces := `"` + string(AppendEscaped(AppendEscaped(nil, s[:cut]), s[cut:])) + `"`; pieces != got {
			t.Errorf("in two pieces %q is written %s, want %s", s, pieces, got)
		}
	})
}
