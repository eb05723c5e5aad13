package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Classification asks for one of a list of labels, or for several of them, and knows
// which labels a text means. It is safe for concurrent use.
type Classification struct {
	Multi      bool // a row can have several labels, or none
	Confidence bool // the model says how sure it is

	minLabels, maxLabels int // of one row; no bound if 0
	rationale            bool

	text    *template.Template
	subject string // see subjectOf
	labels  labelSet
	shown   map[string]bool // texts of the examples
}

// newClassify returns the kind that asks for labels.
func newClassify(s job, system *template.Template) (*kind, error) {
	c := s.Classify
	if c.Text == "" && len(s.Media) == 0 {
		return nil, spec.Errorf(`say which text with --text "{{.body}}", or text: under classify:`, "classify has no text")
	}
	if len(c.Labels) == 1 && strings.Contains(c.Labels[0].Name, ",") {
		items := strings.Split(c.Labels[0].Name, ",")
		for i, item := range items {
			items[i] = "--label " + strconv.Quote(strings.TrimSpace(item))
		}
		return nil, spec.Errorf("give each label by itself: "+strings.Join(items, " "), "classify has the one label %q, since a label may hold commas", c.Labels[0].Name)
	}
	if len(c.Labels) == 1 && textFile.MatchString(c.Labels[0].Name) {
		return nil, spec.Errorf("write @"+c.Labels[0].Name+" for the labels in the file, one a line", "classify has the one label %q", c.Labels[0].Name)
	}
	if len(c.Labels) < 2 {
		return nil, spec.Errorf("give at least two with --label A --label B, or labels: under classify:", "classify has %d labels", len(c.Labels))
	}
	text, err := s.newTemplate("text", c.Text)
	if err != nil {
		return nil, err
	}
	k := &Classification{
		Multi: c.Multi, Confidence: c.Confidence, minLabels: c.MinLabels, maxLabels: c.MaxLabels, rationale: c.Rationale,
		text: text, subject: subjectOf(s.Spec),
	}
	var list strings.Builder
	for _, l := range c.Labels {
		name := l.Name
		if strings.HasPrefix(name, "@@") {
			name = name[1:]
		}
		if strings.TrimSpace(name) == "" {
			return nil, spec.Errorf("", "classify has an empty label")
		}
		for _, other := range k.labels {
			if strings.EqualFold(norm.NFC.String(other), norm.NFC.String(name)) {
				return nil, spec.Errorf("labels must differ in more than case and Unicode form", "classify has the labels %q and %q", other, name)
			}
		}
		k.labels = append(k.labels, name)
		list.WriteString("- " + name)
		if l.Description != "" {
			list.WriteString(": " + l.Description)
		}
		list.WriteString("\n")
	}
	if err := k.checkNumbers(); err != nil {
		return nil, err
	}
	contents, err := k.turns(c.Examples.List)
	if err != nil {
		return nil, err
	}
	made, err := newTextKind(s, map[string]any{
		"contents":          append(contents, apijson.TextContent("user", text)),
		"systemInstruction": instructionContent(k.instruction()+"\n\nLabels:\n"+list.String(), system),
		"generationConfig":  k.answerConfig(),
	}, text, system)
	if err != nil {
		return nil, err
	}
	made.classification = k
	return made, nil
}

// checkNumbers refuses bounds that no number of labels keeps.
func (k *Classification) checkNumbers() error {
	switch {
	case k.minLabels < 0 || k.maxLabels < 0:
		return spec.Errorf("", "min_labels and max_labels cannot be negative")
	case !k.Multi && (k.minLabels > 0 || k.maxLabels > 0):
		return spec.Errorf("add --multi, or multi: true under classify:", "min_labels and max_labels are for several labels, and this job gives each row one")
	case k.maxLabels > 0 && k.minLabels > k.maxLabels:
		return spec.Errorf("", "min_labels is %d, and max_labels only %d", k.minLabels, k.maxLabels)
	case k.minLabels > len(k.labels):
		return spec.Errorf("", "min_labels is %d, and there are %d labels", k.minLabels, len(k.labels))
	}
	return nil
}

// asksObject reports whether the answer is an object, and not the label or the
// list alone.
func (k *Classification) asksObject() bool { return k.rationale || k.Confidence }

