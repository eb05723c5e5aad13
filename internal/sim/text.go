package sim

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A prompt is a request's text, taken apart.
type prompt struct {
	system string
	user   string // the last user content, without what only corrects an answer
	seed   uint64 // of the request, and of the candidate
}

func (q *apiRequest) prompt() prompt {
	p := prompt{system: q.system.text()}
	answered := false
	for _, c := range q.contents {
		if c.role == "model" {
			answered = true
			continue
		}
		if t := c.text(); t != "" && !(answered && p.user != "" && corrects(t)) {
			p.user = t
		}
	}
	if n, ok := number(q.config["seed"]); ok {
		p.seed = uint64(int64(n))
	}
	return p
}

// corrects reports whether a text is about the answer before it and brings nothing
// new to answer: "That is not valid: … Answer again."
func corrects(s string) bool {
	s = strings.ToLower(clip(s, 400))
	about, asks := false, false
	for _, sign := range []string{"answer", "reply", "response", "output", "json"} {
		about = about || strings.Contains(s, sign)
	}
	for _, sign := range []string{"not valid", "invalid", "schema", "again", "correct", "wrong", "not fit", "not match"} {
		asks = asks || strings.Contains(s, sign)
	}
	return about && asks
}

// corrected reports whether the conversation ends with a correction.
func (q *apiRequest) corrected() bool {
	n := len(q.contents)
	return n >= 3 && q.contents[n-2].role == "model" && corrects(q.contents[n-1].text())
}

func (c content) text() string {
	if len(c.parts) == 1 && c.parts[0].isText && !c.parts[0].thought {
		return c.parts[0].text
	}
	var texts []string
	for _, p := range c.parts {
		if p.isText && !p.thought {
			texts = append(texts, p.text)
		}
	}
	return strings.Join(texts, "\n")
}

// summaryAsked reports whether the prompt asks for a summary. In the user's text it
// is looked for at the start and at the end only, where instructions stand.
func summaryAsked(p prompt) bool {
	head := clip(p.user, 300)
	tail := p.user[len(p.user)-min(len(p.user), 120):]
	for _, s := range []string{p.system, head, tail} {
		if asksSummary(s) {
			return true
		}
	}
	return false
}

func asksSummary(s string) bool {
	s = strings.ToLower(s)
	return strings.Contains(s, "summarize") || strings.Contains(s, "summarise") ||
		strings.Contains(s, "summary of") || strings.Contains(s, "a summary") || strings.Contains(s, "tl;dr")
}

// subjectOf returns the text that a summary is asked of: the user's text without the
// lines that ask.
func subjectOf(p prompt) string {
	lines := strings.Split(p.user, "\n")
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

// sentencesOf returns how many sentences the prompt wants; two when it does not say.
func sentencesOf(p prompt) int {
	words := strings.Fields(strings.ToLower(p.system + " " + clip(p.user, 300)))
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
	s = strings.Join(strings.Fields(clip(s, 8000)), " ")
	for end := range sentenceEnds(s) {
		if n--; n == 0 {
			return clip(s[:end], 1200)
		}
	}
	return clip(s, 1200)
}

// sentenceEnds yields the place after each sentence of a line.
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

func abbreviated(s string) bool {
	word := s[strings.LastIndexAny(s, " (")+1:]
	return len(word) == 1 || strings.Contains(word, ".") && len(word) <= 4 || slices.Contains(titles, word)
}

// titles stand with a full stop before a name.
var titles = []string{"Dr", "Mr", "Mrs", "Ms", "Prof", "St", "No", "vs"}

// isWord reports whether r belongs to a word.
func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
