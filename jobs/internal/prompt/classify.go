package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Classification asks for one of a list of labels, or for several of them.
type Classification struct {
	spec.Classify // what is asked for; its own labels are not looked at

	body    *bodyTemplate
	text    *rowTemplate
	subject string // see subjectOf
	labels  labelSet
	shown   map[string]bool // texts of the examples
}

func newClassify(s *spec.Spec, system *rowTemplate) (kind, []*rowTemplate, error) {
	c := s.Classify
	if c.Text == "" && len(s.Media) == 0 {
		return nil, nil, spec.Errorf(`say which text with --text "{{.body}}", or text: under classify:`, "classify has no text")
	}
	if len(c.Labels) < 2 {
		return nil, nil, spec.Errorf("give at least two with --label A --label B, or labels: under classify:", "classify has %d labels", len(c.Labels))
	}
	text, err := newTemplate("text", c.Text)
	if err != nil {
		return nil, nil, err
	}
	k := &Classification{Classify: *c, text: text, subject: subjectOf(s)}
	var list strings.Builder
	var enum []any
	for _, l := range c.Labels {
		if strings.HasPrefix(l.Name, "@@") {
			l.Name = l.Name[1:]
		}
		if strings.TrimSpace(l.Name) == "" {
			return nil, nil, spec.Errorf("", "classify has an empty label")
		}
		for _, other := range k.labels {
			if strings.EqualFold(other, l.Name) {
				return nil, nil, spec.Errorf("labels must differ in more than case", "classify has the labels %q and %q", other, l.Name)
			}
		}
		k.labels = append(k.labels, l.Name)
		enum = append(enum, l.Name)
		list.WriteString("- " + l.Name)
		if l.Description != "" {
			list.WriteString(": " + l.Description)
		}
		list.WriteString("\n")
	}
	if err := k.checkNumbers(); err != nil {
		return nil, nil, err
	}
	contents, err := k.turns()
	if err != nil {
		return nil, nil, err
	}
	k.body, err = newBody(s.Body(map[string]any{
		"contents":          append(contents, apijson.TextContent("user", text)),
		"systemInstruction": instructionContent(k.instruction()+"\n\nLabels:\n"+list.String(), system),
		"generationConfig":  k.answerConfig(enum),
	}))
	return k, templates(text, system), err
}

func (k *Classification) checkNumbers() error {
	switch {
	case k.MinLabels < 0 || k.MaxLabels < 0:
		return spec.Errorf("", "min_labels and max_labels cannot be negative")
	case !k.Multi && (k.MinLabels > 0 || k.MaxLabels > 0):
		return spec.Errorf("add --multi, or multi: true under classify:", "min_labels and max_labels are for several labels, and this job gives each row one")
	case k.MaxLabels > 0 && k.MinLabels > k.MaxLabels:
		return spec.Errorf("", "min_labels is %d, and max_labels only %d", k.MinLabels, k.MaxLabels)
	case k.MinLabels > len(k.labels):
		return spec.Errorf("", "min_labels is %d, and there are %d labels", k.MinLabels, len(k.labels))
	}
	return nil
}

// asksObject reports whether the answer is an object, and not the label or the
// list alone.
func (k *Classification) asksObject() bool { return k.Rationale || k.Confidence }

