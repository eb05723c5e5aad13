package jobs

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
)

// resultColumns are the columns that the output has beside the input's own, with
// the job's prefix.
func (j *Job) resultColumns() []batch.Column {
	columns := []batch.Column{{Name: "response"}}
	columns = append(columns, j.kind.columns()...)
	columns = append(columns,
		batch.Column{Name: "status"},
		batch.Column{Name: "error"},
		batch.Column{Name: "finish_reason"},
		batch.Column{Name: "prompt_tokens", Type: batch.Int},
		batch.Column{Name: "cached_tokens", Type: batch.Int},
		batch.Column{Name: "tool_tokens", Type: batch.Int},
		batch.Column{Name: "thoughts_tokens", Type: batch.Int},
		batch.Column{Name: "output_tokens", Type: batch.Int},
		batch.Column{Name: "total_tokens", Type: batch.Int},
		batch.Column{Name: "cost_usd", Type: batch.Money},
		batch.Column{Name: "model_version"},
		batch.Column{Name: "response_id"},
		batch.Column{Name: "attempts", Type: batch.Int},
		batch.Column{Name: "latency_ms", Type: batch.Int},
	)
	if j.spec.RawResponse {
		columns = append(columns, batch.Column{Name: "raw_response", Type: batch.JSON})
	}
	for i := range columns {
		columns[i].Name = j.spec.Prefix + columns[i].Name
	}
	return columns
}

// unasked are the values of a row without a result.
func (j *Job) unasked(s batch.Status, why string) []any {
	values := make([]any, len(j.resultColumns()))
	at := 1 + len(j.kind.columns())
	values[at] = string(s)
	if why != "" {
		values[at+1] = why
	}
	return values
}

// answered are the values of a row with a result, in the order of resultColumns.
// It returns the status too: what is made of an answer can change without asking
// again.
func (j *Job) answered(r *batch.Result, cost price.USD, priced bool) ([]any, batch.Status) {
	var text any
	own := make([]any, len(j.kind.columns()))
	var usage *batch.Usage // of the final attempt
	status, problem := r.Status, r.Error
	if len(r.Response) > 0 {
		a, err := gemini.Parse(r.Response)
		if err != nil {
			status, problem = batch.Invalid, "the journal's answer cannot be read: "+err.Error()
		} else {
			usage = a.Usage
			if a.Text != "" || status == batch.OK {
				text = a.Text
			}
			if status == batch.OK {
				if own, err = j.kind.values(a); err != nil {
					own = make([]any, len(j.kind.columns()))
					status, problem = batch.Invalid, err.Error()
				}
			}
		}
	}
	values := append(make([]any, 0, 20), text)
	values = append(values, own...)
	values = append(values, string(status), optional(problem), optional(r.FinishReason))
	if usage == nil {
		values = append(values, nil, nil, nil, nil, nil, nil)
	} else {
		values = append(values, usage.PromptTokenCount, usage.CachedContentTokenCount, usage.ToolUsePromptTokenCount,
			usage.Thoughts(), usage.CandidatesTokenCount, usage.TotalTokenCount)
	}
	var money any
	if priced {
		money = int64(cost)
	}
	values = append(values, money, optional(r.ModelVersion), optional(r.ResponseID), int64(r.Attempts), r.LatencyMS)
	if j.spec.RawResponse {
		var raw any
		if len(r.Response) > 0 {
			raw = r.Response
		}
		values = append(values, raw)
	}
	return values, status
}

func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// pick applies --columns to the output's columns.
func (j *Job) pick(input, result []batch.Column) (in, out []int, err error) {
	if len(j.spec.Columns) == 0 {
		for i := range input {
			in = append(in, i)
		}
		for i := range result {
			out = append(out, i)
		}
		return in, out, nil
	}
	for _, name := range j.spec.Columns {
		byName := func(c batch.Column) bool { return c.Name == name }
		if i := slices.IndexFunc(input, byName); i >= 0 {
			in = append(in, i)
		} else if i := slices.IndexFunc(result, byName); i >= 0 {
			out = append(out, i)
		} else {
			var names []string
			for _, c := range append(slices.Clone(input), result...) {
				names = append(names, c.Name)
			}
			return nil, nil, specErrorf("there are "+quoteList(names), "columns names %q, which the output does not have", name)
		}
	}
	return in, out, nil
}

// addNamed adds the columns that --columns names and no row has, for an input
// without a header: an empty file, or one whose rows are all unreadable. They are
// empty. That the name is no slip, checkColumns has seen as far as it can be seen.
func (j *Job) addNamed(input, result []batch.Column) []batch.Column {
	for _, name := range j.spec.Columns {
		byName := func(c batch.Column) bool { return c.Name == name }
		if !slices.ContainsFunc(input, byName) && !slices.ContainsFunc(result, byName) {
			input = append(input, batch.Column{Name: name})
		}
	}
	return input
}
