package prompt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file finds prompts that cannot be meant: those that ask the same about every row,
// and rows that leave nothing to ask about.

// AllowSame says how a prompt is asked that is the same for every row.
const AllowSame = "--allow-same-prompt asks it all the same"

// CheckMeant returns an error if the job asks the same about every row, whatever the row
// holds. The names are those of the input's columns.
func (p *Prompt) CheckMeant(names []string) error {
	if p.kind.raw != nil {
		return p.kind.raw.checkMeant(names)
	}
	if len(p.spec.Media) > 0 || p.spec.AllowSamePrompt {
		return nil
	}
	for _, t := range p.templates {
		if file := p.fileNamedBy(t); file != "" {
			return spec.Errorf("write @"+file+" for what stands in the file; "+AllowSame, "%s is %q, which is sent as it stands", t.Name(), file)
		}
	}
	for _, t := range p.templates[1:] { // of the system text and set
		if name := bracedColumn(t.Text(), names); name != "" && t.IsConstant() {
			return spec.Errorf(fmt.Sprintf("write %q; "+AllowSame, message.OneLine(withColumn(t.Text(), names), 120)),
				"%s is %q, which has the name of a column and is sent as it stands", t.Name(), message.OneLine(t.Text(), 60))
		}
	}
	asked := p.kind.templates[0]
	near := meantColumn(asked.Text(), names)
	usesNone := !slices.ContainsFunc(p.templates, func(t *template.Template) bool { return !t.IsConstant() })
	if !usesNone && (near == "" || !asked.IsConstant()) {
		return nil // the row shows elsewhere
	}
	fixed := withColumn(asked.Text(), names)
	return spec.Errorf(fmt.Sprintf("write %q; the input has %s; %s", message.OneLine(fixed, 120), message.List(names), AllowSame),
		"%s is %q, which uses no column of the input: every row would ask the same", asked.Name(), message.OneLine(asked.Text(), 60))
}

// textFile matches the name of a file that holds a text.
var textFile = regexp.MustCompile(`^[^\s{}]+\.(?i:txt|text|md|markdown|prompt|tmpl|tpl|j2|jinja2?|mustache|hbs)$`)

// fileNamedBy returns the file that a template without columns names where it was meant to
// hold the file's text, or "".
func (p *Prompt) fileNamedBy(t *template.Template) string {
	name := strings.TrimSpace(t.Text())
	if !t.IsConstant() || name == "" || len(name) > 255 || strings.ContainsAny(name, "\n{}") || strings.HasPrefix(t.Name(), "set ") {
		return ""
	}
	if textFile.MatchString(name) {
		return name
	}
	if filepath.Ext(name) == "" {
		return ""
	}
	// A job file names files from its own folder, which mostly is that of the input.
	folders := []string{""}
	for _, in := range p.spec.Input {
		folders = append(folders, filepath.Dir(in))
	}
	for _, dir := range folders {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return name
		}
	}
	return ""
}

// placeholder matches what stands for a column in other template languages, with the name in
// one of its groups where it has one: {name}, ${name}, %(name)s, <name>, [name], $name, :name.
var placeholder = regexp.MustCompile(`\$?\{+\s*([^{}\s"':,]*)\s*\}+` +
	`|%\(([^()]+)\)s|<+\s*([^<>/\s]+)\s*>+|\[+\s*([^\[\]]+?)\s*\]+|\(\(\s*([^()]+?)\s*\)\)|«\s*([^«»]+?)\s*»|__([\pL\pN]+)__|%([\pL_][\pL\pN_]*)%` +
	`|[$:@#%]([\pL_][\pL\pN_.]*)|%[sdvq]|\$\d`)

// action matches what a template itself does.
var action = regexp.MustCompile(`(?s)\{\{.*?\}\}`)

// nameIn returns the name in a match of placeholder, or "".
func nameIn(match []string) string {
	for _, group := range match[1:] {
		if group != "" {
			group = group[strings.LastIndexByte(group, '.')+1:] // {row.text}
			return group
		}
	}
	return ""
}

// meantColumn returns the column that a text without columns means: it is the column's name
// alone, or has it in the way of another template language.
func meantColumn(text string, names []string) string {
	text = strings.TrimSpace(text)
	for _, name := range names {
		if strings.EqualFold(strings.Trim(text, "{}$.<>[] "), name) {
			return name
		}
	}
	for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
		for _, name := range names {
			if strings.EqualFold(nameIn(match), name) {
				return name
			}
		}
	}
	return ""
}

