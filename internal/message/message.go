// Package message helps messages to say things well: texts of one line, lists that end,
// and the name that was most likely meant.
package message

import (
	"fmt"
	"strings"

	"github.com/xrash/smetrics" // in the graph already, by way of urfave/cli
)

// OneLine returns text as one line of at most n characters.
func OneLine(text string, n int) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > n {
		text = string(r[:n-1]) + "…"
	}
	return text
}

// Plural writes how many there are of a thing, whose plural ends in s.
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Nearest returns the candidate that is most like word, or "" when none is like
// it: at most half of its letters differ.
func Nearest(word string, candidates []string) string {
	return NearestWithin(len(word)/2, word, candidates)
}

// NearestWithin is [Nearest] where at most n letters differ. Case does not count.
func NearestWithin(n int, word string, candidates []string) string {
	best, limit := "", n+1
	for _, c := range candidates {
		if d := smetrics.WagnerFischer(strings.ToLower(word), strings.ToLower(c), 1, 1, 1); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// List lists names, as many as are still read.
func List(names []string) string {
	const most = 30
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return strings.Join(names, ", ") + more
}
