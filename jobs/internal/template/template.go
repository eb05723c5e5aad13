// Package template makes texts of rows, by Go's text/template with the columns of a row as
// fields.
//
// It differs from text/template in what a value is. A value is written as the text of its
// cell in a CSV output, lists and objects are JSON, numbers keep their digits, and what a row
// lacks counts as null where a template asks for it. Parsed templates are rewritten for that
// (see rewriter), and those that only put columns between words are not executed at all.
package template

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
)

// The wordings, by which a template can write the values of a row. An answer that was paid
// for is found by the text that was sent, so that none may ever change.
const (
	First  = 1 // numbers, lists and objects as Go prints them: 1e+06, [a b], map[x:1]
	Latest = 2 // as the cells of a CSV output have them; line ends of templates are LF
)

// A Template renders text from a row: Go's text/template, with the row's
// columns as fields. It is safe for concurrent use.
type Template struct {
	t        *template.Template
	name     string   // of the option, for messages
	text     string   // as it is written
	uses     []string // the columns that it names
	fallback []string // those that it has another text for when they are empty, by default
	all      bool     // it uses the whole row, as in {{json .}}

	unknown string // what the template calls, and is no function: most likely a column; see CheckColumns

	fast  []segment      // the whole template when it only puts columns between words, else nil
	first *firstTemplate // what makes the text in wording 1; nil in later ones
}

// New parses a template, which writes values in a wording. The option is how messages call
// it. Errors are of the type [spec.Error].
func New(option, text string, wording int) (*Template, error) {
	if strings.HasPrefix(text, "@@") {
		text = text[1:]
	}
	if !utf8.ValidString(text) {
		return nil, spec.Errorf("save it as UTF-8", "%s is not valid UTF-8", option)
	}
	r := &Template{name: option, text: text}
	if wording == First {
		r.first = newFirstTemplate(option, text)
	} else { // files come from Windows, too
		text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	}
	t, err := template.New(option).Option("missingkey=zero").Funcs(templateFuncs()).Parse(text)
	if m := undefined.FindStringSubmatch(fmt.Sprint(err)); m != nil && nearFunction(m[1]) == "" {
		r.unknown = m[1]
		return r, nil
	}
	if err != nil {
		return nil, parseError(option, err)
	}
	r.t = t
	var f columnFinder
	f.list(t.Root, true)
	r.uses, r.fallback, r.all, r.fast = f.uses, f.fallback, f.all, segmentsOf(t.Root)
	w := rewriter{option: option}
	for _, defined := range t.Templates() {
		w.list(defined.Root)
	}
	return r, w.err
}

// undefined finds the name in text/template's error for what is no function.
var undefined = regexp.MustCompile(`function "(.*)" not defined`)

// nearFunction returns the function that a name is most likely meant to be, or "".
func nearFunction(name string) string {
	return message.NearestWithin(min(2, len(name)/3), name, functionNames())
}

// inWords says in other words what text/template says of texts that it cannot parse.
var inWords = strings.NewReplacer(
	"unexpected EOF", "an {{end}} is missing", "unexpected {{end}}", "there is an {{end}} too many", "bad character U+002D '-'", "a name with a hyphen is written otherwise",
	"invalid syntax", "a text in quotes has an escape that is none", "integer overflow", "a number is too large",
)

// parseError returns the error for a text that is no template.
func parseError(option string, err error) error {
	text := inWords.Replace(strings.TrimPrefix(err.Error(), "template: "))
	hint := `a column is written {{.body}}, or {{index . "odd name"}}`
	if m := undefined.FindStringSubmatch(text); m != nil {
		hint = fmt.Sprintf("did you mean %s?", nearFunction(m[1]))
	}
	return spec.Errorf(hint, "%s", text)
}

// Name returns the option that the template is given by.
func (r *Template) Name() string { return r.name }

// Text returns the template as it is written.
func (r *Template) Text() string { return r.text }

// Shows reports whether the template uses a column.
func (r *Template) Shows(column string) bool { return r.all || slices.Contains(r.uses, column) }

// Join appends the text for a row, each piece of it by add. It reports false, and appends
// nothing, if the text is to be made by [Template.Render].
func (r *Template) Join(dst []byte, row *batch.Row, add func(dst []byte, s string) []byte) ([]byte, bool) {
	if r.first != nil {
		return joinSegments(dst, r.first.fast, row, firstText, add)
	}
	return joinSegments(dst, r.fast, row, cellText, add)
}

