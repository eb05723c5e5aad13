package draft

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/jobfile"
	"github.com/genbatch/genbatch/jobs/spec"
)

// extractSchema is the schema with which an extraction begins. Its keys are to be changed.
var extractSchema = []string{
	"type: object",
	"properties:",
	"  summary: {type: string, description: \"what it is about, in one sentence\"}",
	"  names: {type: array, items: {type: string}, description: \"people, places and organisations\"}",
	"  date: {type: [string, \"null\"], description: \"the first date that it names, as YYYY-MM-DD\"}",
	"required: [summary, names, date]",
}

// docsURL is where the keys of a job file are explained.
const docsURL = "https://github.com/genbatch/genbatch/blob/main/docs/job-file.md"

// A page is the text of a job file that is being written.
type page struct{ strings.Builder }

// comment writes text as a comment, broken into lines of 80 columns.
func (p *page) comment(indent, text string) {
	for _, line := range terminal.Wrap(strings.TrimSpace(text), terminal.Columns-len(indent)-2) {
		fmt.Fprintf(p, "%s# %s\n", indent, line)
	}
}

// key writes a key with what it means before it, and with what the draft has to say of it.
// The key of a group is written with a dot.
func (p *page) key(key, value string, notes ...string) {
	p.entry(key, value, "", notes...)
}

// option writes a key that is switched off.
func (p *page) option(key, value string) { p.entry(key, value, "# ") }

func (p *page) entry(key, value, off string, notes ...string) {
	indent, name := "", key
	if _, below, ok := strings.Cut(key, "."); ok {
		indent, name = "  ", below
	} else {
		p.WriteByte('\n')
	}
	p.comment(indent, strings.Join(append([]string{jobfile.Meaning(key)}, notes...), " "))
	if value != "" && !strings.HasPrefix(value, "\n") {
		value = " " + value
	}
	fmt.Fprintf(p, "%s%s%s:%s\n", indent, off, name, value)
}

// block returns a text of several lines as YAML has it behind a key.
func block(indent, text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = indent + line
		}
	}
	return "|-\n" + strings.Join(lines, "\n")
}

// textValue returns the texts to ask about as the value of a key.
func (d *Draft) textValue(indent string) string {
	if len(d.Text) == 1 {
		return quote(d.Text[0])
	}
	return block(indent, strings.Join(d.Text, "\n\n"))
}

// YAML returns the job file, as it is to stand at a path. An empty path stands for a file in
// the working folder.
func (d *Draft) YAML(path string) ([]byte, error) {
	if err := d.choosePrefix(); err != nil {
		return nil, err
	}
	var p page
	fmt.Fprintln(&p, jobfile.Modeline)
	p.WriteByte('\n')
	p.comment("", fmt.Sprintf("Drafted by genbatch init, which looked at %s. Change what you like. Keys behind a # are switched off.", d.lookedAt()))
	p.comment("", "All keys: "+docsURL)

	var inputs []string
	for _, in := range d.Sample.Reads.Input {
		inputs = append(inputs, quote(pathFrom(path, in)))
	}
	input := inputs[0]
	if len(inputs) > 1 {
		input = "\n  - " + strings.Join(inputs, "\n  - ")
	}
	p.key("input", input)
	if format := d.Sample.Reads.InputFormat; format != "" {
		p.key("input_format", quote(format))
	}
	for _, key := range textKeys {
		if value := d.Sample.textSetting(key); value != "" {
			p.key(key, value, d.Sample.reason(key))
		}
	}
	p.key("output", quote(pathFrom(path, d.Output)))
	p.key("model", quote(d.Model), d.modelNote())
	d.writeKey(&p)
	if err := d.writeKind(&p); err != nil {
		return nil, err
	}
	d.writeMedia(&p)
	if d.Prefix != "" {
		p.key("prefix", quote(d.Prefix), "The input has columns of the same names.")
	}
	d.writeOptions(&p)
	return []byte(p.String()), nil
}

