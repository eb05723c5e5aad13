package answer

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// summaryAsked reports whether the prompt asks for a summary. Of the user's text only
// the start and the end are searched, since instructions stand there.
func summaryAsked(p wire.Prompt) bool {
	head := wire.Clip(p.User, 300)
	tail := p.User[len(p.User)-min(len(p.User), 120):]
	for _, s := range []string{p.System, head, tail} {
		if asksSummary(s) {
			return true
		}
	}
	return false
}

// asksSummary reports whether a text asks for a summary.
func asksSummary(s string) bool {
	s = strings.ToLower(s)
	return strings.Contains(s, "summarize") || strings.Contains(s, "summarise") ||
		strings.Contains(s, "summary of") || strings.Contains(s, "a summary") || strings.Contains(s, "tl;dr")
}

// subjectOf returns what the prompt is about: the user's text without the lines that
// ask for a summary.
func subjectOf(p wire.Prompt) string {
	lines := strings.Split(p.User, "\n")
	kept := lines[:0]
	for _, l := range lines {
		if !asksSummary(l) {
			kept = append(kept, l)
			continue
		}
		// "Summarize in one sentence: the text", all in one line.
		if _, after, ok := strings.Cut(l, ": "); ok && !asksSummary(after) {
			kept = append(kept, after)
		}
	}
	return strings.TrimSpace(strings.Join(kept, "\n"))
}

// sentencesAsked returns how many sentences the prompt asks for, and two when it does
// not say.
func sentencesAsked(p wire.Prompt) int {
	words := strings.Fields(strings.ToLower(p.System + " " + wire.Clip(p.User, 300)))
	names := []string{"zero", "one", "two", "three", "four", "five"}
	for i, w := range words {
		if i == 0 || !strings.HasPrefix(w, "sentence") {
			continue
		}
		for n, name := range names {
			if words[i-1] == name || words[i-1] == "single" && n == 1 {
				return max(n, 1)
			}
		}
		if n, err := strconv.Atoi(words[i-1]); err == nil && n > 0 {
			return n
		}
	}
	return 2
}

// summarize returns the first n sentences of a text, as one line.
func summarize(s string, n int) string {
	s = strings.Join(strings.Fields(wire.Clip(s, 8000)), " ")
	for end := range sentenceEnds(s) {
		if n--; n == 0 {
			return wire.Clip(s[:end], 1200)
		}
	}
	return wire.Clip(s, 1200)
}

// sentenceEnds yields where each sentence of a line ends.
func sentenceEnds(s string) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i, r := range s {
			end := i + utf8.RuneLen(r)
			switch r {
			case '。', '！', '？':
			case '.', '!', '?':
				// A capital or nothing follows a sentence; a single letter before the stop is an abbreviation.
				if end < len(s) && s[end] != ' ' || r == '.' && abbreviated(s[:i]) {
					continue
				}
				if next, _ := utf8.DecodeRuneInString(strings.TrimLeft(s[end:], " ")); unicode.IsLower(next) {
					continue
				}
			default:
				continue
			}
			if !yield(end) {
				return
			}
		}
	}
}

// abbreviated reports whether a text ends with an abbreviation.
func abbreviated(s string) bool {
	word := s[strings.LastIndexAny(s, " (")+1:]
	return len(word) == 1 || strings.Contains(word, ".") && len(word) <= 4 || slices.Contains(titles, word)
}

// titles stand before a name, with a full stop.
var titles = []string{"Dr", "Mr", "Mrs", "Ms", "Prof", "St", "No", "vs"}
