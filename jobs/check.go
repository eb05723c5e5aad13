package jobs

import (
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/pack"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/writer"
)

// This file refuses jobs that must fail, before anything is sent.

// checkOutput refuses to replace a file that this job did not write.
func (j *Job) checkOutput() error {
	if !isShard(j) { // which writes no output
		if err := j.state.CheckPlace(j.spec.Output); err != nil {
			return err
		}
		if err := j.state.CheckOutput(j.spec.Force); err != nil {
			return err
		}
	}
	format, err := writer.FormatOf(j.spec.Output, j.spec.OutputFormat)
	if err != nil {
		return spec.Errorf("", "the output %s: %w", j.spec.Output, err)
	}
	if j.spec.OutputDelimiter != "" && format != "csv" {
		return spec.Errorf("name the output .csv, or leave it out", "output_delimiter is given, and an output in %s has none", strings.ToUpper(format))
	}
	return nil
}

// loss returns what the journal has lost, whose last result has the number last; nil if
// nothing is lost.
func (j *Job) loss(last int64) *state.Loss {
	if isShard(j) {
		return nil // the output that is there, if any, is not its own
	}
	return state.LossOf(j.state, last, func() (int64, price.USD) { return output.Answers(&j.spec) })
}

// checkColumns refuses templates that name what is not there, and result columns
// that would cover the input's.
func (j *Job) checkColumns() error {
	names := j.list.Names()
	var err error
	if j.prompt.Judge, err = prompt.NewJudge(j.prompt, work.Typed(j.list)); err != nil {
		return err
	}
	if len(names) > 0 {
		if err := j.prompt.CheckColumns(names); err != nil {
			return err
		}
		if err := spec.CheckColumns("media", j.media.Columns(), names); err != nil {
			return err
		}
		if err := spec.CheckColumns("expected", j.columns.Known(), names); err != nil {
			return err
		}
		if j.spec.Key != "" {
			if err := spec.CheckColumns("key", []string{j.spec.Key}, names); err != nil {
				return err
			}
		}
	}
	if err := j.checkShares(); err != nil {
		return err
	}
	result := j.columns.Names()
	for _, c := range result {
		if slices.Contains(names, c.Name) {
			return spec.Errorf("give the result columns a prefix, such as --prefix ai_",
				"the input has a column %q, and so have the results", c.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return output.Check(&j.spec, j.list.Input, names, result)
}

// checkShares refuses rows that are to share calls where none of them can.
func (j *Job) checkShares() error {
	if !j.spec.SharesCalls() || j.media != nil {
		return nil // or those alone can that have no media
	}
	if s := j.prompt.Schema(); s != nil && s.AllowsText() {
		return spec.Errorf("put the text into an object, or leave rows_per_call out",
			"rows_per_call is %d, and the schema allows an answer that is a text by itself, in which quotes would get lost", j.spec.RowsPerCall)
	}
	request, model, err := j.prompt.Common()
	if err != nil {
		return nil // the first row says what is wrong with it
	}
	body, err := apijson.Marshal(request)
	if err == nil {
		err = pack.Check(&batch.Request{Model: model, Body: body})
	}
	if err != nil {
		return spec.Errorf("leave rows_per_call out, or what stands in its way", "rows_per_call is %d, and no row can share a call: %w", j.spec.RowsPerCall, err)
	}
	return nil
}

// checkKeys refuses a key that names two rows.
func (j *Job) checkKeys() error {
	if j.spec.Key == "" {
		return nil
	}
	return j.list.CheckKeys()
}