// instruction says what to do, up to the list of the labels. What stands here is
// part of the rows' fingerprints: see [Wording].
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
	if k.rationale {
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

// numberText tells the model how many labels are wanted.
func (k *Classification) numberText() string {
	most := k.maxLabels
	switch {
	case k.minLabels > 0 && k.minLabels == most:
		return fmt.Sprintf("Give exactly %d.", most)
	case k.minLabels > 0 && most > 0:
		return fmt.Sprintf("Give from %d to %d of them.", k.minLabels, most)
	case k.minLabels > 0:
		return fmt.Sprintf("Give at least %d.", k.minLabels)
	case most > 0:
		return fmt.Sprintf("Give at most %d, and an empty list when none applies.", most)
	}
	return "The list is empty when none applies."
}

// answerConfig returns the generationConfig that binds the answer on the API's side. It has
// responseSchema, since all endpoints know that one.
func (k *Classification) answerConfig() map[string]any {
	label := map[string]any{"type": "STRING", "enum": k.labels}
	if !k.Multi && !k.asksObject() {
		return map[string]any{"responseMimeType": "text/x.enum", "responseSchema": label}
	}
	schema, name := label, "label"
	if k.Multi {
		schema, name = map[string]any{"type": "ARRAY", "items": label}, "labels"
		if k.minLabels > 0 {
			schema["minItems"] = k.minLabels
		}
		if k.maxLabels > 0 {
			schema["maxItems"] = k.maxLabels
		}
	}
	if k.asksObject() {
		properties := map[string]any{name: schema}
		order := []any{name}
		if k.rationale {
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

// columns are the label or labels, and what else is asked for.
func (k *Classification) columns() []batch.Column {
	columns := []batch.Column{{Name: "label"}}
	if k.Multi {
		columns[0] = batch.Column{Name: "labels", Type: batch.JSON}
	}
	if k.Confidence {
		columns = append(columns, batch.Column{Name: "confidence", Type: batch.Float})
	}
	if k.rationale {
		columns = append(columns, batch.Column{Name: "rationale"})
	}
	return columns
}

// read returns the label or labels of an answer, with what else was asked for. Models
// answer with a label in quotes or other case when a gateway drops the schema; an answer
// in which no label or more than one can be meant is none.
func (k *Classification) read(a *gemini.Answer) ([]any, string, error) {
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
		return nil, "", fmt.Errorf("the answer %q is not the JSON object that is wanted", message.OneLine(a.Text, 200))
	}
	labels, err := k.readLabels(given)
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
	if k.rationale {
		var rationale string
		if err := json.Unmarshal(o.Rationale, &rationale); err != nil || strings.TrimSpace(rationale) == "" {
			return nil, "", errors.New("the answer has no rationale")
		}
		values = append(values, strings.TrimSpace(rationale))
	}
	return values, note, nil
}

// endsWithLabel reports whether a text that was cut is one label, and cannot have become
// another one: white space follows, or no other label begins like it.
func (k *Classification) endsWithLabel(text string) bool {
	if k.Multi || k.asksObject() {
		return false
	}
	label, ok := k.labels.find(unquoted(text))
	if !ok {
		return false
	}
	longer := func(other string) bool {
		return len(other) > len(label) && strings.HasPrefix(strings.ToLower(other), strings.ToLower(label))
	}
	return strings.TrimRight(text, " \t\r\n") != text || !slices.ContainsFunc(k.labels, longer)
}

// readLabels returns the labels that an answer, or a member of it, gives: as many as are
// wanted, in the order of the job's.
func (k *Classification) readLabels(given []byte) ([]string, error) {
	if !k.Multi {
		var one []string
		if json.Unmarshal(given, &one) == nil && len(one) == 1 {
			given = []byte(one[0])
		}
		label, ok := k.labels.find(unquoted(string(given)))
		if !ok {
			return nil, fmt.Errorf("the answer %q is none of the labels %s", message.OneLine(string(given), 200), message.List(k.labels))
		}
		return []string{label}, nil
	}
	labels, err := k.labels.list(string(given))
	if err != nil {
		return nil, fmt.Errorf("of the answer %q, %w", message.OneLine(string(given), 200), err)
	}
	switch n := len(labels); {
	case n < k.minLabels:
		return nil, fmt.Errorf("the answer has %s, and at least %d are wanted", message.Plural(n, "label"), k.minLabels)
	case k.maxLabels > 0 && n > k.maxLabels:
		return nil, fmt.Errorf("the answer has %s, and at most %d are wanted", message.Plural(n, "label"), k.maxLabels)
	}
	return labels, nil
}

// readConfidence reads a number, also one in quotes. A number that is not from 0 to 1 is an
// error: it might be a percentage, and is not guessed at.
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

// LabelsOf returns the labels that the model gave to a row, from the values that
// [Prompt.Read] returned, and how sure it says that it is. There are no labels in nil
// values, and the confidence is 0 where the job does not ask for it.
func (k *Classification) LabelsOf(values []any) (labels []string, confidence float64) {
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
