package pack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/internal/schema"
)

// A Piece is one row's answer in the text of a shared answer.
type Piece struct {
	ID   string // in lower case, without blanks around it
	Text string // as the row's own call would have answered: a string's value, or JSON as it was written
}

// Split returns the pieces of a shared answer's text that are whole, in order. They stand in a
// JSON array, which may itself stand in a fence, in an object or between words. An element
// without an id or an answer is left out. whole reports whether there is an array and it does
// not break off; then what is missing was not answered.
func Split(text string) (answers []Piece, whole bool) {
	elements, whole := schema.Elements(text)
	for _, e := range elements {
		if p, ok := pieceOf(e); ok {
			answers = append(answers, p)
		}
	}
	return answers, whole
}

// pieceOf returns the piece that an element is, if it is one.
func pieceOf(e json.RawMessage) (p Piece, ok bool) {
	var named struct{ ID, Answer json.RawMessage }
	if json.Unmarshal(e, &named) != nil || named.Answer == nil {
		return p, false
	}
	id, ok := idOf(named.ID)
	return Piece{ID: id, Text: textOf(named.Answer)}, ok
}

// Answers reports whether a text answers any row of a pack. One that does not stands in the place
// of the whole answer, such as a relay's notice.
func Answers(text string) bool {
	answers, _ := Split(text)
	return len(answers) > 0
}

// idOf returns an id in the form in which ids are compared. Models have written them as
// numbers, and with capital letters.
func idOf(v json.RawMessage) (id string, ok bool) {
	var number json.Number
	if json.Unmarshal(v, &id) != nil {
		if json.Unmarshal(v, &number) != nil {
			return "", false
		}
		id = number.String()
	}
	id = strings.Map(lower, strings.TrimSpace(id))
	return id, id != ""
}

// lower returns a letter in lower case. Ids have only letters of ASCII.
func lower(c rune) rune {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// mayName reports whether an element can have an id. It saves decoding those of other rows, of
// which an answer may have a hundred.
func mayName(e json.RawMessage, id string) bool {
	if bytes.IndexByte(e, '\\') >= 0 {
		return true // it may stand there in other characters
	}
	for i := range len(e) - len(id) + 1 {
		n := 0
		for n < len(id) && byte(lower(rune(e[i+n]))) == id[n] {
			n++
		}
		if n == len(id) {
			return true
		}
	}
	return false
}

// textOf returns what the text of an answer would be of which this is all.
func textOf(v json.RawMessage) string {
	var text string
	if string(v) != "null" && json.Unmarshal(v, &text) == nil {
		return text
	}
	var compact bytes.Buffer
	if json.Compact(&compact, v) != nil {
		return string(v)
	}
	return compact.String()
}

// Parse is [gemini.Parse] for the answer of a row, which may share it with others. Then the
// text is the row's piece of the shared one, and a piece is finished even if the answer was cut
// behind it. The usage is the row's share; all else is what the whole answer says. It is an error
// if the answer has no piece for the row, or several.
func Parse(r *batch.Result) (*gemini.Answer, error) {
	a, err := gemini.Parse(r.Response)
	if err != nil {
		return nil, err
	}
	if n := len(r.Spent); n > 0 && r.Spent[n-1].Share.Of > 0 && (a.Usage != nil || r.Part != "") {
		a.Usage = r.Spent[n-1].Own() // without a usage, the last attempt cost nothing, and the one that did was before it
	}
	if r.Part == "" {
		return a, nil
	}
	found := 0
	elements, _ := schema.Elements(a.Text)
	for _, e := range elements {
		if !mayName(e, r.Part) {
			continue
		}
		if p, ok := pieceOf(e); ok && p.ID == r.Part {
			a.Text = p.Text
			found++
		}
	}
	switch found {
	case 0:
		return nil, fmt.Errorf("the shared answer has nothing for the id %q, which is the row's", r.Part)
	case 1:
		a.FinishReason = "STOP"
		return a, nil
	}
	return nil, fmt.Errorf("the shared answer has %d answers for the id %q, which is the row's", found, r.Part)
}
