package logprobs

import (
	"encoding/json"
	"strings"
)

// Confidence returns how probable the model held the labels that it gave in the bytes from..to
// of the answer's text: a label alone, a list of labels, or an object that has either as its
// member. It reports false if that is not known.
//
// A label has the probability of all tokens that spell it, with the quote that ends it, which
// tells bill from billing. A list is as sure as the least sure of its decisions: each label,
// and that it ends. The product of these would fall with each label, also if the model is sure
// of all.
func (l Tokens) Confidence(text string, from, to int, member string) (p float64, ok bool) {
	if member != "" {
		start, end, found := valueOf(text[from:to], member)
		if !found {
			return 0, false
		}
		from, to = from+start, from+end
	}
	value := text[from:to]
	switch {
	case strings.HasPrefix(value, `"`):
		return l.Probability(text, from+1, to)
	case !strings.HasPrefix(value, "["):
		return l.Probability(text, from, to)
	}
	least := 1.0
	for _, s := range decisions(value) {
		p, ok := l.Probability(text, from+s[0], from+s[1])
		if !ok {
			return 0, false
		}
		least = min(least, p)
	}
	return least, true
}

// valueOf returns where the value of an object's member stands. Of two the last counts, as
// everywhere.
func valueOf(object, name string) (from, to int, found bool) {
	d := json.NewDecoder(strings.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return 0, 0, false
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			break
		}
		if key, _ := t.(string); strings.EqualFold(key, name) {
			to = int(d.InputOffset())
			from, found = to-len(value), true
		}
	}
	return from, to, found
}

// decisions returns where the labels of a list stand, each with the quote that ends it, and
// where the list ends. An empty list is one decision.
func decisions(list string) (spans [][2]int) {
	d := json.NewDecoder(strings.NewReader(list))
	if _, err := d.Token(); err != nil {
		return nil
	}
	for d.More() {
		var label json.RawMessage
		if d.Decode(&label) != nil {
			break
		}
		end := int(d.InputOffset())
		spans = append(spans, [2]int{end - len(label) + 1, end})
	}
	last := len(list) - 1
	if len(spans) == 0 {
		last = 0
	}
	return append(spans, [2]int{last, len(list)})
}
