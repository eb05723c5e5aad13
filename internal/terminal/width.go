package terminal

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Width is how many columns of a terminal text takes, which must be one line: characters of
// Chinese take two, and accents none.
func Width(text string) int { return uniseg.StringWidth(text) }

// Cut returns text in at most so many columns. The last of them is an ellipsis if the text
// is wider.
func Cut(text string, columns int) string {
	if Width(text) <= columns {
		return text
	}
	if columns < 1 {
		return ""
	}
	var b strings.Builder
	used, state := 0, -1
	for rest := text; rest != ""; {
		var cluster string
		var w int
		cluster, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+w > columns-1 {
			break
		}
		b.WriteString(cluster)
		used += w
	}
	return b.String() + "…"
}

// Wrap breaks a line at its spaces into lines of at most so many columns. A word that is
// wider, such as a path, stays whole, so that it can be copied.
func Wrap(line string, columns int) []string {
	if Width(line) <= columns {
		return []string{line}
	}
	var lines []string
	var current strings.Builder
	used, begun := 0, false // of the current line
	for word := range strings.SplitSeq(line, " ") {
		w := Width(word)
		if used > 0 && used+1+w > columns {
			lines = append(lines, current.String())
			current.Reset()
			used, begun = 0, false
		}
		if begun {
			current.WriteByte(' ')
			used++
		}
		current.WriteString(word)
		used, begun = used+w, true
	}
	return append(lines, current.String())
}

// Fold is [Wrap] that also divides words which are wider than the columns, such as texts of
// Japanese, which has no spaces. A character that is wider than all columns stays whole.
func Fold(line string, columns int) (lines []string) {
	for _, part := range Wrap(line, columns) {
		begin, used, at, state := 0, 0, 0, -1
		for rest := part; rest != ""; {
			cluster, after, w, next := uniseg.FirstGraphemeClusterInString(rest, state)
			if at > begin && used+w > columns {
				lines = append(lines, part[begin:at])
				begin, used = at, 0
			}
			at, used = at+len(cluster), used+w
			rest, state = after, next
		}
		lines = append(lines, part[begin:])
	}
	return lines
}
