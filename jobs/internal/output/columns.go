package output

import (
	"encoding/json"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A column is a result column, which the output has beside the input's own.
type column struct {
	batch.Column
	value func(x *reply) any // returns nil for null
	files bool               // whether the value needs the answers' files
}

// Columns are the result columns of a job in the order of the output. Their names have
// the job's prefix.
type Columns struct {
	list     []column
	compared []comparison // in the order of the columns that they compare
}

// Names returns the columns' names and types.
func (l Columns) Names() []batch.Column {
	names := make([]batch.Column, len(l.list))
	for i := range l.list {
		names[i] = l.list[i].Column
	}
	return names
}

// Known returns the input's columns that hold the known values of others.
func (l Columns) Known() (columns []string) {
	for _, c := range l.compared {
		columns = append(columns, c.config.Expected)
	}
	return columns
}

// files reports whether a column needs the images and sounds of answers as files.
func (l Columns) files() bool {
	return slices.ContainsFunc(l.list, func(c column) bool { return c.files })
}

// fileColumn returns the name of that column, which there must be; see files.
func (l Columns) fileColumn() string {
	i := slices.IndexFunc(l.list, func(c column) bool { return c.files })
	return l.list[i].Name
}

// NewColumns returns the result columns of a job: the answer, those of its kind and of what is
// compared, the standard ones, and the extras that it asks for. The answer of a classification is written
// only if --columns names it, since the labels say the same. It returns a [*spec.Error] if two have
// the same name, since a property of the schema can be named like another result column,
// and the prefix that both get does not keep them apart. Without a prompt, which may be nil,
// those of its kind are left out.
func NewColumns(s *spec.Spec, p *prompt.Prompt) (Columns, error) {
	var columns []column
	var ofKind []batch.Column
	var compared []comparison
	if p != nil {
		var err error
		if compared, err = newComparisons(s, p); err != nil {
			return Columns{}, err
		}
		ofKind = p.Columns()
	}
	if s.Classify == nil || slices.Contains(s.Columns, s.Prefix+response.Name) {
		columns = append(columns, response)
	}
	for i, c := range ofKind {
		columns = append(columns, column{Column: c, value: func(x *reply) any {
			if x.own == nil {
				return nil
			}
			return x.own[i]
		}})
	}
	columns = append(columns, correctColumns(compared)...)
	if len(s.Checks) > 0 {
		columns = append(columns, column{Column: batch.Column{Name: "failed_checks", Type: batch.JSON}, value: func(x *reply) any { return optionalJSON(x.failed) }})
	}
	columns = append(columns, reviewColumns(s, compared)...)
	columns = append(columns, standardColumns...)
	request := askedOf(s)
	own := func(name string) bool {
		return slices.ContainsFunc(ofKind, func(c batch.Column) bool { return c.Name == name })
	}
	for _, e := range extras {
		if e.asked != nil && e.asked(request) || slices.Contains(s.Columns, s.Prefix+e.Name) && !own(e.Name) {
			columns = append(columns, e.column)
		}
	}
	if s.RawResponse {
		columns = append(columns, column{Column: batch.Column{Name: "raw_response", Type: batch.JSON}, value: ofResult(func(r *batch.Result) any {
			if len(r.Response) == 0 {
				return nil
			}
			return r.Response
		})})
	}
	named := make(map[string]bool, len(columns))
	for i := range columns {
		columns[i].Name = s.Prefix + columns[i].Name
		if named[columns[i].Name] {
			if s.Classify != nil {
				return Columns{}, spec.Errorf("give the question another name", "classify has a question %q, and the output a result column of that name", columns[i].Name)
			}
			return Columns{}, spec.Errorf("rename the property in the schema", "the schema has a property %q, and every output a result column of that name", columns[i].Name)
		}
		named[columns[i].Name] = true
	}
	return Columns{columns, compared}, nil
}

// response is the column of the answer itself.
var response = column{Column: batch.Column{Name: "response"}, value: func(x *reply) any {
	if x.answer == nil || x.answer.Text == "" && x.status != batch.OK {
		return nil
	}
	return x.answer.Text
}}

// ofResult returns the value of a column that is null without a result.
func ofResult(value func(r *batch.Result) any) func(*reply) any {
	return func(x *reply) any {
		if x.result == nil {
			return nil
		}
		return value(x.result)
	}
}

// ofUsage returns the value of a column that is null if the final attempt reported no
// usage, and 0 for a copied row.
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

// standardColumns are the result columns that every job has after those of its kind.
var standardColumns = []column{
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

// Standard returns the names of the result columns that do not depend on what a job asks for:
// those that every job has, those that judge its answers, and the extras. They are without
// prefix.
func Standard() []string {
	names := []string{"correct", "failed_checks", "review", "raw_response"}
	for _, c := range standardColumns {
		names = append(names, c.Name)
	}
	for _, e := range extras {
		names = append(names, e.Name)
	}
	return names
}

// optional returns a text, or null if it is empty.
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// optionalJSON returns a list as JSON, or null if it is empty.
func optionalJSON[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	text, err := apijson.Marshal(list)
	if err != nil { // out of reach: it was parsed from JSON
		return nil
	}
	return json.RawMessage(text)
}
