package prompt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A rowTemplate renders text from a row: Go's text/template, with the row's
// columns as fields. It is safe for concurrent use.
type rowTemplate struct {
	t    *template.Template
	name string   // of the option, for messages
	uses []string // the columns that it names
	all  bool     // it uses the whole row, as in {{json .}}

	fast []segment // the whole template when it only puts columns between words, else nil
}

// templateFuncs are what templates can call beside text/template's own. None
// reads files, the environment or the network, and none must: templates come
// from job files that people pass on.
var templateFuncs = template.FuncMap{
	"json": func(v any) (string, error) {
		text, err := apijson.Marshal(v)
		return string(text), err
	},
	"trim":  func(v any) string { return strings.TrimSpace(fmt.Sprint(v)) },
	"lower": func(v any) string { return strings.ToLower(fmt.Sprint(v)) },
	"upper": func(v any) string { return strings.ToUpper(fmt.Sprint(v)) },
	"truncate": func(n int, v any) (string, error) {
		if n < 0 {
			return "", errors.New("truncate: the length is negative")
		}
		s := fmt.Sprint(v)
		for i := range s {
			if n == 0 {
				return s[:i], nil
			}
			n--
		}
		return s, nil
	},
	"default": func(def, v any) any {
		if v == nil || v == "" || v == null("") {
			return def
		}
		return v
	},
	"join": func(sep string, v any) (string, error) {
		items, ok := v.([]any)
		if !ok {
			return "", fmt.Errorf("join: the value is no list")
		}
		texts := make([]string, len(items))
		for i, item := range items {
			texts[i] = fmt.Sprint(item)
		}
		return strings.Join(texts, sep), nil
	},
}

// newTemplate parses a template; option is how messages call it.
func newTemplate(option, text string) (*rowTemplate, error) {
	if strings.HasPrefix(text, "@@") {
		text = text[1:]
	}
	if !utf8.ValidString(text) {
		return nil, spec.Errorf("save it as UTF-8", "%s is not valid UTF-8", option)
	}
	t, err := template.New(option).Option("missingkey=error").Funcs(templateFuncs).Parse(text)
	if err != nil {
		return nil, spec.Errorf(`a column is written {{.body}}, or {{index . "odd name"}}`, "%s", cutPrefix(err))
	}
	var f columnFinder
	f.list(t.Root, true)
	return &rowTemplate{t: t, name: option, uses: f.uses, all: f.all, fast: segmentsOf(t.Root)}, nil
}

// cutPrefix takes text/template's own prefix from an error.
func cutPrefix(err error) string { return strings.TrimPrefix(err.Error(), "template: ") }

// render returns the text for a row. A column that the row lacks is an error.
func (r *rowTemplate) render(row *batch.Row) (string, error) {
	plain := func(dst []byte, s string) []byte { return append(dst, s...) }
	if text, ok := joinSegments(nil, r.fast, row, plain); ok {
		return string(text), nil
	}
	data := make(map[string]any, len(r.uses))
	if r.all {
		for i, c := range row.Columns {
			data[c.Name] = templateValue(row.Values[i])
		}
	}
	for _, name := range r.uses {
		v, ok := row.Value(name)
		if !ok {
			return "", fmt.Errorf("the row has no column %q, which %s uses", name, r.name)
		}
		data[name] = templateValue(v)
	}
	var b strings.Builder
	if err := r.t.Execute(&b, data); err != nil {
		return "", errors.New(cutPrefix(err))
	}
	// The rows are UTF-8, but slice and printf "%c" can cut characters up.
	if !utf8.ValidString(b.String()) {
		return "", fmt.Errorf("%s makes text of the row that is not UTF-8; slice counts bytes: use truncate", r.name)
	}
	return b.String(), nil
}

// null is the null of JSON in a template: empty, false, and null again for json.
// A plain nil would be printed as <no value>.
type null string

// MarshalJSON implements json.Marshaler.
func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// withNulls replaces each nil in a decoded JSON value, in place.
func withNulls(v any) any {
	switch v := v.(type) {
	case nil:
		return null("")
	case []any:
		for i := range v {
			v[i] = withNulls(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = withNulls(v[name])
		}
	}
	return v
}

// templateValue returns the value of a column as templates see it: they can reach into
// lists and objects, and bytes are base64.
func templateValue(v any) any {
	switch v := v.(type) {
	case nil:
		return null("")
	case json.RawMessage:
		d := json.NewDecoder(bytes.NewReader(v))
		d.UseNumber()
		var x any
		if err := d.Decode(&x); err != nil {
			return null("")
		}
		return withNulls(x)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	}
	return v
}

// checkColumns returns an error when the template names a column that is not
// among names.
func (r *rowTemplate) checkColumns(names []string) error {
	return spec.CheckColumns(r.name, r.uses, names)
}
