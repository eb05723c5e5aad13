package message

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestOneLine(t *testing.T) {
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{
		{"", 5, ""},
		{"short", 5, "short"},
		{"longer", 5, "long…"},
		{" two\n\tlines ", 20, "two lines"},
		{"a\u00a0b\u2003c", 20, "a b c"},
		{"日本語の文", 5, "日本語の文"},
		{"日本語の文章", 5, "日本語の…"},
		{"x", 1, "x"},
		{"xy", 1, "…"},
		{"a\xffb", 5, "a\xffb"},
	} {
		if got := OneLine(tt.text, tt.n); got != tt.want {
			t.Errorf("OneLine(%q, %d) is %q, want %q", tt.text, tt.n, got, tt.want)
		}
	}
}

// FuzzOneLine quotes anything at all: what comes out fits where it is to stand.
func FuzzOneLine(f *testing.F) {
	for _, text := range []string{"", "a b", "a\n\nb\x00", "日本語", "\xff\xfe", strings.Repeat("word ", 50)} {
		f.Add(text, 10)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		if n < 1 {
			return
		}
		got := OneLine(text, n)
		if utf8.RuneCountInString(got) > n || strings.ContainsAny(got, "\r\n\t") {
			t.Errorf("OneLine(%q, %d) is %q", text, n, got)
		}
		if again := OneLine(got, n); again != got {
			t.Errorf("OneLine(%q, %d) is %q, and that becomes %q", text, n, got, again)
		}
	})
}

func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 labels", 1: "1 label", 2: "2 labels", -1: "-1 labels"} {
		if got := Plural(n, "label"); got != want {
			t.Errorf("Plural(%d) is %q, want %q", n, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"labels": "labels", "Lable": "label", "bodi": "body", "xyz": "", "": "", "LABEL": "label", "b": "", "labl": "label",
	} {
		if got := Nearest(word, []string{"label", "labels", "body"}); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
	if got := Nearest("label", nil); got != "" {
		t.Errorf("of no candidates %q is the nearest", got)
	}
}

func TestNearestWithin(t *testing.T) {
	for n, want := range []string{"", "cart", "cart", "cart"} {
		if got := NearestWithin(n, "card", []string{"core", "cart", "cord"}); got != want {
			t.Errorf("within %d letters of card is %q, want %q", n, got, want)
		}
	}
}

func TestList(t *testing.T) {
	var names []string
	for i := range 32 {
		names = append(names, fmt.Sprint(i))
	}
	for n, want := range map[int]string{0: "", 1: "0", 3: "0, 1, 2", 30: ", 28, 29", 32: ", 29 and 2 more"} {
		if got := List(names[:n]); !strings.HasSuffix(got, want) || n < 30 && got != want {
			t.Errorf("a list of %d is %q, want %q", n, got, want)
		}
	}
}
