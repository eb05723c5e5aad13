package answer

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/tokens"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A generator writes an instance of a schema: of a JSON Schema, or of the API's subset of
// OpenAPI. Enums of strings are classified; other values come from the text, or from its
// hash.
type generator struct {
	buf        []byte
	root       any
	sets       *Classifiers
	prompt     wire.Prompt
	subject    func() string // the text that the answer is about
	hash       uint64
	confidence float64          // of the latest classification
	choices    []tokens.Choice  // so far, for log probabilities
	taken      int              // words of the subject that strings have used
	numbers    func() []float64 // that stand in the subject
	used       int              // how many of them have been used, in their order
	nouns      []string         // used by strings before other words

	noting bool   // leaves are kept
	leaves []leaf // that have been written
}

const (
	// Below this depth only what is required is written, so that most schemas that refer
	// to themselves come to an end.
	depthOfOptional = 5
	// A schema that requires itself has no finite instance. Below this depth it is null.
	depthLimit = 64
	// One that requires itself twice grows too large before that; the limit is in bytes.
	sizeLimit = 1 << 20
)

func newGenerator(schema any, p wire.Prompt, sets *Classifiers) *generator {
	g := &generator{root: schema, sets: sets, prompt: p, hash: chance.Hash(p.User) ^ p.Seed, confidence: 0.5}
	g.subject = sync.OnceValue(func() string { return subjectOf(p) })
	g.numbers = sync.OnceValue(func() []float64 { return numbersIn(g.subject()) })
	return g
}

// numbersIn returns the numbers that stand in a text.
func numbersIn(s string) []float64 {
	var found []float64
	for w := range strings.FieldsSeq(wire.Clip(s, 4000)) {
		if !strings.ContainsAny(w[:1], "0123456789-+$(") {
			continue // most words; not worth the parser's error
		}
		if n, err := strconv.ParseFloat(strings.Trim(w, ".,;:()$€%"), 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
			found = append(found, n)
		}
	}
	return found
}

// next returns the next number that looks random.
func (g *generator) next() uint64 {
	g.hash = chance.Mix(g.hash)
	return g.hash
}

// whole writes an instance of a schema, which is the whole answer to a text.
func (g *generator) whole(schema any) {
	g.value(schema, "", 0)
	if g.choices == nil {
		g.choices = []tokens.Choice{{P: g.confidence}}
	}
}

// value writes an instance of a schema. name is that of the property that it is for.
func (g *generator) value(schema any, name string, depth int) {
	o, _ := schema.(map[string]any)
	if depth > depthLimit || len(g.buf) > sizeLimit {
		g.buf = append(g.buf, "null"...)
		return
	}
	if ref, ok := o["$ref"].(string); ok {
		g.value(g.resolve(ref), name, depth+1)
		return
	}
	if g.isNull(o, name) {
		g.buf = append(g.buf, "null"...)
		return
	}
	if v, ok := o["const"]; ok {
		g.literal(v)
		return
	}
	if values, _ := o["enum"].([]any); len(values) > 0 {
		from := len(g.buf)
		g.enum(o, values)
		g.note(from, o, name)
		return
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if options, _ := o[key].([]any); len(options) > 0 {
			g.value(g.option(options), name, depth+1)
			return
		}
	}
	if parts, _ := o["allOf"].([]any); len(parts) > 0 {
		g.value(g.mergeAll(o, parts), name, depth+1)
		return
	}

	from := len(g.buf)
	switch typeOf(o) {
	case "object":
		g.object(o, depth)
		return
	case "array":
		g.array(o, name, depth)
		return
	case "null":
		g.buf = append(g.buf, "null"...)
		return
	case "integer":
		g.buf = strconv.AppendInt(g.buf, int64(g.number(o, name, true)), 10)
	case "number":
		g.buf = strconv.AppendFloat(g.buf, g.number(o, name, false), 'f', -1, 64)
	case "boolean":
		g.buf = strconv.AppendBool(g.buf, g.next()&1 == 0)
	default:
		g.literal(g.string(o, name))
	}
	g.note(from, o, name)
}

// literal writes a value as it is.
func (g *generator) literal(v any) {
	text, err := json.Marshal(v)
	if err != nil { // not for what came out of a JSON decoder
		text = []byte("null")
	}
	g.buf = append(g.buf, text...)
}

// typeOf returns the type of a schema in lower case: the first that is not null, or the
// type that its keywords are for.
func typeOf(o map[string]any) string {
	for _, v := range wire.List(o["type"]) {
		if t, ok := v.(string); ok && !strings.EqualFold(t, "null") || len(wire.List(o["type"])) == 1 {
			return strings.ToLower(t)
		}
	}
	switch {
	case o["properties"] != nil || o["additionalProperties"] != nil:
		return "object"
	case o["items"] != nil || o["prefixItems"] != nil:
		return "array"
	case o["minimum"] != nil || o["maximum"] != nil:
		return "number"
	}
	return "string"
}

