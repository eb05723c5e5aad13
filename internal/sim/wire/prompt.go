package wire

import "strings"

// A Prompt is the text of a request.
type Prompt struct {
	System string
	User   string // of the last turn that is more than the correction of an answer
	Seed   uint64 // makes the answer another one
}

// Prompt returns the text of the request.
func (q *Request) Prompt() Prompt {
	p := Prompt{System: q.system.text()}
	if at := q.asked(); at >= 0 {
		p.User = q.Contents[at].text()
	}
	if n, ok := Number(q.config["seed"]); ok {
		p.Seed = uint64(int64(n))
	}
	return p
}

// asked returns the place of the last turn that is more than the correction of an answer; -1
// if there is none.
func (q *Request) asked() int {
	at, answered := -1, false
	for i, c := range q.Contents {
		if c.role == "model" {
			answered = true
			continue
		}
		if t := c.text(); t != "" && !(answered && at >= 0 && corrects(t)) {
			at = i
		}
	}
	return at
}

// corrects reports whether a text only says what is wrong with the answer before it:
// "That is not valid: … Answer again." The texts of a pack say nothing of an answer, whatever
// words they have.
func corrects(s string) bool {
	if line, _, _ := strings.Cut(s, "\n"); packRows(line) != nil {
		return false
	}
	s = strings.ToLower(Clip(s, 400))
	about, asks := false, false
	for _, sign := range []string{"answer", "reply", "response", "output", "json"} {
		about = about || strings.Contains(s, sign)
	}
	for _, sign := range []string{"not valid", "invalid", "schema", "again", "correct", "wrong", "not fit", "not match"} {
		asks = asks || strings.Contains(s, sign)
	}
	return about && asks
}

// Corrected reports whether the conversation ends with a correction.
func (q *Request) Corrected() bool {
	n := len(q.Contents)
	return n >= 3 && q.Contents[n-2].role == "model" && corrects(q.Contents[n-1].text())
}

// text returns the texts of the turn, without thoughts.
func (c Content) text() string {
	if len(c.Parts) == 1 && c.Parts[0].isText && !c.Parts[0].thought {
		return c.Parts[0].text
	}
	var texts []string
	for _, p := range c.Parts {
		if p.isText && !p.thought {
			texts = append(texts, p.text)
		}
	}
	return strings.Join(texts, "\n")
}
