// Package message helps messages to say things well: texts of one line, lists that end,
// and the name that was most likely meant.
//
// Messages quote what users and models wrote, which may be long and have line breaks. An
// error is one line in the output, and its hint is the one thing to do next.
package message

import (
	"fmt"
	"strings"

	"github.com/xrash/smetrics" // in the graph already, by way of urfave/cli
)

// OneLine returns text as one line of at most n characters, the last of which is an
// ellipsis when the text is longer.
func OneLine(text string, n int) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > n {
		text = string(r[:n-1]) + "…"
	}
	return text
}

// Plural writes how many there are of a thing, such as "1 label" and "2 labels". The
// plural of the thing must be made by an s.
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Count writes a number with its digits in groups of three, such as 1,234,567.
func Count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Many is [Plural] with the number as [Count] writes it, such as "2,000 rows".
func Many(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Count(n) + " " + thing + "s"
}

// Nearest returns the candidate that is most like word, of which about a third of the word's
// letters differ at most. It returns "" when there is none. Case does not count.
func Nearest(word string, candidates []string) string {
	return NearestWithin(min(len(word)/2, len(word)/3+1), word, candidates)
}

// NearestWithin is [Nearest] where at most n letters differ. Two letters that are swapped
// count as one. Of two candidates that are equally like the word it returns the first.
func NearestWithin(n int, word string, candidates []string) string {
	best, limit := "", n+1
	word = strings.ToLower(word)
	for _, c := range candidates {
		other := strings.ToLower(c)
		d := smetrics.WagnerFischer(word, other, 1, 1, 1)
		if d == 2 && isSwapped(word, other) {
			d = 1
		}
		if d < limit {
			best, limit = c, d
		}
	}
	return best
}

// isSwapped reports whether two words differ in two letters side by side that are swapped.
func isSwapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) - 1 {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}

// List joins names by commas. Of a long list it has the first 30 and the number of the
// others, since nobody reads more.
func List[S ~string](names []S) string {
	const most = 30
	var list strings.Builder
	for i, name := range names {
		if i == most {
			fmt.Fprintf(&list, " and %d more", len(names)-most)
			break
		}
		if i > 0 {
			list.WriteString(", ")
		}
		list.WriteString(string(name))
	}
	return list.String()
}
