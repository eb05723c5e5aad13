package template

import (
	"strings"
	"unicode"

	"github.com/genbatch/genbatch/batch"
)

// holdsNothing reports whether a column's value is null, a blank text, or a list or an object
// without anything in it.
func holdsNothing(v any) bool {
	if t, isTree := columnValue(v).(*tree); isTree {
		return t.size() == 0
	}
	return IsBlank(batch.Text(v))
}

// IsBlank reports whether a text shows nothing: it has only spaces, control characters and
// those that only say how others are written, such as the zero width space and the byte
// order mark.
func IsBlank(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool {
		return !unicode.IsSpace(c) && !unicode.IsControl(c) && !unicode.Is(unicode.Cf, c) && !isFiller(c)
	}) < 0
}

// isFiller reports whether a character that counts as a letter or a mark shows nothing.
func isFiller(c rune) bool {
	switch c {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0':
		return true
	}
	return unicode.Is(unicode.Variation_Selector, c)
}
