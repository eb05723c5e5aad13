package complete

import (
	"fmt"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/draft"
)

const (
	peekedRows = 20  // for columns: those of JSONL differ from row to row
	labelRows  = 500 // for labels, which may be rare
	mostLabels = 50  // a column with more values holds no labels
	noteBytes  = 40  // of a value that is shown as an example
)

// job returns the job that the line describes, or that a command looks at.
func (l *line) job() *jobs.Spec {
	if (l.command.ArgsUsage == "[JOB.yaml or OUTPUT]" || l.command.Name == "compare" || l.command.Name == "report") && l.Named != nil {
		arg, state := "", ""
		if len(l.args) > 0 {
			arg = l.args[0]
		}
		if given := l.given["state"]; len(given) > 0 {
			state = given[0]
		}
		if s := l.Named(arg, state); s != nil {
			return s
		}
	}
	s := l.Spec(append([]string{l.command.Name}, l.words...))
	if strings.HasPrefix(strings.Trim(l.command.ArgsUsage, "[]"), "INPUT") {
		s.Input = l.args
	}
	return s
}

// peek returns the columns of the input and its first rows. The pages of Parquet can be
// large, so that of its files only the columns are read.
func (l *line) peek(n int) ([]batch.Column, []batch.Row) {
	s := *l.job()
	if len(s.Input) > 0 && (strings.HasSuffix(s.Input[0], ".parquet") || s.InputFormat == "parquet") {
		n = 0
	}
	const longest = 1 << 20 // no row that is worth the wait is longer
	s.MaxRowBytes = longest
	columns, rows, err := draft.Peek(s, n)
	if err != nil {
		return nil, nil
	}
	return columns, rows
}

// columns returns the columns of the input, each with a value of it.
func (l *line) columns() (candidates []Candidate) {
	columns, rows := l.peek(peekedRows)
	for _, c := range columns {
		candidates = append(candidates, Candidate{Value: c.Name, Note: note(&c, rows)})
	}
	return candidates
}

// note returns the first value of a column, or else its type.
func note(c *batch.Column, rows []batch.Row) string {
	for i := range rows {
		if v, ok := rows[i].Value(c.Name); ok && v != nil {
			if text := strings.TrimSpace(fmt.Sprint(v)); text != "" {
				return "such as " + message.OneLine(text, noteBytes)
			}
		}
	}
	return fmt.Sprint(c.Type)
}

// outputColumns returns the columns that the output can have.
func (l *line) outputColumns() []Candidate {
	candidates := l.columns()
	for _, c := range draft.ResultColumns(*l.job()) {
		candidates = append(candidates, Candidate{Value: c.Name, Note: "of the result"})
	}
	given := l.given["columns"]
	return slices.DeleteFunc(candidates, func(c Candidate) bool { return slices.Contains(given, c.Value) })
}

// answers returns the result columns of the job.
func answers(l *line) (candidates []Candidate) {
	for _, c := range draft.ResultColumns(*l.job()) {
		candidates = append(candidates, Candidate{Value: c.Name})
	}
	return candidates
}

// labels returns what stands in the column of the right labels.
func (l *line) labels() (candidates []Candidate) {
	s := l.job()
	expected := s.Expected[""].Column
	if expected == "" {
		return nil
	}
	_, rows := l.peek(labelRows)
	count := make(map[string]int)
	for i := range rows {
		if text, ok := rows[i].Value(expected); ok {
			if label, isText := text.(string); isText && label != "" {
				if count[label]++; count[label] == 1 {
					candidates = append(candidates, Candidate{Value: label})
				}
			}
		}
	}
	if len(candidates) > mostLabels {
		return nil
	}
	given := l.given["label"]
	candidates = slices.DeleteFunc(candidates, func(c Candidate) bool { return slices.Contains(given, c.Value) })
	for i := range candidates {
		candidates[i].Note = fmt.Sprintf("%d of the first %d rows", count[candidates[i].Value], len(rows))
	}
	return candidates
}

// descriptions returns the labels of the job, to be described.
func (l *line) descriptions() (candidates []Candidate) {
	if strings.Contains(l.current, "=") {
		return nil
	}
	if c := l.job().Classify; c != nil {
		for _, label := range c.Labels {
			candidates = append(candidates, Candidate{Value: label.Name + "=", Open: true})
		}
	}
	return candidates
}

// givenLabels returns the labels that rows of the job can have been given.
func givenLabels(l *line) (candidates []Candidate) {
	c := l.job().Classify
	if c == nil {
		return nil
	}
	for _, label := range c.Labels {
		candidates = append(candidates, Candidate{Value: label.Name, Note: label.Description})
	}
	for _, q := range c.Questions {
		for _, label := range q.Labels {
			candidates = append(candidates, Candidate{Value: q.Name + "=" + label.Name, Note: label.Description})
		}
	}
	return candidates
}

// conditions returns the columns of the output, each of which is to have a value.
func conditions(l *line) (candidates []Candidate) {
	if strings.Contains(l.current, "=") {
		return nil
	}
	for _, c := range l.outputColumns() {
		candidates = append(candidates, Candidate{Value: c.Value + "=", Note: c.Note, Open: true})
	}
	return candidates
}

// settings returns what rows often set.
func (l *line) settings() []Candidate {
	if path, _, ok := strings.Cut(l.current, "="); ok {
		before := l.current
		l.current = strings.TrimPrefix(before, path+"=")
		candidates := l.template()
		for i := range candidates {
			candidates[i].Value = path + "=" + candidates[i].Value
		}
		return candidates
	}
	return []Candidate{
		{Value: "model=", Note: "the model that the row asks", Open: true},
		{Value: "system=", Note: "its system instruction", Open: true},
		{Value: "generationConfig.temperature=", Open: true},
		{Value: "generationConfig.maxOutputTokens=", Open: true},
		{Value: "generationConfig.thinkingConfig.thinkingBudget=", Open: true},
	}
}

// template returns the columns as a template names them, behind the text that stands before
// the last field.
func (l *line) template() (candidates []Candidate) {
	before := l.current
	if i := strings.LastIndex(before, "{{"); i >= 0 && !strings.Contains(before[i:], "}}") {
		before = before[:i]
	} else if before != "" && !strings.HasSuffix(before, " ") {
		return nil // in the middle of a word
	}
	for _, c := range l.columns() {
		c.Value = before + draft.Reference(c.Value)
		candidates = append(candidates, c)
	}
	return candidates
}
