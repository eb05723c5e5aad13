package answer

import (
	"strings"
	"unicode"
)

// words yields the words of a text in lower case. It splits camelCase.
func words(s string) func(func(string) bool) {
	return func(yield func(string) bool) {
		start, lower := -1, false
		for i, r := range s {
			upper := 'A' <= r && r <= 'Z'
			inside := isWord(r)
			if start >= 0 && (!inside || upper && lower) {
				if !yield(strings.ToLower(s[start:i])) {
					return
				}
				start = -1
			}
			if inside && start < 0 {
				start = i
			}
			lower = 'a' <= r && r <= 'z'
		}
		if start >= 0 {
			yield(strings.ToLower(s[start:]))
		}
	}
}

// suffixes are what stem cuts off, the longest first. They bring the forms of a word
// together, and now and then words that have nothing to do with each other.
var suffixes = []string{
	"izations", "isations", "ization", "isation", "ations", "ically", "ation", "ities", "ments", "ical", "ings",
	"ment", "ness", "able", "ible", "ally", "ists", "ator", "izer", "ing", "ers", "ors", "ies", "ist", "ity", "ics", "ion",
	"ed", "er", "or", "es", "al", "ic", "ly", "s", "y", "e",
}

// stem returns what the forms of a word have in common, roughly.
func stem(w string) string {
	for _, s := range suffixes {
		if len(w) >= len(s)+3 && strings.HasSuffix(w, s) {
			w = w[:len(w)-len(s)]
			break
		}
	}
	// running, plotted: run, plot. Words such as shell keep their double letter in
	// every form, so cutting it there does no harm.
	if n := len(w); n > 3 && w[n-1] == w[n-2] {
		w = w[:n-1]
	}
	if w == "e" { // of e-mail and e.g.
		return w
	}
	return strings.TrimSuffix(w, "e")
}

// stopWords are too common to say anything about a label.
var stopWords = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`a an and any are as at be both but by can do does etc for from has have how if in
		into is it its like may more most not of on one only or other others out over some such than that the their
		them then there these they this those to under up use used uses user using via was we were what when where which
		who will with within without you your text label category about
		data software tool tools program programs package library file files support version system simple based`) {
		m[w] = true
	}
	return m
}()

// isWord reports whether r belongs to a word.
func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
