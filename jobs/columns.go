package jobs

import (
	"encoding/json"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A reply is what became of a row, for the columns of the output.
type reply struct {
	result *batch.Result  // nil: the row has none
	answer *gemini.Answer // nil: there is none

	status  batch.Status
	problem string
	note    string // what was done to get or to read the answer
	own     []any  // the values of the kind's columns; nil: all of them null
	correct *bool  // whether the labels are those expected; nil: not known

	cost   price.USD
	priced bool
	copied bool // from an identical row, where tokens and cost are counted

	files []file   // the images and sounds of the answer, if the output has them
	paths []string // where they are

	known *gemini.Details // see details
}

// details returns what the answer holds beside its text. Few jobs ask for it.
func (x *reply) details() *gemini.Details {
	if x.known == nil {
		x.known = new(gemini.Details)
		if x.answer != nil {
			x.known = gemini.ParseDetails(x.result.Response)
		}
	}
	return x.known
}

// A resultColumn is a column that the output has beside the input's own.
type resultColumn struct {
	batch.Column
	value func(x *reply) any // nil: null
	files bool               // it needs the answers' files
}

// ofResult makes the value of a column that is null without a result.
func ofResult(value func(r *batch.Result) any) func(*reply) any {
	return func(x *reply) any {
		if x.result == nil {
			return nil
		}
		return value(x.result)
	}
}

// ofUsage makes the value of a column that is null where the final attempt
// reported no usage.
func ofUsage(value func(u *batch.Usage) int64) func(*reply) any {
	return func(x *reply) any {
		if x.answer == nil || x.answer.Usage == nil {
			return nil
		}
		if x.copied {
			return int64(0)
		}
		return value(x.answer.Usage)
	}
}

// standard are the result columns that every job has after those of its kind.
var standard = []resultColumn{
	{Column: batch.Column{Name: "status"}, value: func(x *reply) any { return string(x.status) }},
	{Column: batch.Column{Name: "error"}, value: func(x *reply) any { return optional(x.problem) }},
	{Column: batch.Column{Name: "finish_reason"}, value: ofResult(func(r *batch.Result) any { return optional(r.FinishReason) })},
	{Column: batch.Column{Name: "prompt_tokens", Type: batch.Int}, value: ofUsage(func(u *batch.Usage) int64 { return u.PromptTokenCount })},
	{Column: batch.Column{Name: "cached_tokens", Type: batch.Int}, value: ofUsage(func(u *batch.Usage) int64 { return u.CachedContentTokenCount })},
	{Column: batch.Column{Name: "tool_tokens", Type: batch.Int}, value: ofUsage(func(u *batch.Usage) int64 { return u.ToolUsePromptTokenCount })},
	{Column: batch.Column{Name: "thoughts_tokens", Type: batch.Int}, value: ofUsage((*batch.Usage).Thoughts)},
	{Column: batch.Column{Name: "output_tokens", Type: batch.Int}, value: ofUsage(func(u *batch.Usage) int64 { return u.CandidatesTokenCount })},
	{Column: batch.Column{Name: "total_tokens", Type: batch.Int}, value: ofUsage(func(u *batch.Usage) int64 { return u.TotalTokenCount })},
	{Column: batch.Column{Name: "cost_usd", Type: batch.Money}, value: func(x *reply) any {
		if !x.priced {
			return nil
		}
		return int64(x.cost)
	}},
	{Column: batch.Column{Name: "model_version"}, value: ofResult(func(r *batch.Result) any { return optional(r.ModelVersion) })},
	{Column: batch.Column{Name: "response_id"}, value: ofResult(func(r *batch.Result) any { return optional(r.ResponseID) })},
	{Column: batch.Column{Name: "attempts", Type: batch.Int}, value: func(x *reply) any {
		switch {
		case x.result == nil:
			return nil
		case x.copied:
			return int64(0)
		}
		return int64(x.result.Attempts)
	}},
	{Column: batch.Column{Name: "latency_ms", Type: batch.Int}, value: ofResult(func(r *batch.Result) any { return r.LatencyMS })},
}

// newColumns returns the result columns of a job: the answer, those of its kind,
// the standard ones, and the extras that it asks for.
func newColumns(s *spec.Spec, ofKind []batch.Column) []resultColumn {
	columns := []resultColumn{{Column: batch.Column{Name: "response"}, value: func(x *reply) any {
		if x.answer == nil || x.answer.Text == "" && x.status != batch.OK {
			return nil
		}
		return x.answer.Text
	}}}
	for i, c := range ofKind {
		columns = append(columns, resultColumn{Column: c, value: func(x *reply) any {
			if x.own == nil {
				return nil
			}
			return x.own[i]
		}})
	}
	if s.Expected != "" {
		columns = append(columns, resultColumn{Column: batch.Column{Name: "correct", Type: batch.Bool}, value: func(x *reply) any {
			if x.correct == nil {
				return nil
			}
			return *x.correct
		}})
	}
	columns = append(columns, standard...)
	request := askedOf(s)
	own := func(name string) bool {
		return slices.ContainsFunc(ofKind, func(c batch.Column) bool { return c.Name == name })
	}
	for _, e := range extras {
		if e.asked != nil && e.asked(request) || slices.Contains(s.Columns, s.Prefix+e.Name) && !own(e.Name) {
			columns = append(columns, e.resultColumn)
		}
	}
	if s.RawResponse {
		columns = append(columns, resultColumn{Column: batch.Column{Name: "raw_response", Type: batch.JSON}, value: ofResult(func(r *batch.Result) any {
			if len(r.Response) == 0 {
				return nil
			}
			return r.Response
		})})
	}
	for i := range columns {
		columns[i].Name = s.Prefix + columns[i].Name
	}
	return columns
}

// resultColumns are the columns that the output has beside the input's own, with
// the job's prefix.
func (j *Job) resultColumns() []batch.Column {
	columns := make([]batch.Column, len(j.columns))
	for i := range j.columns {
		columns[i] = j.columns[i].Column
	}
	return columns
}

// wantsFiles reports whether the output needs the images and sounds of answers.
func (j *Job) wantsFiles() bool {
	return slices.ContainsFunc(j.columns, func(c resultColumn) bool { return c.files })
}

// answered completes the reply of a row with a result. Its status may differ from the
// result's: what is made of an answer can change without asking again. What it cost
// is not in it.
func (j *Job) answered(x *reply) {
	r := x.result
	x.status, x.problem, x.note = r.Status, r.Error, r.Note
	if len(r.Response) == 0 {
		return
	}
	a, err := gemini.Parse(r.Response)
	if err != nil {
		x.status, x.problem = batch.Invalid, "the journal's answer cannot be read: "+err.Error()
		return
	}
	x.answer = a
	if j.wantsFiles() {
		if x.files, err = filesOf(x.details().Media); err != nil {
			x.status, x.problem = batch.Invalid, err.Error()
			return
		}
	}
	if x.status == batch.OK {
		own, note, err := j.prompt.Read(a)
		if err != nil {
			x.status, x.problem = batch.Invalid, err.Error()
			return
		}
		x.own = own
		if note != "" && x.note != "" {
			note = "; " + note
		}
		x.note += note
	}
}

func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// optionalJSON returns a list as JSON; null where it is empty.
func optionalJSON[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	text, err := apijson.Marshal(list)
	if err != nil { // of what was parsed from JSON: out of reach
		return nil
	}
	return json.RawMessage(text)
}

// checkNames refuses two result columns of one name, which a schema's properties
// bring about: a prefix does not keep them apart.
func checkNames(columns []resultColumn) error {
	seen := make(map[string]bool, len(columns))
	for _, c := range columns {
		if seen[c.Name] {
			return spec.Errorf("rename the property in the schema", "the schema has a property %q, and every output a result column of that name", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}
