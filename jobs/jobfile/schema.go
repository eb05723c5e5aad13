package jobfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/spec"
)

// URL is where the JSON Schema of job files is published. A job file names it in its first
// line, which [Modeline] returns, so that editors find it.
const URL = "https://raw.githubusercontent.com/genbatch/genbatch/main/docs/job.schema.json"

// Modeline is the comment by which a job file tells editors its schema. VS Code, Neovim,
// Helix and others obey it by yaml-language-server, JetBrains' IDEs by themselves.
const Modeline = "# yaml-language-server: $schema=" + URL

// Schema returns the JSON Schema of job files. It is of draft-07, which editors know best.
//
// A file that the schema accepts is one that genbatch reads, as far as a schema can tell: it
// does not look into templates, other files and the input. The schema refuses two things
// that genbatch reads and that are rarely meant: a key without a value, and a bare true or
// false where a text is due. It asks for no key, since flags may give what a file leaves out.
func Schema() ([]byte, error) {
	root, err := group(reflect.TypeFor[spec.Spec](), "")
	if err != nil {
		return nil, err
	}
	root = append(object{
		{"$schema", "http://json-schema.org/draft-07/schema#"},
		{"$id", URL},
		{"title", "genbatch job file"},
		{"description", "A job of genbatch: which rows to read, what to ask a Gemini model about each of them, and where to write the answers."},
	}, root...)
	text, err := apijson.Marshal(append(root, contradictions()...))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// group returns the schema of a struct of keys. The path leads to it, and is empty for the
// job itself.
func group(t reflect.Type, path string) (object, error) {
	properties := object{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() {
			continue
		}
		key := strings.TrimPrefix(path+"."+name, ".")
		m, ok := meanings[key]
		if !ok {
			return nil, fmt.Errorf("the key %s has no meaning: say in jobs/jobfile/meaning.go what it is for", key)
		}
		shape, err := shapeOf(field.Type, key)
		if err != nil {
			return nil, err
		}
		properties = properties.with(name, annotated(shape, m))
	}
	return object{{"type", "object"}, {"additionalProperties", false}, {"properties", properties}}, nil
}

// annotated puts before a schema what people read of it.
func annotated(shape object, m meaning) object {
	text := m.text
	if m.none != "" {
		text += " Default: " + m.none + "."
	}
	o := object{{"description", text}}
	if m.fallback != nil {
		o = o.with("default", m.fallback)
	}
	if len(m.examples) > 0 {
		o = o.with("examples", m.examples)
	}
	return append(o, shape...)
}

// shapeOf returns the schema of what a job file may have at a key, by the type of its field
// and by what is known of the key.
func shapeOf(t reflect.Type, key string) (object, error) {
	if shape, ok := shapes()[key]; ok {
		return shape, nil
	}
	if t == reflect.TypeFor[*spec.Summarize]() {
		o, err := group(t.Elem(), key)
		return o.with("dependencies", object{{"words", forbid("Keep words or sentences.", "sentences")}}), err
	}
	if t == reflect.TypeFor[*spec.Classify]() {
		o, err := group(t.Elem(), key)
		return o.with("dependencies", object{{"questions", forbid("Each question has its own labels and bounds.", "labels", "multi", "min_labels", "max_labels", "descriptions")}}), err
	}
	if t.Kind() == reflect.Pointer {
		return group(t.Elem(), key)
	}
	switch t {
	case reflect.TypeFor[time.Duration]():
		return pattern(duration, "Write a length of time with its unit, such as 90s, 5m or 1h30m."), nil
	case reflect.TypeFor[spec.List]():
		return oneOrMany(text()), nil
	case reflect.TypeFor[spec.Schema]():
		return object{{"type", []string{"object", "string"}}}, nil
	case reflect.TypeFor[spec.Labels]():
		return labels(), nil
	case reflect.TypeFor[spec.Questions]():
		return questions()
	case reflect.TypeFor[spec.Expected]():
		of, err := shapeOf(reflect.TypeFor[spec.ExpectedColumn](), "expected")
		return anyOf(text(), object{{"type", "object"}, {"additionalProperties", of}}), err
	case reflect.TypeFor[spec.ExpectedColumn]():
		of, err := group(t, "expected")
		return anyOf(text().with("minLength", 1), of.with("required", []string{"column"})), err
	case reflect.TypeFor[map[string]spec.List]():
		return object{{"type", "object"}, {"additionalProperties", oneOrMany(text())}}, nil
	case reflect.TypeFor[spec.Examples]():
		return examples()
	case reflect.TypeFor[[]spec.Example]():
		item, err := group(reflect.TypeFor[spec.Example](), "example")
		return object{{"type", "array"}, {"items", item}}, err
	case reflect.TypeFor[spec.MediaColumns]():
		item, err := group(reflect.TypeFor[spec.MediaColumn](), "media")
		return oneOrMany(anyOf(text().with("minLength", 1), item.with("required", []string{"column"}))), err
	case reflect.TypeFor[spec.Checks]():
		item, err := group(reflect.TypeFor[spec.Check](), "check")
		return oneOrMany(anyOf(text().with("minLength", 1), item.with("required", []string{"expr"}))), err
	case reflect.TypeFor[spec.Webhook]():
		of, err := group(t, key)
		return anyOf(pattern(webhook, "Write an address, such as https://example.com/hook."), of.with("dependencies", object{{"secret_env", forbid("Keep secret_env or secret_file.", "secret_file")}})), err
	case reflect.TypeFor[map[string]string]():
		return object{{"type", "object"}, {"additionalProperties", described()}}, nil
	}
	switch t.Kind() {
	case reflect.String:
		return text(), nil
	case reflect.Bool:
		return object{{"type", "boolean"}}, nil
	case reflect.Int, reflect.Int64:
		// A number may stand in quotes.
		return object{{"type", []string{"integer", "string"}}, {"minimum", 0}, {"pattern", `^\+?[0-9]+(?:\.0*)?$`},
			{"errorMessage", "Write a whole number, such as 10."}}, nil
	}
	return nil, fmt.Errorf("the key %s has the type %s, for which jobs/jobfile has no schema", key, t)
}

// text returns the schema of a text. A number is one as it is written; true and false are
// left out, since editors would propose them everywhere.
func text() object { return object{{"type", []string{"string", "number"}}} }

// described returns the schema of a text behind a name of the user's, which may be empty.
func described() object { return object{{"type", []string{"string", "number", "boolean", "null"}}} }

// pattern returns the schema of a text of a form.
// The message is what editors say of another text, and may be empty.
func pattern(p, message string) object {
	o := object{{"type", "string"}, {"pattern", "^(?:" + p + ")$"}}
	if message != "" {
		o = o.with("errorMessage", message)
	}
	return o
}

func anyOf(of ...object) object { return object{{"anyOf", of}} }

// oneOrMany returns the schema of a list in which one stands for a list of one.
func oneOrMany(item object) object {
	return anyOf(item, object{{"type", "array"}, {"items", item}})
}

// words returns the schema of a text that is one of some words.
func words(list ...string) object { return object{{"enum", list}} }

// inAnyCase returns the schema of a text that is one of some words in lower case or in
// capitals. Editors propose the words as they are here.
func inAnyCase(list ...string) object {
	return anyOf(words(list...), pattern(foldCase(list...), ""))
}

// foldCase returns a pattern for any of some words in any case.
func foldCase(list ...string) string {
	var b strings.Builder
	for i, word := range list {
		if i > 0 {
			b.WriteByte('|')
		}
		for _, r := range word {
			if upper := strings.ToUpper(string(r)); upper != string(r) {
				fmt.Fprintf(&b, "[%s%c]", upper, r)
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// labels returns the schema of the labels of a classification.
func labels() object {
	name := object{{"type", []string{"string", "number", "boolean"}}}
	full := object{
		{"type", "object"}, {"additionalProperties", false}, {"required", []string{"name"}},
		{"properties", object{
			{"name", annotated(name, meaning{text: "The label."})},
			{"description", annotated(described(), meaning{text: "What it means, for the model."})},
		}},
	}
	pair := object{{"type", "object"}, {"additionalProperties", described()}, {"minProperties", 1}, {"maxProperties", 1}}
	return anyOf(
		object{{"type", "array"}, {"items", anyOf(name, full, pair)}},
		object{{"type", "object"}, {"additionalProperties", described()}},
		pattern("@.*", ""),
	)
}

// questions returns the schema of the questions of a classification: a map, or a list of
// questions that have their names.
func questions() (object, error) {
	question, err := group(reflect.TypeFor[spec.Question](), "questions")
	question = question.with("required", []string{"labels"})
	name := pattern(spec.QuestionName, "A name has up to 64 letters, digits and underscores, and does not begin with a digit.")
	named := all(question, object{{"required", []string{"name"}}, {"properties", object{{"name", name}}}})
	return anyOf(
		object{{"type", "object"}, {"minProperties", 1}, {"propertyNames", name}, {"additionalProperties", all(question, object{{"not", object{{"required", []string{"name"}}}}})}},
		object{{"type", "array"}, {"minItems", 1}, {"items", named}},
	), err
}

// examples returns the schema of the examples of a classification.
func examples() (object, error) {
	table, err := group(reflect.TypeFor[spec.Examples](), "examples")
	if err != nil {
		return nil, err
	}
	list, err := shapeOf(reflect.TypeFor[[]spec.Example](), "examples.list")
	return anyOf(text(), list, table.with("required", []string{"file"})), err
}
