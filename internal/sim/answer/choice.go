package answer

import (
	"maps"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// deref returns the schema that a schema refers to, or the schema itself.
func (g *generator) deref(schema any) any {
	if o, _ := schema.(map[string]any); o != nil {
		if ref, ok := o["$ref"].(string); ok {
			return g.resolve(ref)
		}
	}
	return schema
}

// option picks one of the schemas of an anyOf or a oneOf. Null wins over a number that
// the text does not have. Otherwise the schema wins of which the text mentions most, and
// the first of several.
func (g *generator) option(options []any) any {
	var others []any
	null := false
	for _, v := range options {
		o, _ := v.(map[string]any)
		if o != nil && o["$ref"] == nil && typeOf(o) == "null" {
			null = true
			continue
		}
		others = append(others, v)
	}
	switch {
	case len(others) == 0:
		return options[0]
	case null && len(others) == 1:
		if o, _ := others[0].(map[string]any); o != nil && g.numberless(o, "") {
			return map[string]any{"type": "null"}
		}
	}
	text := strings.ToLower(g.prompt.User)
	best, most := others[0], 0
	for _, v := range others {
		if n := g.mentions(v, text); n > most {
			best, most = v, n
		}
	}
	return best
}

// mentions counts the constants and labels of an object's properties that a text holds.
// They tell the members of a discriminated union apart.
func (g *generator) mentions(schema any, text string) int {
	o, _ := g.deref(schema).(map[string]any)
	properties, _ := o["properties"].(map[string]any)
	n := 0
	for _, p := range properties {
		p, _ := p.(map[string]any)
		labels := wire.EnumOf(p)
		if s, ok := p["const"].(string); ok {
			labels = append(labels, s)
		}
		for _, l := range labels {
			if l != "" && strings.Contains(text, strings.ToLower(l)) {
				n++
			}
		}
	}
	return n
}

// isNull reports whether a value is null that may be. A number is null when the text has
// no further number for it.
func (g *generator) isNull(o map[string]any, name string) bool {
	nullable, _ := o["nullable"].(bool)
	for _, v := range wire.List(o["type"]) {
		if t, ok := v.(string); ok && strings.EqualFold(t, "null") && len(wire.List(o["type"])) > 1 {
			nullable = true
		}
	}
	return nullable && len(wire.List(o["enum"])) == 0 && g.numberless(o, name)
}

// numberless reports whether the schema wants a number that the text does not have.
func (g *generator) numberless(o map[string]any, name string) bool {
	t := typeOf(o)
	if t != "integer" && t != "number" || isConfidence(name) {
		return false
	}
	return len(g.numbers()) <= g.used
}

// isConfidence reports whether a property tells how sure the model is.
func isConfidence(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "confidence") || strings.Contains(name, "probability")
}

// mergeAll returns a schema with the parts of its allOf merged into it.
func (g *generator) mergeAll(o map[string]any, parts []any) map[string]any {
	merged := maps.Clone(o)
	delete(merged, "allOf")
	for _, v := range parts {
		part, _ := g.deref(v).(map[string]any)
		for key, v := range part {
			switch old := merged[key].(type) {
			case map[string]any:
				if properties, ok := v.(map[string]any); ok {
					both := maps.Clone(old)
					maps.Copy(both, properties)
					v = both
				}
			case []any:
				if more, ok := v.([]any); ok {
					v = slices.Concat(old, more)
				}
			}
			merged[key] = v
		}
	}
	return merged
}

// repeatsKept is how often a repetition without an upper bound repeats at most.
const repeatsKept = 3

// matching returns a string that matches a regular expression. ok is false when Go does
// not know the syntax of the pattern.
func (g *generator) matching(pattern string) (s string, ok bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	g.match(&b, re.Simplify())
	return b.String(), b.Len() > 0
}

// match appends a string that matches.
func (g *generator) match(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		if len(re.Rune) >= 2 {
			// A range that begins below the printable characters is a negated class.
			at := 0
			if re.Rune[0] < ' ' && re.Rune[1] >= 'a' {
				b.WriteByte('a')
				return
			} else if re.Rune[0] < ' ' && len(re.Rune) > 2 {
				at = 2
			}
			lo, hi := re.Rune[at], re.Rune[at+1]
			b.WriteRune(lo + rune(g.next()%uint64(min(hi-lo, 25)+1)))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte(byte('a' + g.next()%26))
	case syntax.OpStar, syntax.OpPlus:
		for range 1 + g.next()%repeatsKept {
			g.match(b, re.Sub[0])
		}
	case syntax.OpAlternate:
		g.match(b, re.Sub[g.next()%uint64(len(re.Sub))])
	case syntax.OpConcat, syntax.OpCapture, syntax.OpQuest:
		for _, sub := range re.Sub {
			g.match(b, sub)
		}
	}
}
