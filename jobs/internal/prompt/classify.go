package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/logprobs"
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Classification asks questions about a row, whose answers are labels, and knows which
// labels a text means. It is safe for concurrent use.
type Classification struct {
	Questions  []*Question     // in the job's order; one without a name, unless the job names its questions
	Confidence spec.Confidence // how it is known how sure the model is of each answer

	rationale bool
	text      *template.Template
	subject   string          // see subjectOf
	shown     map[string]bool // texts of the examples
}

// A Question asks for one of a list of labels, or for several of them.
type Question struct {
	Name  string // empty for the only question of a job that names none
	Multi bool   // a row can have several labels, or none

	ask                  string // may be empty
	minLabels, maxLabels int    // of one row; no bound if 0
	labels               labelSet
	list                 string // the labels with their descriptions, as the model is shown them
}

// newClassify returns the kind that asks for labels.
func newClassify(s job, system *template.Template) (*kind, error) {
	c := s.Classify
	if c.Text == "" && len(s.Media) == 0 {
		return nil, spec.Errorf(`say which text with --text "{{.body}}", or text: under classify:`, "classify has no text")
	}
	if err := c.CheckQuestions(); err != nil {
		return nil, err
	}
	text, err := s.newTemplate("text", c.Text)
	if err != nil {
		return nil, err
	}
	k := &Classification{Confidence: c.Confidence, rationale: c.Rationale, text: text, subject: subjectOf(s.Spec)}
	for _, asked := range c.All() {
		q, err := newQuestion(&asked)
		if err != nil {
			return nil, err
		}
		k.Questions = append(k.Questions, q)
	}
	if err := k.checkColumns(); err != nil {
		return nil, err
	}
	contents, err := k.turns(c.Examples.List)
	if err != nil {
		return nil, err
	}
	made, err := newTextKind(s, map[string]any{
		"contents":          append(contents, apijson.TextContent("user", text)),
		"systemInstruction": instructionContent(k.instruction(), system),
		"generationConfig":  k.answerConfig(),
	}, text, system)
	if err != nil {
		return nil, err
	}
	made.classification = k
	return made, nil
}

// checkColumns refuses questions whose columns have the name of another one.
func (k *Classification) checkColumns() error {
	named := make(map[string]bool)
	for _, c := range k.columns() {
		name := strings.ToLower(c.Name)
		if named[name] {
			return spec.Errorf("give the question another name", "classify has a question %q, and confidence or rationale a column of that name", c.Name)
		}
		named[name] = true
	}
	return nil
}

// isNamed reports whether the job names its questions. Then the answer is an object that has
// them as its members.
func (k *Classification) isNamed() bool { return k.Questions[0].Name != "" }

// asksObject reports whether the answer is an object, and not the label or the
// list alone.
func (k *Classification) asksObject() bool { return k.isNamed() || k.rationale || k.says() }

// says reports whether the model is asked how sure it is.
func (k *Classification) says() bool { return k.Confidence == spec.Said }

// instruction says what to do, with the labels. What stands here is part of the rows'
// fingerprints: see [Wording].
func (k *Classification) instruction() string {
	if !k.isNamed() {
		return k.soleInstruction() + "\n\nLabels:\n" + k.Questions[0].list
	}
	var b strings.Builder
	b.WriteString("Answer these questions about " + k.subject + ". Each question has labels of its own. " +
		"Answer with a JSON object that has, in this order:\n")
	if k.rationale {
		b.WriteString(`- "rationale": one or two sentences on what in the text speaks for or against the labels in question, before you decide` + "\n")
	}
	for _, q := range k.Questions {
		if q.Multi {
			b.WriteString("- " + strconv.Quote(q.Name) + ": the list of each of its labels that applies, and of no other, spelled as they stand here. " + q.numberText() + "\n")
		} else {
			b.WriteString("- " + strconv.Quote(q.Name) + ": exactly one of its labels, spelled as it stands here\n")
		}
		if k.says() {
			b.WriteString("- " + strconv.Quote(q.confidenceColumn()) + `: from 0 to 1, how likely it is that "` + q.Name + `" is right` + "\n")
		}
	}
	if len(k.shown) > 0 && (k.rationale || k.says()) {
		b.WriteString("The first answers, to texts that are examples, are cut to the labels; give yours whole.\n")
	}
	for _, q := range k.Questions {
		fmt.Fprintf(&b, "\nQuestion %q", q.Name)
		if q.ask != "" {
			b.WriteString(": " + q.ask)
		}
		b.WriteString("\nLabels:\n" + q.list)
	}
	return b.String()
}