// instruction says what to do, up to the list of the labels. What stands here is
// part of the rows' fingerprints: see wording.
func (k *Classification) instruction() string {
	if !k.Multi && !k.asksObject() {
		return "Classify " + k.subject + " into exactly one of these labels. " +
			"Answer with the label alone, spelled as it stands here."
	}
	var b strings.Builder
	if k.Multi {
		b.WriteString("Label " + k.subject + " with each of these labels that applies, and with no other. " + k.numberText())
	} else {
		b.WriteString("Classify " + k.subject + " into exactly one of these labels.")
	}
	if !k.asksObject() {
		b.WriteString(" Answer with the JSON list of the labels alone, each spelled as it stands here.")
		return b.String()
	}
	b.WriteString(" Answer with a JSON object that has, in this order:\n")
	if k.Rationale {
		b.WriteString(`- "rationale": one or two sentences on what in the text speaks for or against the labels in question, before you decide` + "\n")
	}
	if k.Multi {
		b.WriteString(`- "labels": the list of the labels, each spelled as it stands here` + "\n")
	} else {
		b.WriteString(`- "label": the label, spelled as it stands here` + "\n")
	}
	switch {
	case k.Confidence && k.Multi:
		b.WriteString(`- "confidence": from 0 to 1, how likely it is that the list is right as a whole` + "\n")
	case k.Confidence:
		b.WriteString(`- "confidence": from 0 to 1, how likely it is that the label is right` + "\n")
	}
	if len(k.shown) > 0 {
		b.WriteString("The first answers, to texts that are examples, are cut to the labels; give yours whole.\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// numberText says how many labels are wanted.
func (k *Classification) numberText() string {
	most := k.MaxLabels
	switch {
	case k.MinLabels > 0 && k.MinLabels == most:
		return fmt.Sprintf("Give exactly %d.", most)
	case k.MinLabels > 0 && most > 0:
		return fmt.Sprintf("Give from %d to %d of them.", k.MinLabels, most)
	case k.MinLabels > 0:
		return fmt.Sprintf("Give at least %d.", k.MinLabels)
	case most > 0:
		return fmt.Sprintf("Give at most %d, and an empty list when none applies.", most)
	}
	return "The list is empty when none applies."
}

// answerConfig binds the answer on the API's side: with responseSchema, which all
// endpoints know.
func (k *Classification) answerConfig(enum []any) map[string]any {
	label := map[string]any{"type": "STRING", "enum": enum}
	if !k.Multi && !k.asksObject() {
		return map[string]any{"responseMimeType": "text/x.enum", "responseSchema": label}
	}
	schema, name := label, "label"
	if k.Multi {
		schema, name = map[string]any{"type": "ARRAY", "items": label}, "labels"
		if k.MinLabels > 0 {
			schema["minItems"] = k.MinLabels
		}
		if k.MaxLabels > 0 {
			schema["maxItems"] = k.MaxLabels
		}
	}
	if k.asksObject() {
		properties := map[string]any{name: schema}
		order := []any{name}
		if k.Rationale {
			properties["rationale"] = map[string]any{"type": "STRING"}
			order = append([]any{"rationale"}, order...) // written first, it bears on the label
		}
		if k.Confidence {
			properties["confidence"] = map[string]any{"type": "NUMBER", "minimum": 0, "maximum": 1}
			order = append(order, "confidence")
		}
		schema = map[string]any{"type": "OBJECT", "properties": properties, "required": order, "propertyOrdering": order}
	}
	return map[string]any{"responseMimeType": "application/json", "responseSchema": schema}
}

func (k *Classification) template() *bodyTemplate { return k.body }

func (k *Classification) render(row *batch.Row) ([]byte, error) { return k.body.render(row) }

func (k *Classification) columns() []batch.Column {
	columns := []batch.Column{{Name: "label"}}
	if k.Multi {
		columns[0] = batch.Column{Name: "labels", Type: batch.JSON}
	}
	if k.Confidence {
		columns = append(columns, batch.Column{Name: "confidence", Type: batch.Float})
	}
	if k.Rationale {
		columns = append(columns, batch.Column{Name: "rationale"})
	}
	return columns
}

// values returns the label or labels, with what else was asked for. Models answer
// with a label in quotes or other case when a gateway drops the schema; an answer
// in which no label or more than one can be meant is none.
func (k *Classification) values(a *gemini.Answer) ([]any, string, error) {
	text, fenced := withoutFence(a.Text)
	note := ""
	if fenced {
		note = "the answer stood in a code fence"
	}
	var o struct{ Label, Labels, Rationale, Confidence json.RawMessage }
	isObject := strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &o) == nil
	given := []byte(text)
	switch {
	case isObject && o.Labels != nil && (k.Multi || o.Label == nil):
		given = o.Labels
	case isObject && o.Label != nil:
		given = o.Label
	case k.asksObject():
		return nil, "", fmt.Errorf("the answer %q is not the JSON object that is wanted", message.OneLine(a.Text, 60))
	}
	labels, err := k.read(given)
	if err != nil {
		return nil, "", err
	}
	var values []any
	if k.Multi {
		text, err := apijson.Marshal(labels)
		if err != nil {
			return nil, "", err
		}
		values = []any{json.RawMessage(text)}
	} else {
		values = []any{labels[0]}
	}
	if k.Confidence {
		confidence, err := readConfidence(o.Confidence)
		if err != nil {
			return nil, "", err
		}
		values = append(values, confidence)
	}
	if k.Rationale {
		var rationale string
		if err := json.Unmarshal(o.Rationale, &rationale); err != nil || strings.TrimSpace(rationale) == "" {
			return nil, "", errors.New("the answer has no rationale")
		}
		values = append(values, strings.TrimSpace(rationale))
	}
	return values, note, nil
}

// read returns the labels that an answer, or a member of it, gives: as many as are
// wanted, in the order of the job's.
func (k *Classification) read(given []byte) ([]string, error) {
	if !k.Multi {
		var one []string
		if json.Unmarshal(given, &one) == nil && len(one) == 1 {
			given = []byte(one[0])
		}
		label, ok := k.labels.find(unquoted(string(given)))
		if !ok {
			return nil, fmt.Errorf("the answer %q is none of the labels %s", message.OneLine(string(given), 60), strings.Join(k.labels, ", "))
		}
		return []string{label}, nil
	}
	labels, err := k.labels.list(string(given))
	if err != nil {
		return nil, fmt.Errorf("of the answer %q, %w", message.OneLine(string(given), 60), err)
	}
	switch n := len(labels); {
	case n < k.MinLabels:
		return nil, fmt.Errorf("the answer has %s, and at least %d are wanted", message.Plural(n, "label"), k.MinLabels)
	case k.MaxLabels > 0 && n > k.MaxLabels:
		return nil, fmt.Errorf("the answer has %s, and at most %d are wanted", message.Plural(n, "label"), k.MaxLabels)
	}
	return labels, nil
}

// readConfidence takes a number, also in quotes. What is not from 0 to 1 might be
// a percentage, or not: it is not guessed at.
func readConfidence(raw json.RawMessage) (float64, error) {
	if raw == nil {
		return 0, errors.New("the answer has no confidence")
	}
	f, err := strconv.ParseFloat(unquoted(string(raw)), 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return 0, fmt.Errorf("the confidence %s is not a number from 0 to 1", message.OneLine(string(raw), 30))
	}
	return f, nil
}

// Given returns the labels that the values of an answer hold, as Read returns them,
// and how sure the model says that it is; 0: it was not asked. Of nil values it
// returns no labels.
func (k *Classification) Given(values []any) (labels []string, confidence float64) {
	if len(values) == 0 {
		return nil, 0
	}
	switch v := values[0].(type) {
	case string:
		labels = []string{v}
	case json.RawMessage:
		_ = json.Unmarshal(v, &labels) // it was marshalled from them
	}
	if k.Confidence {
		confidence = values[1].(float64)
	}
	return labels, confidence
}
