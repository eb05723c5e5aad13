package eval

import (
	"bytes"
	"encoding/json"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/genbatch/genbatch/jobs/internal/stats"
)

// Normalized returns a text without what seldom matters: in Unicode's form NFKC, which makes
// one of full width and ordinary letters, with its case folded, and with single spaces for
// white space, of which none is left at the ends. Punctuation stays, since it tells 1.5 from
// 15.
func Normalized(text string) string {
	text = cases.Fold().String(norm.NFKC.String(text))
	return strings.Join(strings.Fields(norm.NFKC.String(text)), " ") // folding may undo the form
}

// texts compare texts by what same makes of them.
type texts struct{ same func(string) string }

func (t texts) add(known string, g *Answer, _ bool) (bool, error) {
	if isNull(known) {
		return g.OK && g.Text == "", nil
	}
	return g.OK && t.same(known) == t.same(g.Text), nil
}

func (texts) finish(*Evaluation) {}

// sets compare lists whose order does not count.
type sets struct {
	same func(string) string

	rows                   int64
	shared, given, present int64   // items: in both sets, in the given ones, and in the expected ones
	jaccard                float64 // added up
}

func (s *sets) add(known string, g *Answer, counts bool) (bool, error) {
	expected := s.items(known)
	given := make(map[string]bool)
	if g.OK {
		given = s.items(g.Text)
	}
	shared := 0
	for item := range given {
		if expected[item] {
			shared++
		}
	}
	correct := g.OK && shared == len(expected) && shared == len(given)
	if !counts {
		return correct, nil
	}
	s.rows++
	s.shared += int64(shared)
	s.given += int64(len(given))
	s.present += int64(len(expected))
	if g.OK {
		s.jaccard += stats.Jaccard(len(expected), len(given), shared)
	}
	return correct, nil
}

func (s *sets) finish(e *Evaluation) {
	e.Micro = scoresOf(s.shared, s.given, s.present)
	if s.rows > 0 {
		e.Jaccard = new(s.jaccard / float64(s.rows))
	}
}

// items returns the items of a set: those of a JSON list, or what stands between line breaks,
// semicolons, bars or commas, of which the first that the text has counts.
func (s *sets) items(text string) map[string]bool {
	items := make(map[string]bool)
	text = strings.TrimSpace(text)
	var list []json.RawMessage
	if json.Unmarshal([]byte(text), &list) == nil { // also null
		for _, item := range list {
			items[s.same(itemText(item))] = true
		}
		return items
	}
	separator := ","
	for _, other := range []string{"\n", ";", "|"} {
		if strings.Contains(text, other) {
			separator = other
			break
		}
	}
	for item := range strings.SplitSeq(text, separator) {
		if item = strings.TrimSpace(item); item != "" {
			items[s.same(item)] = true
		}
	}
	return items
}

// itemText returns an item of a JSON list as a text: a text itself, or JSON of one form.
func itemText(item json.RawMessage) string {
	var text string
	if json.Unmarshal(item, &text) == nil {
		return strings.TrimSpace(text)
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(item))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return string(item)
	}
	canonical, err := json.Marshal(v) // with the names of objects in order
	if err != nil {
		return string(item)
	}
	return string(canonical)
}