// lookedAt says what the draft goes by.
func (d *Draft) lookedAt() string {
	rows := fmt.Sprintf("all %s", message.Plural(d.Sample.Rows, "row"))
	switch {
	case d.Sample.Rows == 1:
		rows = "the one row"
	case !d.Sample.All:
		rows = fmt.Sprintf("the first %d rows", d.Sample.Rows)
	}
	name := terminal.Line(filepath.Base(d.Sample.Files[0]), 60)
	if more := len(d.Sample.Files) - 1; more > 0 {
		name += fmt.Sprintf(" and %s", message.Plural(more, "more file"))
	}
	return rows + " of " + name
}

// modelNote says what the model costs, and where else to look.
func (d *Draft) modelNote() string {
	if notes := d.ModelNotes(); len(notes) > 0 {
		return "Mind: " + terminal.Line(strings.Join(notes, "; "), 300) + "."
	}
	e, _ := d.prices.Lookup(d.Model, d.now)
	if price := priceOf(&e); price != "" {
		return fmt.Sprintf("Its list price is %s, by the table of %s. Choose for yourself.", price, d.prices.Generated())
	}
	return ""
}

func (d *Draft) writeKey(p *page) {
	switch {
	case d.Key == "":
		p.option("key", "id")
	case d.Sample.All:
		p.key("key", quote(d.Key))
	default:
		p.option("key", quote(d.Key)+fmt.Sprintf(" # unique in the first %d rows; the others were not looked at", d.Sample.Rows))
	}
}

// asked are what the media are, in prompts.
var asked = map[string]string{"image": "picture", "audio": "recording", "video": "film", "application": "document"}

func (d *Draft) writeKind(p *page) error {
	switch d.Kind {
	case Prompt:
		question := "Say in one sentence what this is about:"
		if len(d.Media) > 0 {
			what := cmp.Or(asked[d.Sample.Field(d.Media[0]).MediaKind()], "file")
			question = "Describe this " + what + " in one sentence."
			if len(d.Text) == 0 {
				p.key("prompt", quote(question))
				return nil
			}
			question += " It comes with this text:"
		}
		p.key("prompt", block("  ", question+"\n\n"+strings.Join(d.Text, "\n\n")), d.textNote())
		return nil
	case Classify:
		p.key("classify", "")
		if len(d.Text) > 0 {
			p.key("classify.text", d.textValue("    "), d.textNote())
		}
		var note string
		if d.Expected != "" {
			note = fmt.Sprintf("These are the values of the column %s", terminal.Name(d.Expected))
			if !d.Sample.All {
				note += fmt.Sprintf(" in the first %d rows, and the others may have more", d.Sample.Rows)
			}
			note += ". "
		}
		note += "A description behind the colon makes answers better."
		p.key("classify.labels", "", note)
		for _, l := range d.Labels {
			if strings.HasPrefix(l, "@") { // else it would name a file
				l = "@" + l
			}
			fmt.Fprintf(p, "    %s:\n", quote(l))
		}
		p.option("classify.multi", "true")
		p.option("classify.rationale", "true")
		p.option("classify.confidence", "true")
		if d.Expected != "" {
			p.key("expected", quote(d.Expected))
		}
	case Raw:
		p.key("raw", "{}")
	case Summarize:
		p.key("summarize", "")
		if len(d.Text) > 0 {
			p.key("summarize.text", d.textValue("    "), d.textNote())
		}
		p.key("summarize.sentences", "2")
		p.option("summarize.language", "English")
		p.option("summarize.style", "bullets")
	case Extract:
		p.key("extract", "")
		if len(d.Text) > 0 {
			p.key("extract.text", d.textValue("    "), d.textNote())
		}
		p.key("extract.schema", "\n    "+strings.Join(extractSchema, "\n    "), "These are examples: write what you want to know.")
	default:
		return fmt.Errorf("no job of the kind %q is drafted", d.Kind)
	}
	return nil
}

