// Package terminal writes text for people: it keeps control characters of others away from
// the terminal, fits text to a width, and shows a few lines that change.
//
// Names, answers and errors come from servers and files, and may hold what a terminal
// obeys: colours, a new title of the window, a screen that is wiped, text that runs
// backwards. All text for people passes through a [Writer], which lets none of it through.
// What is foreign and belongs into one line goes through [Name] before that.
package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// unsafe reports whether a terminal may obey a character, or show it as nothing: control
// characters, and those of Unicode that format text, such as marks of direction and
// characters without width.
func unsafe(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Safe returns text in which nothing is left that a terminal obeys, but for line ends and
// tabs. In the place of such a character stands its escape in JSON, such as \u001b or \u202e,
// so that one sees that it was there; and a JSON text still means the same. Bytes that are
// not UTF-8 become U+FFFD.
func Safe(text string) string {
	safe := utf8.ValidString(text)
	for _, r := range text {
		safe = safe && (!unsafe(r) || r == '\n' || r == '\t')
	}
	if safe {
		return text
	}
	var b strings.Builder
	for _, r := range text { // a byte that is not UTF-8 arrives as U+FFFD
		switch {
		case r == '\n' || r == '\t' || !unsafe(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// nameWidth is how many columns a name may take. Names of models, labels and endpoints are
// shorter, and a row of 80 columns still has room for what is said of them.
const nameWidth = 60

// Name returns a name that a server or a file gave as one line of at most 60 columns. A
// line end or a tab in it is written as its escape, since it would break the line.
func Name(name string) string { return Line(name, nameWidth) }

// Line returns text as one safe line of at most so many columns. The last of them is an
// ellipsis if the text is longer. Line reads no more of a text than it needs.
func Line(text string, columns int) string {
	// Few characters take no column, and none more than four bytes.
	if most := 16 * (columns + 1); len(text) > most {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most] + "…"
	}
	text = strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(Safe(text))
	return Cut(text, columns)
}