// resolve returns what a reference such as "#/$defs/Pet" refers to.
func (g *generator) resolve(ref string) any {
	at := g.root
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if step == "" {
			continue
		}
		o, _ := at.(map[string]any)
		at = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return at
}

// enum writes one of the values of an enum.
func (g *generator) enum(o map[string]any, values []any) {
	if len(wire.EnumOf(o)) == 0 {
		g.literal(values[g.next()%uint64(len(values))])
		return
	}
	label := g.label(o)
	g.choose(g.confidence)
	g.literal(label)
}

// choose notes that what is written next, after its quote, is chosen with this probability.
func (g *generator) choose(p float64) {
	g.choices = append(g.choices, tokens.Choice{At: len(g.buf) + 1, P: p})
}

// classifier returns the classifier of a schema's labels, and the text to classify.
func (g *generator) classifier(o map[string]any, labels []string) (c *classifier, text string) {
	description, _ := o["description"].(string)
	return g.sets.classifier(labels, g.prompt.System, description, g.prompt.User)
}

// label returns the label of a schema's enum that fits the text of the prompt.
func (g *generator) label(o map[string]any) string {
	labels := wire.EnumOf(o)
	c, text := g.classifier(o, labels)
	at, confidence := c.pick(text)
	g.confidence = confidence
	return labels[at]
}