// soleInstruction says what to do with the labels of a question without a name.
func (k *Classification) soleInstruction() string {
	q := k.Questions[0]
	if !q.Multi && !k.asksObject() {
		return "Classify " + k.subject + " into exactly one of these labels. " +
			"Answer with the label alone, spelled as it stands here."
	}
	var b strings.Builder
	if q.Multi {
		b.WriteString("Label " + k.subject + " with each of these labels that applies, and with no other. " + q.numberText())
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
	if q.Multi {
		b.WriteString(`- "labels": the list of the labels, each spelled as it stands here` + "\n")
	} else {
		b.WriteString(`- "label": the label, spelled as it stands here` + "\n")
	}
	switch {
	case k.says() && q.Multi:
		b.WriteString(`- "confidence": from 0 to 1, how likely it is that the list is right as a whole` + "\n")
	case k.says():
		b.WriteString(`- "confidence": from 0 to 1, how likely it is that the label is right` + "\n")
	}
	if len(k.shown) > 0 {
		b.WriteString("The first answers, to texts that are examples, are cut to the labels; give yours whole.\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// answerConfig returns the generationConfig that binds the answer on the API's side. It has
// responseSchema, since all endpoints know that one. Where the tokens are to tell how sure the
// model is, those that it chose are enough: alternatives would make each answer several times
// as long, and a schema leaves the labels alone to choose among.
func (k *Classification) answerConfig() map[string]any {
	config := k.answerForm()
	if k.Confidence == spec.Logprobs {
		config["responseLogprobs"] = true
	}
	return config
}

// answerForm returns the schema of the answer, with its type.
func (k *Classification) answerForm() map[string]any {
	if !k.asksObject() {
		if q := k.Questions[0]; !q.Multi {
			return map[string]any{"responseMimeType": "text/x.enum", "responseSchema": q.schema()}
		}
		return map[string]any{"responseMimeType": "application/json", "responseSchema": k.Questions[0].schema()}
	}
	properties := make(map[string]any)
	var order []any
	add := func(name string, schema map[string]any) {
		properties[name] = schema
		order = append(order, name)
	}
	if k.rationale {
		add("rationale", map[string]any{"type": "STRING"}) // written first, it bears on the labels
	}
	for _, q := range k.Questions {
		add(q.Column(), q.schema())
		if k.says() {
			add(q.confidenceColumn(), map[string]any{"type": "NUMBER", "minimum": 0, "maximum": 1})
		}
	}
	return map[string]any{"responseMimeType": "application/json", "responseSchema": map[string]any{
		"type": "OBJECT", "properties": properties, "required": order, "propertyOrdering": order,
	}}
}

// columns are the labels of each question, and what else is asked for.
func (k *Classification) columns() []batch.Column {
	var columns []batch.Column
	for _, q := range k.Questions {
		column := batch.Column{Name: q.Column()}
		if q.Multi {
			column.Type = batch.JSON
		}
		columns = append(columns, column)
		if k.Confidence != "" {
			columns = append(columns, batch.Column{Name: q.confidenceColumn(), Type: batch.Float})
		}
	}
	if k.rationale {
		columns = append(columns, batch.Column{Name: "rationale"})
	}
	return columns
}

// read returns the labels of an answer, with what else was asked for. Models answer with a
// label in quotes or other case when a gateway drops the schema; an answer in which no label
// or more than one can be meant is none.
func (k *Classification) read(a *gemini.Answer) (values []any, note string, err error) {
	text, fenced := withoutFence(a.Text)
	if fenced {
		note = "the answer stood in a code fence"
	}
	members, err := k.members(text)
	if err != nil {
		return nil, "", err
	}
	for _, q := range k.Questions {
		labels, err := q.read(members.of(q.Column()))
		if err != nil {
			return nil, "", err
		}
		if q.Multi {
			list, err := apijson.Marshal(labels)
			if err != nil {
				return nil, "", err
			}
			values = append(values, json.RawMessage(list))
		} else {
			values = append(values, labels[0])
		}
		switch k.Confidence {
		case spec.Said:
			confidence, err := readConfidence(members.of(q.confidenceColumn()))
			if err != nil {
				return nil, "", q.of(err)
			}
			values = append(values, confidence)
		case spec.Logprobs:
			values = append(values, nil) // see Confide
		}
	}
	if k.rationale {
		var rationale string
		if err := json.Unmarshal(members["rationale"], &rationale); err != nil || strings.TrimSpace(rationale) == "" {
			return nil, "", errors.New("the answer has no rationale")
		}
		values = append(values, strings.TrimSpace(rationale))
	}
	return values, note, nil
}

// An answerMembers holds the members of an answer by their names in lower case: models write
// names in whatever case.
type answerMembers map[string]json.RawMessage

func (m answerMembers) of(column string) json.RawMessage { return m[strings.ToLower(column)] }

// members returns what an answer has for each column. The label or the list of a question
// without a name may stand alone.
func (k *Classification) members(text string) (answerMembers, error) {
	var given map[string]json.RawMessage
	isObject := strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &given) == nil
	m := make(answerMembers, len(given))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		m[strings.ToLower(name)] = given[name]
	}
	column := k.Questions[0].Column()
	switch {
	case k.isNamed() && isObject, !k.isNamed() && m[column] != nil:
	case !k.isNamed() && m["labels"] != nil:
		m[column] = m["labels"]
	case !k.isNamed() && m["label"] != nil:
		m[column] = m["label"]
	case k.asksObject():
		return nil, fmt.Errorf("the answer %q is not the JSON object that is wanted", message.OneLine(text, 200))
	default:
		m[column] = []byte(text)
	}
	return m, nil
}

// endsWithLabel reports whether a text that was cut is one label, and cannot have become
// another one: white space follows, or no other label begins like it.
func (k *Classification) endsWithLabel(text string) bool {
	q := k.Questions[0]
	if q.Multi || k.asksObject() {
		return false
	}
	label, ok := q.labels.find(unquoted(text))
	if !ok {
		return false
	}
	longer := func(other string) bool {
		return len(other) > len(label) && strings.HasPrefix(strings.ToLower(other), strings.ToLower(label))
	}
	return strings.TrimRight(text, " \t\r\n") != text || !slices.ContainsFunc(q.labels, longer)
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

// Confide puts into the values that [Prompt.Read] returned of an answer how sure the model was
// of its labels, as its tokens tell. Where they do not, the value stays nil.
func (k *Classification) Confide(values []any, a *gemini.Answer, tokens logprobs.Tokens) {
	text, _ := withoutFence(a.Text)
	from := strings.LastIndex(a.Text, text) // before it may stand the language of a fence
	for i, q := range k.Questions {
		members := []string{""} // the label or the list alone
		if strings.HasPrefix(text, "{") {
			members = []string{q.Column(), "labels", "label"} // as members takes them
		}
		for _, member := range members {
			if p, ok := tokens.Confidence(a.Text, from, from+len(text), member); ok {
				values[2*i+1] = p
				break
			}
		}
	}
}

// LabelsOf returns the labels that the model gave to a row for the question at a place, from
// the values that [Prompt.Read] returned, and how sure it is. There are no labels in nil
// values. The confidence is NaN if it is not known.
func (k *Classification) LabelsOf(values []any, question int) (labels []string, confidence float64) {
	confidence = math.NaN()
	if len(values) == 0 {
		return nil, confidence
	}
	if k.Confidence != "" {
		question *= 2
		if c, ok := values[question+1].(float64); ok {
			confidence = c
		}
	}
	switch v := values[question].(type) {
	case string:
		labels = []string{v}
	case json.RawMessage:
		_ = json.Unmarshal(v, &labels) // it was marshalled from them
	}
	return labels, confidence
}
