package redact

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// escaped writes each character of a text by a format.
func escaped(text, format string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

// A secret is found however it is spelled: escaped as a whole or in part, once or twice, and
// in base64 with whatever stands around it.
func TestSpelledSecrets(t *testing.T) {
	const key = "AIzaSyA-Fake_key/for+tests0123456789"
	given := "local-Key_4711/abcdef"
	r := New(given)
	for name, spell := range map[string]func(string) string{
		"as it is":        func(s string) string { return s },
		"JSON":            func(s string) string { return escaped(s, `\u%04x`) },
		"JSON, upper":     func(s string) string { return escaped(s, `\u%04X`) },
		"JSON in JSON":    func(s string) string { return escaped(s, `\\u%04x`) },
		"one character":   func(s string) string { return fmt.Sprintf(`\u%04x`, s[0]) + s[1:] },
		"in the middle":   func(s string) string { return s[:6] + fmt.Sprintf(`\u%04x`, s[6]) + s[7:] },
		"the last":        func(s string) string { return s[:len(s)-1] + fmt.Sprintf(`\u%04x`, s[len(s)-1]) },
		"YAML":            func(s string) string { return escaped(s, `\x%02x`) },
		"YAML, long":      func(s string) string { return escaped(s, `\U%08x`) },
		"address":         func(s string) string { return escaped(s, "%%%02X") },
		"address, twice":  func(s string) string { return escaped(s, "%%25%02x") },
		"HTML":            func(s string) string { return escaped(s, "&#%d;") },
		"HTML, hex":       func(s string) string { return escaped(s, "&#x%x;") },
		"slashes of JSON": func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
	} {
		for _, secret := range []string{key, given} {
			text := `{"error": "the key '` + spell(secret) + `' is bad: 100 %"}`
			got := r.String(text)
			if !strings.Contains(got, Mark) || !strings.HasPrefix(got, `{"error": "the key '`) || !strings.HasSuffix(got, `' is bad: 100 %"}`) || strings.Contains(got, spell(secret)) {
				t.Errorf("%s: %s became %s", name, text, got)
			}
		}
		body := `{"text":"` + spell(given) + `, and AIzaSyA-not-ours-at-all"}`
		if got := string(r.Body([]byte(body))); got != `{"text":"`+Mark+`, and AIzaSyA-not-ours-at-all"}` {
			t.Errorf("%s: the body %s became %s", name, body, got)
		}
	}
	for before := range 4 {
		for after := range 4 {
			around := strings.Repeat("x", before) + given + strings.Repeat("y", after)
			for _, text := range []string{
				base64.StdEncoding.EncodeToString([]byte(around)), base64.URLEncoding.EncodeToString([]byte(around)), hex.EncodeToString([]byte(around)),
			} {
				if got := r.String("it was " + text); !strings.Contains(got, Mark) {
					t.Errorf("%q in %s became %s", around, text, got)
				}
			}
		}
	}
	for _, text := range []string{`100 % \n \u00e9 %41 &#65; \x \u12 % %2 &# &#; &#xx; \\ \`, "C:\\users\\new", "%25%25", `\/`} {
		if got := r.String(text); got != text {
			t.Errorf("%s became %s", text, got)
		}
		if got := string(r.Body([]byte(text))); got != text {
			t.Errorf("the body %s became %s", text, got)
		}
	}
}