// object writes an object, with all properties as long as depth is small. Those in
// propertyOrdering come first, and the others by name.
func (g *generator) object(o map[string]any, depth int) {
	properties, _ := o["properties"].(map[string]any)
	required := wire.List(o["required"])
	var order []string
	for _, v := range wire.List(o["propertyOrdering"]) {
		if name, ok := v.(string); ok && properties[name] != nil && !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	// A required name without a schema of its own has that of the others.
	for _, v := range required {
		if name, ok := v.(string); ok && !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	// A confidence may come before its label, which must be classified first.
	if at := slices.IndexFunc(order, isConfidence); at >= 0 {
		for _, name := range order[at:] {
			p, _ := g.deref(properties[name]).(map[string]any)
			if len(wire.EnumOf(p)) > 0 {
				g.label(p)
				break
			}
		}
	}
	if len(order) == 0 && o["additionalProperties"] != nil && o["additionalProperties"] != false {
		order = append(order, "key")
	}

	g.buf = append(g.buf, '{')
	first := true
	for _, name := range order {
		if depth >= depthOfOptional && !slices.Contains(required, any(name)) {
			continue
		}
		if !first {
			g.buf = append(g.buf, ',')
		}
		first = false
		g.literal(name)
		g.buf = append(g.buf, ':')
		schema, ok := properties[name]
		if !ok {
			schema = o["additionalProperties"]
		}
		g.value(schema, name, depth+1)
	}
	g.buf = append(g.buf, '}')
}

// array writes an array.
func (g *generator) array(o map[string]any, name string, depth int) {
	prefix := wire.List(o["prefixItems"])
	least, most := limits(o, "minItems", "maxItems", 0, math.Inf(1))
	n := max(int(least), len(prefix))
	if depth < depthOfOptional && n == 0 && o["items"] != nil && o["items"] != false {
		n = 1 + int(g.next()%3)
	}
	n = min(n, int(min(most, 10000)))

	// An array of enum strings holds the labels that fit, each once.
	item, _ := g.deref(o["items"]).(map[string]any)
	if labels := wire.EnumOf(item); len(labels) > 0 && len(prefix) == 0 {
		from := len(g.buf)
		g.labels(labels, item, int(min(most, 10000)), int(least))
		g.note(from, o, name)
		return
	}
	g.buf = append(g.buf, '[')
	for i := range n {
		if i > 0 {
			g.buf = append(g.buf, ',')
		}
		var schema any = o["items"]
		if i < len(prefix) {
			schema = prefix[i]
		}
		g.value(schema, name, depth+1)
	}
	g.buf = append(g.buf, ']')
}

// labels writes the labels that fit the text, at most n of them. It adds others until
// there are least of them.
func (g *generator) labels(labels []string, item map[string]any, n, least int) {
	c, text := g.classifier(item, labels)
	g.confidence = 0.5 // words speak for labels, not for lists of them
	scores := c.scores(text)
	picked, sure := []string{}, []float64{}
	for _, at := range c.ranked(text) {
		if len(picked) < n {
			picked = append(picked, labels[at])
			sure = append(sure, scores[at]/(scores[at]+0.5)) // half a vote against it
		}
	}
	for i := 0; len(picked) < least; i++ {
		if l := labels[i%len(labels)]; i >= len(labels) || !slices.Contains(picked, l) {
			picked = append(picked, l)
		}
	}
	g.buf = append(g.buf, '[')
	for i, label := range picked {
		if i > 0 {
			g.buf = append(g.buf, ',')
		}
		p := 0.5
		if i < len(sure) {
			p = sure[i]
		}
		g.choose(p)
		g.literal(label)
	}
	g.buf = append(g.buf, ']')
}

// limits reads two numeric keywords, with what they are when they are not given.
func limits(o map[string]any, low, high string, lowest, highest float64) (float64, float64) {
	lo, ok := wire.Number(o[low])
	if !ok {
		lo = lowest
	}
	hi, ok := wire.Number(o[high])
	if !ok {
		hi = highest
	}
	return lo, hi
}

// A span is what a schema says of a number.
type span struct {
	lo, hi   float64
	step     float64 // from one number that may do to the next
	multiple float64 // that it is a multiple of; 0 for any number
	integer  bool
}

func spanOf(o map[string]any, integer bool) *span {
	s := &span{step: 0.01, integer: integer}
	s.lo, s.hi = limits(o, "minimum", "maximum", math.Inf(-1), math.Inf(1))
	if integer {
		s.step = 1
	}
	if v, ok := wire.Number(o["exclusiveMinimum"]); ok {
		s.lo = max(s.lo, v+s.step)
	}
	if v, ok := wire.Number(o["exclusiveMaximum"]); ok {
		s.hi = min(s.hi, v-s.step)
	}
	if v, ok := wire.Number(o["multipleOf"]); ok && v > 0 {
		s.step, s.multiple = v, v
	}
	return s
}

// fits reports whether the number may do.
func (s *span) fits(n float64) bool {
	return n >= s.lo && n <= s.hi && (!s.integer || n == math.Trunc(n)) && (s.multiple == 0 || math.Mod(n, s.multiple) == 0)
}

// number returns a number within the bounds of the schema: the next in the text that
// fits, or one drawn by hash.
func (g *generator) number(o map[string]any, name string, integer bool) float64 {
	s := spanOf(o, integer)
	lo, hi, step, fits := s.lo, s.hi, s.step, s.fits
	if isConfidence(name) {
		n := math.Round(g.confidence*100) / 100
		if integer || lo > n || hi < n {
			n = math.Round(n * 100) // in percent
		}
		if fits(n) {
			return n
		}
	} else {
		for i, n := range g.numbers() {
			if i >= g.used && fits(n) {
				g.used = i + 1
				return n
			}
		}
	}
	switch {
	case math.IsInf(lo, -1) && math.IsInf(hi, 1):
		lo, hi = 0, 100
	case math.IsInf(lo, -1):
		lo = hi - 100
	case math.IsInf(hi, 1):
		hi = lo + 100
	}
	// Whole steps from the first that is inside.
	start := math.Ceil(lo/step) * step
	n := start + step*math.Floor(chance.Unit(g.next())*(math.Floor((hi-start)/step)+1))
	if integer {
		return math.Round(n)
	}
	return min(max(math.Round(n*1e6)/1e6, lo), hi)
}

// string returns a string of the schema's format, pattern and lengths. Where the schema
// leaves it open, it is made of words of the text.
func (g *generator) string(o map[string]any, name string) string {
	format, _ := o["format"].(string)
	switch format {
	case "date-time":
		return "2026-01-15T09:30:00Z"
	case "date":
		return "2026-01-15"
	case "time":
		return "09:30:00Z"
	case "duration":
		return "PT1H"
	case "email":
		return "someone@example.com"
	case "uri", "url":
		return "https://example.com/"
	case "hostname":
		return "example.com"
	case "ipv4":
		return "192.0.2.1"
	case "ipv6":
		return "2001:db8::1"
	case "uuid":
		return "00000000-0000-4000-8000-000000000001"
	}
	if pattern, ok := o["pattern"].(string); ok {
		if s, ok := g.matching(pattern); ok {
			return s
		}
	}
	return sized(g.phrase(strings.ToLower(name)), o)
}

// phrase returns words of the text: a sentence where the name of the property promises
// prose, or else the next few words.
func (g *generator) phrase(name string) string {
	for _, prose := range []string{"summary", "abstract", "description", "reason", "explanation", "answer", "text"} {
		if strings.Contains(name, prose) {
			return summarize(g.subject(), 1)
		}
	}
	if len(g.nouns) > 0 {
		noun := g.nouns[0]
		g.nouns = g.nouns[1:]
		return noun
	}
	fields := strings.Fields(wire.Clip(g.subject(), 4000))
	if len(fields) == 0 {
		return "simulated"
	}
	n := 3
	if strings.Contains(name, "title") || strings.Contains(name, "headline") {
		g.taken, n = 0, 8
	}
	from := g.taken % len(fields)
	to := min(from+n, len(fields))
	g.taken = to
	return strings.Trim(strings.Join(fields[from:to], " "), " .,;:")
}