// textNote says what to know of the columns that the text is made of.
func (d *Draft) textNote() string {
	for _, f := range d.Sample.Fields {
		empty := d.Sample.Rows - d.Sample.Bad - f.filled
		if len(d.Text) == 1 && d.Text[0] == f.Template() && empty > 0 {
			return fmt.Sprintf("It is empty or missing in %s of those that were looked at, which are skipped.", message.Plural(empty, "row"))
		}
	}
	return ""
}

func (d *Draft) writeMedia(p *page) {
	var columns []string
	for _, name := range d.Media {
		columns = append(columns, quote(name))
	}
	switch len(columns) {
	case 0:
	case 1:
		p.key("media", columns[0])
	default:
		p.key("media", "\n  - "+strings.Join(columns, "\n  - "))
	}
	if len(columns) > 0 {
		p.option("media_root", "photos")
	}
}

// writeOptions writes keys that are worth having, switched off.
func (d *Draft) writeOptions(p *page) {
	if d.Kind != Raw {
		p.option("system", quote("Answer in plain English."))
	}
	p.option("max_output_tokens", "1024")
	p.option("request", "{generationConfig: {temperature: 0}}")
	p.option("max_cost", "5.00")
	p.option("rpm", "1000")
	p.option("tier", "[flex, standard]")
	p.option("sample", "100")
	p.option("dedupe", "true")
	var columns []string
	for _, name := range d.Sample.Columns() {
		columns = append(columns, quote(name))
	}
	if len(columns) <= 20 {
		for _, c := range d.resultColumns() {
			columns = append(columns, quote(d.Prefix+c))
		}
		p.option("columns", "["+strings.Join(columns, ", ")+"]")
	}
}

// resultColumns are the result columns that people read first.
func (d *Draft) resultColumns() []string {
	own := []string{"response"}
	switch {
	case d.Kind == Extract:
		own = []string{"summary", "names", "date"}
	case d.Kind == Classify && d.Expected != "":
		own = []string{"label", "correct"}
	case d.Kind == Classify:
		own = []string{"label"}
	}
	return append(own, "status", "error", "cost_usd")
}

// choosePrefix sees to it that no result column has the name of a column of the input.
func (d *Draft) choosePrefix() error {
	s := &spec.Spec{Model: d.Model}
	if d.Expected != "" {
		s.Expected = spec.Expected{"": {Column: d.Expected}}
	}
	switch d.Kind {
	case Classify:
		s.Classify = &spec.Classify{Text: "x", Labels: spec.Labels{{Name: "a"}, {Name: "b"}}}
	case Extract:
		s.Extract = &spec.Extract{Text: "x"}
		s.Schema = spec.Schema(`{"type":"object","properties":{"summary":{"type":"string"},"names":{"type":"array","items":{"type":"string"}},"date":{"type":["string","null"]}}}`)
	default:
		s.Prompt = "x"
	}
	made, err := prompt.New(s, prompt.Wording)
	if err != nil {
		return err
	}
	input := make(map[string]bool)
	for _, name := range d.Sample.Columns() {
		input[name] = true
	}
	for n := 0; ; n++ {
		switch n {
		case 0:
		case 1:
			s.Prefix = "ai_"
		default:
			s.Prefix = fmt.Sprintf("ai%d_", n)
		}
		results, err := output.NewColumns(s, made)
		if err != nil {
			return err
		}
		if !anyOf(results.Names(), input) {
			d.Prefix = s.Prefix
			return nil
		}
	}
}

func anyOf(columns []batch.Column, names map[string]bool) bool {
	for _, c := range columns {
		if names[c.Name] {
			return true
		}
	}
	return false
}

// pathFrom returns a path as a job file at another path names it: relative to the file's own
// folder, if it is relative at all, which an address is not. A single - is no path: it stands for stdout.
func pathFrom(file, path string) string {
	if filepath.IsAbs(path) || path == "-" || store.IsAddress(path) {
		return path
	}
	if dir := filepath.Dir(file); dir != "." {
		if rel, err := filepath.Rel(dir, path); err == nil {
			path = rel
		} else if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
	}
	if strings.HasPrefix(path, "~") || path == "-" { // not the home folder, not stdout
		path = "./" + path
	}
	return filepath.ToSlash(path)
}
