package template

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
)

// This file renders templates as wording 1 did, for the folders that began with it. There
// floating-point numbers are written as Go prints them (1e+06), and lists and objects too
// ([a b], map[x:1]). Nothing here may change: each answer that was paid for is found by
// the text that this makes.

// A firstTemplate is a template of wording 1.
type firstTemplate struct {
	t    *template.Template
	fast []segment
}

// newFirstTemplate returns the template as wording 1 has it, or nil for one that wording 1
// cannot parse, so that no answer can depend on it.
func newFirstTemplate(option, text string) *firstTemplate {
	t, err := template.New(option).Option("missingkey=error").Funcs(firstFuncs).Parse(text)
	if err != nil {
		return nil
	}
	return &firstTemplate{t, segmentsOf(t.Root)}
}

// firstFuncs are the functions of wording 1.
var firstFuncs = template.FuncMap{
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
		return firstCharacters(fmt.Sprint(v), n), nil
	},
	"default": func(def, v any) any {
		if v == nil || v == "" || v == firstNull("") {
			return def
		}
		return v
	},
	"join": func(sep string, v any) (string, error) {
		items, ok := v.([]any)
		if !ok {
			return "", errors.New("join: the value is no list")
		}
		texts := make([]string, len(items))
		for i, item := range items {
			texts[i] = fmt.Sprint(item)
		}
		return strings.Join(texts, sep), nil
	},
}

// render returns the text for a row, of which it uses these columns, or all. It reports
// false where wording 1 made no text.
func (f *firstTemplate) render(row *batch.Row, uses []string, all bool) (string, bool) {
	plain := func(dst []byte, s string) []byte { return append(dst, s...) }
	if text, ok := joinSegments(nil, f.fast, row, firstText, plain); ok {
		return string(text), true
	}
	data := make(map[string]any, len(uses))
	if all {
		for i, c := range row.Columns {
			data[c.Name] = firstValue(row.Values[i])
		}
	}
	for _, name := range uses {
		v, ok := row.Value(name)
		if !ok {
			return "", false
		}
		data[name] = firstValue(v)
	}
	var b strings.Builder
	err := f.t.Execute(&b, data)
	return b.String(), err == nil
}

// firstText returns the value of a column whose text needs no text/template in wording 1.
func firstText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return string(v), true
	}
	return "", false
}

// firstNull is null in wording 1: empty, false, and null again for json.
type firstNull string

// MarshalJSON implements json.Marshaler.
func (firstNull) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// withFirstNulls replaces each nil in a decoded JSON value, in place.
func withFirstNulls(v any) any {
	switch v := v.(type) {
	case nil:
		return firstNull("")
	case []any:
		for i := range v {
			v[i] = withFirstNulls(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = withFirstNulls(v[name])
		}
	}
	return v
}

// firstValue returns the value of a column as templates of wording 1 see it.
func firstValue(v any) any {
	switch v := v.(type) {
	case nil:
		return firstNull("")
	case json.RawMessage:
		d := json.NewDecoder(bytes.NewReader(v))
		d.UseNumber()
		var x any
		if err := d.Decode(&x); err != nil {
			return firstNull("")
		}
		return withFirstNulls(x)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	}
	return v
}
