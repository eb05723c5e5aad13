package terminal

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestSafe(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"plain, ünï, 日本語, 👍🏽\n\tnext": "plain, ünï, 日本語, 👍🏽\n\tnext",
		"\x1b[31mred\x1b]0;title\x07": `\u001b[31mred\u001b]0;title\u0007`,
		"back\rspace\b\x7f\x00":       `back\u000dspace\u0008\u007f\u0000`,
		"c1 \u009b31m\u0085":          `c1 \u009b31m\u0085`,
		"bidi \u202eabc\u2066\u200f":  `bidi \u202eabc\u2066\u200f`,
		"none \u200b\u200d\ufeff":     `none \u200b\u200d\ufeff`,
		"lines \u2028\u2029":          `lines \u2028\u2029`,
		"tag \U000e0041":              `tag \udb40\udc41`,
		"a raw C1 byte \x9b, \xff":    "a raw C1 byte \ufffd, \ufffd",
	} {
		if got := Safe(text); got != want {
			t.Errorf("Safe(%q) is %q, want %q", text, got, want)
		}
	}
}

// FuzzSafe writes anything at all: nothing that a terminal obeys is left, a second pass
// changes nothing, and JSON still means the same.
func FuzzSafe(f *testing.F) {
	f.Add("a\x1b[31m\u202e\x9b\U000e0041\n")
	f.Fuzz(func(t *testing.T, text string) {
		got := Safe(text)
		for _, r := range got {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
				t.Errorf("Safe(%q) has %U", text, r)
			}
		}
		if !utf8.ValidString(got) || Safe(got) != got {
			t.Errorf("Safe(%q) is %q, and that is not safe", text, got)
		}
		line, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var back, want string
		if err := json.Unmarshal([]byte(Safe(string(line))), &back); err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal(line, &want) != nil || back != want {
			t.Errorf("the JSON of %q means %q", text, back)
		}
		if one := Line(text, 20); Width(one) > 20 || strings.ContainsAny(one, "\n\t") {
			t.Errorf("Line(%q, 20) is %q", text, one)
		}
	})
}

func TestLine(t *testing.T) {
	for _, tt := range []struct {
		text    string
		columns int
		want    string
	}{
		{"short", 5, "short"},
		{"longer", 5, "long…"},
		{"two\nlines\t", 20, `two\nlines\t`},
		{"日本語の文", 10, "日本語の文"},
		{"日本語の文", 6, "日本…"}, // each takes two columns
		{strings.Repeat("m", 2_000_000), 4, "mmm…"},
		{"anything", 0, ""},
	} {
		if got := Line(tt.text, tt.columns); got != tt.want {
			t.Errorf("Line(%.20q, %d) is %q, want %q", tt.text, tt.columns, got, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for line, want := range map[string]string{
		"":                        "",
		"fits here":               "fits here",
		"two words more":          "two words|more",
		"a verylongword stays":    "a|verylongword|stays",
		"  keeps its first space": "  keeps|its first|space",
		"日本 語の 文章":                "日本 語の|文章",
	} {
		if got := strings.Join(Wrap(line, 9), "|"); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	for line, want := range map[string]string{
		"":                       "",
		"two words more":         "two words|more",
		"a verylongword divided": "a|verylongw|ord|divided",
		"日本語の文章":                 "日本語の|文章", // each takes two columns
		"👍🏽👍🏽👍🏽👍🏽👍🏽": "👍🏽👍🏽👍🏽👍🏽|👍🏽",
	} {
		if got := strings.Join(Fold(line, 9), "|"); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
	if got := Fold("日本", 1); len(got) != 2 { // it ends, though nothing fits
		t.Errorf("wide characters in one column become %q", got)
	}
}

// A table aligns its cells, stays within 80 columns, and keeps long words whole.
func TestTable(t *testing.T) {
	var b strings.Builder
	w := NewTable(&b)
	w.Write([]byte("  rows\t3 ok\n  日本\twide\n  model-" + strings.Repeat("x", 40) + "\tin the next line\n"))
	w.Write([]byte("  text\t" + strings.Repeat("word ", 20) + "\n  heading of some length\t\n\t/" + strings.Repeat("p", 90) + "\n"))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `  rows  3 ok
  日本  wide
  model-` + strings.Repeat("x", 40) + `
        in the next line
  text  ` + strings.TrimSuffix(strings.Repeat("word ", 14), " ") + `
        ` + strings.Repeat("word ", 6) + `
  heading of some length
        /` + strings.Repeat("p", 90) + `
`
	if b.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", b.String(), want)
	}
}

// The lines that change are taken away before anything else is written, and when they are
// hidden: none of them stays on the screen.
func TestWriterShow(t *testing.T) {
	var b strings.Builder
	w := NewWriter(&b)
	w.Show("1 of 3", "waiting\x1b[2J")
	w.Show("2 of 3")
	w.Write([]byte("a warning \x07\n"))
	w.Show(strings.Repeat("x", 100))
	w.Hide()
	w.Hide()
	want := "1 of 3\r\nwaiting\\u001b[2J" +
		"\r\x1b[A\x1b[J" + "2 of 3" +
		"\r\x1b[J" + "a warning \\u0007\n" +
		strings.Repeat("x", 78) + "…" + "\r\x1b[J"
	if b.String() != want {
		t.Errorf("the screen got\n%q\nwant\n%q", b.String(), want)
	}
}
