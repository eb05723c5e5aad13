package answer

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// otherSentences are wrong answers in plain text, and otherPhrases are parts of them.
var (
	otherSentences = []string{"The text is about something else.", "Nothing of that kind is said.", "It can be understood in more than one way."}
	otherPhrases   = []string{"something else", "nothing of that kind"}
)

// otherThan returns one of the texts that is not s, by a hash.
func otherThan(s string, texts []string, hash uint64) string {
	others := slices.DeleteFunc(slices.Clone(texts), func(other string) bool { return other == s })
	return others[hash%uint64(len(others))]
}

// A leaf is a value that a generator has written, and could have written otherwise.
type leaf struct {
	from, to int // its place in buf
	schema   map[string]any
	name     string // of the property that it is for
}

// note keeps a value that begins at a place and ends here, if leaves are noted.
func (g *generator) note(from int, schema map[string]any, name string) {
	if g.noting {
		g.leaves = append(g.leaves, leaf{from, len(g.buf), schema, name})
	}
}

// mistake changes one leaf of what was written, and a label rather than anything else. The
// hash decides which, and what it becomes.
func (g *generator) mistake(hash uint64) {
	isLabel := func(l leaf) bool {
		return l.schema["enum"] != nil || typeOf(l.schema) == "array"
	}
	var labels, others []leaf
	for _, l := range g.leaves {
		if isLabel(l) {
			labels = append(labels, l)
		} else {
			others = append(others, l)
		}
	}
	for _, leaves := range [][]leaf{labels, others} {
		for i := range leaves {
			l := leaves[(hash+uint64(i))%uint64(len(leaves))]
			value := l.other(g.root, g.buf[l.from:l.to], hash/uint64(len(leaves)))
			if value == nil {
				continue
			}
			for i := range g.choices {
				if g.choices[i].At >= l.to {
					g.choices[i].At += len(value) - (l.to - l.from)
				}
			}
			g.buf = slices.Replace(g.buf, l.from, l.to, value...)
			return
		}
	}
}

// other returns another value for the leaf than it was, as JSON. It is nil when the schema has
// none, or none that is found by looking close by.
func (l *leaf) other(root any, was []byte, hash uint64) []byte {
	var o generator
	if values, _ := l.schema["enum"].([]any); len(values) > 0 {
		for i := range values {
			o.buf = nil
			if o.literal(values[(hash+uint64(i))%uint64(len(values))]); string(o.buf) != string(was) {
				return o.buf
			}
		}
		return nil
	}
	switch t := typeOf(l.schema); t {
	case "array":
		return l.otherLabels(root, was)
	case "boolean":
		return strconv.AppendBool(nil, string(was) != "true")
	case "integer", "number":
		s := spanOf(l.schema, t == "integer")
		n, err := strconv.ParseFloat(string(was), 64)
		if err != nil || isConfidence(l.name) { // how sure an answer is makes no other one
			return nil
		}
		for _, change := range []float64{1, -1, s.step, -s.step} {
			if to := math.Round((n+change)*1e6) / 1e6; to != n && s.fits(to) {
				return strconv.AppendFloat(nil, to, 'f', -1, 64)
			}
		}
		return nil
	}
	var s string
	if json.Unmarshal(was, &s) != nil || l.schema["format"] != nil || l.schema["pattern"] != nil {
		return nil
	}
	o.literal(sized(otherThan(s, otherPhrases, hash), l.schema))
	if string(o.buf) == string(was) {
		return nil
	}
	return o.buf
}

// otherLabels adds a label to an array of them, takes the last away, or puts another in its
// place: the first of these that the schema allows.
func (l *leaf) otherLabels(root any, was []byte) []byte {
	o := generator{root: root}
	var picked []string
	if json.Unmarshal(was, &picked) != nil {
		return nil
	}
	left := slices.DeleteFunc(wire.EnumOf(o.deref(l.schema["items"])), func(label string) bool { return slices.Contains(picked, label) })
	least, most := limits(l.schema, "minItems", "maxItems", 0, math.Inf(1))
	n := float64(len(picked))
	switch {
	case len(left) > 0 && n < most:
		picked = append(picked, left[0])
	case n > least:
		picked = picked[:len(picked)-1]
	case len(left) > 0 && n > 0:
		picked[len(picked)-1] = left[0]
	default:
		return nil
	}
	o.literal(picked)
	return o.buf
}

// sized returns a text with the length that a schema asks for.
func sized(s string, o map[string]any) string {
	least, most := limits(o, "minLength", "maxLength", 0, math.Inf(1))
	runes := []rune(s)
	if float64(len(runes)) > most {
		runes = runes[:int(max(most, 0))]
	}
	if short := int(min(least, 1<<20)) - len(runes); short > 0 {
		return string(runes) + strings.Repeat(".", short)
	}
	return string(runes)
}