// bracedColumn returns a column whose name stands in a text in braces that are no
// template's: {name}, ${name}, %(name)s. Other brackets are those of ordinary texts, too.
func bracedColumn(text string, names []string) string {
	text = action.ReplaceAllString(text, "")
	for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
		for _, name := range names {
			if nameIn(match) == name && strings.ContainsAny(match[0][:1], "{$%") {
				return name
			}
		}
	}
	return ""
}

// withColumn returns a text without columns as it was likely meant, with a column in it.
func withColumn(text string, names []string) string {
	if text = strings.TrimSpace(text); text == "" {
		return template.Reference(likelyColumn(names))
	}
	for _, name := range names {
		if strings.EqualFold(text, name) {
			return template.Reference(name)
		}
	}
	found := false
	fixed := placeholder.ReplaceAllStringFunc(text, func(hit string) string {
		name := nameIn(placeholder.FindStringSubmatch(hit))
		for _, column := range names {
			if strings.EqualFold(name, column) {
				found = true
				return template.Reference(column)
			}
		}
		return hit
	})
	if found {
		return fixed
	}
	if hit := placeholder.FindStringSubmatch(text); hit != nil && (nameIn(hit) == "" || strings.ContainsAny(hit[0], "{$%")) {
		column := message.Nearest(nameIn(hit), names)
		if column == "" {
			column = likelyColumn(names)
		}
		return strings.Replace(text, hit[0], template.Reference(column), 1)
	}
	return text + " " + template.Reference(likelyColumn(names))
}

// likelyColumn returns the column that most likely holds the text to ask about.
func likelyColumn(names []string) string {
	for _, word := range []string{"text", "body", "content", "review", "message", "comment", "description", "question", "prompt", "title", "abstract", "summary"} {
		for _, name := range names {
			if strings.Contains(strings.ToLower(name), word) {
				return name
			}
		}
	}
	if len(names) == 0 {
		return "column"
	}
	return names[len(names)-1] // the first is mostly an id
}

// IsFault reports whether an error of [Prompt.Render] or [Prompt.Foreign] is one that all
// rows are likely to have: a template does with values what cannot be done with them, or a
// request is one of another API.
func IsFault(err error) bool {
	_, isForeign := errors.AsType[*foreignError](err)
	return isForeign || template.IsFault(err)
}

// IsEmpty reports whether a row leaves nothing to ask about: the text of a classification,
// a summary or an extraction is blank, or every column that the prompt uses is. Media does
// not count.
func (p *Prompt) IsEmpty(row *batch.Row) bool {
	if p.kind.raw != nil {
		return false
	}
	asked := p.kind.templates[0]
	if asked.Name() == "prompt" {
		return asked.IsEmpty(row)
	}
	text, err := asked.Render(row)
	return err == nil && template.IsBlank(text) && !asked.IsConstant()
}

// Changed reports whether the row's texts are others in the latest wording than in that of
// the job.
func (p *Prompt) Changed(row *batch.Row) bool {
	return p.wording < Wording && slices.ContainsFunc(p.templates, func(t *template.Template) bool { return t.Changed(row) })
}

// Foreign returns why a row's own request is none of generateContent, as a fault; nil if
// it may be one, or if the job makes the requests.
func (p *Prompt) Foreign(body []byte) error {
	if p.kind.raw == nil || p.spec.NoPreflight {
		return nil
	}
	return foreign(body)
}

// HasTemplates reports whether the job makes its requests by templates. Otherwise the rows
// bring their own.
func (p *Prompt) HasTemplates() bool { return p.kind.raw == nil }

// Oddities returns what is odd about the job's texts and is sent all the same. The names are
// those of the input's columns.
func (p *Prompt) Oddities(names []string) (list []string) {
	for _, t := range p.templates {
		if name := bracedColumn(t.Text(), names); name != "" && !t.IsConstant() {
			list = append(list, fmt.Sprintf("%s has the name of the column %s in other braces than a template's, which is sent as it stands; a column is written %s", t.Name(), name, template.Reference(name)))
		}
	}
	if k := p.kind.classification; k != nil {
		for i, asked := range p.spec.Classify.All() {
			if name := k.Questions[i].labels.describing(asked.Labels); name != "" {
				label, text, _ := strings.Cut(name, ": ")
				list = append(list, fmt.Sprintf("a label holds a colon, and is the label as a whole: %q; a description is given by --label %q --describe %q, or by a map under labels:",
					message.OneLine(name, 60), label, message.OneLine(label+"="+text, 60)))
			}
		}
	}
	return list
}
