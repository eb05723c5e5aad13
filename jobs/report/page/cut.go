package page

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/internal/redact"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs/report"
)

// What rows may take of a page, which has 5 MB at the most. A medium is written in base64, which
// makes it a third longer.
const (
	textBudget  = 3_400_000 // of all texts of rows, as HTML
	mediaBudget = 700_000   // of all media
	longestText = 16 << 10  // that is kept of a text, in bytes, before it is known how much room there is
	longestRow  = 32 << 10  // that is kept of a row
	longestLine = 2000      // of an error
	shortText   = 200       // of what stands in a line of a list
	pageBudget  = 5_000_000 // of all of it
)

// A text is one of a row's, of which a page has the beginning.
type text struct {
	Text string
	more int // bytes that are left out
}

// newText keeps at most so many bytes of a text.
func newText(s string, most int) *text {
	t := &text{Text: s}
	t.cut(most)
	t.Text = safe(strings.Clone(t.Text))
	return t
}

// cut leaves so many bytes of the text at the most.
func (t *text) cut(most int) {
	if len(t.Text) <= most {
		return
	}
	for most > 0 && !utf8.RuneStart(t.Text[most]) {
		most--
	}
	t.more += len(t.Text) - most
	t.Text = t.Text[:most]
}

// More says how much is left out; nothing if all is there.
func (t *text) More() string {
	if t.more == 0 {
		return ""
	}
	return report.Size(int64(t.more)) + " more"
}

// fit cuts texts so that all of them together take so many bytes of HTML at the most. The
// longest are cut first, and all of those to the same length.
func fit(texts []*text, budget int) {
	sizes, total := make([]int, len(texts)), 0
	for i, t := range texts {
		sizes[i] = htmlLen(t.Text)
		total += sizes[i]
	}
	if total <= budget {
		return
	}
	sorted := slices.Sorted(slices.Values(sizes))
	longest := 0 // so long may a text be
	for i, size := range sorted {
		if longest = budget / (len(sorted) - i); size > longest {
			break
		}
		budget -= size
	}
	for i, t := range texts {
		if sizes[i] > longest {
			t.cut(htmlPrefix(t.Text, longest))
		}
	}
}

// htmlLen returns how many bytes a text takes as HTML.
func htmlLen(s string) int {
	n := len(s)
	for i := range len(s) {
		n += escapes(s[i])
	}
	return n
}

// htmlPrefix returns how many bytes of a text take at most so many as HTML.
func htmlPrefix(s string, most int) int {
	for i := range len(s) {
		if most -= 1 + escapes(s[i]); most < 0 {
			return i
		}
	}
	return len(s)
}

// escapes returns how many bytes html/template adds to one that is a character of its own.
func escapes(c byte) int {
	switch c {
	case '<', '>':
		return 3 // &lt;
	case '&', '\'', '"', '+':
		return 4 // &amp; and &#39;
	}
	return 0
}

// short returns the beginning of a text as one line.
func short(s string) string { return begin(s, shortText) }

// begin returns at most so many bytes of a text as one line.
func begin(s string, most int) string {
	t := text{Text: s}
	t.cut(most)
	cut := strings.Join(strings.Fields(strings.Clone(t.Text)), " ")
	if t.more > 0 {
		cut += "…"
	}
	return safe(cut)
}

// line is short for what an endpoint says, or a job is set to, from which what looks like a
// secret is removed. What a row itself holds is the user's data, and stays as it is.
func line(s string, most int) string { return safe(new(redact.Redactor).Line(s, most)) }

// safe returns text without characters that a reader cannot see, and that change what others
// mean, such as marks of direction. In their place stand their escapes in JSON, as in all texts
// of genbatch. Those that join letters stay: several scripts need them, and so do emoji.
func safe(s string) string {
	parts := strings.Split(s, zeroWidthJoiner)
	for i, part := range parts {
		pieces := strings.Split(part, zeroWidthNonJoiner)
		for k := range pieces {
			pieces[k] = terminal.Safe(pieces[k])
		}
		parts[i] = strings.Join(pieces, zeroWidthNonJoiner)
	}
	return strings.Join(parts, zeroWidthJoiner)
}

const zeroWidthNonJoiner, zeroWidthJoiner = "\u200c", "\u200d"