// Render returns the text for a row. A column that the row lacks is an error, unless the
// template only asks for it.
func (r *Template) Render(row *batch.Row) (string, error) {
	if r.t == nil {
		return "", r.CheckColumns(nil)
	}
	if r.first != nil {
		// What wording 1 could not make was never asked, so it is made as today.
		if text, ok := r.first.render(row, r.uses, r.all); ok && utf8.ValidString(text) {
			return text, nil
		}
	}
	return r.renderNow(row)
}

// renderNow returns the text of the latest wording.
func (r *Template) renderNow(row *batch.Row) (string, error) {
	plain := func(dst []byte, s string) []byte { return append(dst, s...) }
	if text, ok := joinSegments(nil, r.fast, row, cellText, plain); ok {
		return string(text), nil
	}
	data := make(rowData, len(r.uses))
	if r.all {
		for i, c := range row.Columns {
			data[c.Name] = columnValue(row.Values[i])
		}
	}
	for _, name := range r.uses {
		if v, ok := row.Value(name); ok {
			data[name] = columnValue(v)
		}
	}
	var b strings.Builder
	if err := r.t.Execute(&b, data); err != nil {
		return "", r.rowError(err)
	}
	// The rows are UTF-8, but slice and printf "%c" can cut characters up.
	if !utf8.ValidString(b.String()) {
		return "", fmt.Errorf("%s makes text of the row that is not UTF-8; slice counts bytes: use truncate", r.name)
	}
	return b.String(), nil
}

// rowError returns the error of a row for which the template cannot be executed.
func (r *Template) rowError(err error) error {
	var lacks missing
	if errors.As(err, &lacks) {
		return fmt.Errorf("%w, which %s uses", lacks, r.name)
	}
	var wrong *fault
	if errors.As(err, &wrong) {
		return faultf("%s: %s", r.name, wrong.text)
	}
	// What is left is rare, such as templates that call each other without end.
	text := err.Error()
	return faultf("%s cannot be made of the row: %s", r.name, text[strings.LastIndex(text, ">: ")+1:])
}

// Changed reports whether the row has another text in the latest wording than in that of
// the template.
func (r *Template) Changed(row *batch.Row) bool {
	if r.first == nil {
		return false
	}
	then, ok := r.first.render(row, r.uses, r.all)
	now, err := r.renderNow(row)
	return ok && (err != nil || then != now)
}

// IsConstant reports whether the text is the same for every row.
func (r *Template) IsConstant() bool { return !r.all && len(r.uses) == 0 }

// IsEmpty reports whether there is nothing in a row that the template could show.
func (r *Template) IsEmpty(row *batch.Row) bool {
	if r.IsConstant() {
		return false
	}
	for i, c := range row.Columns {
		if (r.all || slices.Contains(r.uses, c.Name)) && !holdsNothing(row.Values[i]) {
			return false
		}
	}
	return len(r.fallback) == 0
}

// CheckColumns returns an error when the template names a column that is not
// among names.
func (r *Template) CheckColumns(names []string) error {
	if r.unknown == "" {
		return spec.CheckColumns(r.name, r.uses, names)
	}
	hint := "a column is written {{.body}}, or {{index . \"odd name\"}}; the input has " + message.List(names)
	if near := message.Nearest(r.unknown, names); near != "" {
		hint = fmt.Sprintf("did you mean %s? the input has %s", Reference(near), message.List(names))
	}
	for _, name := range names { // a name of several words, of which the template has all
		if strings.HasPrefix(name, r.unknown+" ") && strings.Contains(r.text, name) {
			hint = "write " + Reference(name)
		}
	}
	return spec.Errorf(hint, "%s calls %q, which is no function", r.name, r.unknown)
}

// identifier matches names that a template can write behind a point.
var identifier = regexp.MustCompile(`^[\pL_][\pL\pN_]*$`)

// Reference returns how a template writes a column.
func Reference(column string) string {
	if identifier.MatchString(column) {
		return "{{." + column + "}}"
	}
	return fmt.Sprintf("{{index . %q}}", column)
}
