package compare

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// A Side is one of two runs. Name and Rows are required; [OpenFile] fills in what it knows of
// a file.
type Side struct {
	Name string // as the user named it

	// Rows ranges over the rows in input order, from the first one in each range, as
	// jobs.Job.Rows does. An error is the last thing yielded.
	Rows func(ctx context.Context) iter.Seq2[*record.Row, error]

	Prefix string // before the names of the result columns
	Labels bool   // whether the run is a classification
	Key    string // the column that names a row; may be empty

	// Sampled tells that the run took a sample of its rows, which another request changes.
	Sampled bool

	// Expected are the input's columns with what is right, by the column of the answer; an
	// empty name stands for the label. A job's rows say in a column correct whether they are
	// right; without one, and in a file, the two are compared as texts.
	Expected map[string]string

	file []string // the names of a file's columns; nil for a job
}

// OpenFile opens a file that a run has written and whose job is not at hand. The error is a
// [*spec.Error], also if it is no output of a run.
func OpenFile(path string) (*Side, error) {
	in, err := reader.Open(reader.Config{Paths: []string{path}})
	if err != nil {
		return nil, &spec.Error{Err: err}
	}
	names, err := namesOf(in)
	if err != nil {
		return nil, &spec.Error{Err: err}
	}
	s := &Side{Name: path, file: names}
	most := 0
	for _, name := range names {
		prefix, ok := strings.CutSuffix(name, "status")
		if !ok {
			continue
		}
		// The input can have a column of that name as well, but not all the others.
		n := 0
		for _, standard := range output.Standard() {
			if slices.Contains(names, prefix+standard) {
				n++
			}
		}
		if n > most {
			s.Prefix, most = prefix, n
		}
	}
	if most == 0 {
		return nil, spec.Errorf("name a job file, or the output of a run", "%s is no output of a run: it has no column status", path)
	}
	s.Rows = func(ctx context.Context) iter.Seq2[*record.Row, error] { return s.fileRows(ctx, in) }
	return s, nil
}

// peeked is how many rows are read to learn which columns a side has. Rows of JSONL need not
// be alike.
const peeked = 100

// namesOf returns the names of a file's columns.
func namesOf(in *reader.Input) (names []string, err error) {
	if in.KnownColumns() {
		return columnNames(in.Columns()), nil
	}
	n := 0
	for row, err := range in.Rows() {
		if err != nil {
			return nil, err
		}
		names = appendNew(names, columnNames(row.Columns)...)
		if n++; n == peeked {
			break
		}
	}
	return names, nil
}

func columnNames(columns []batch.Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

// appendNew appends the names that are not there yet.
func appendNew(names []string, more ...string) []string {
	for _, name := range more {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// fileRows ranges over the rows of a file as over those of a job.
func (s *Side) fileRows(ctx context.Context, in *reader.Input) iter.Seq2[*record.Row, error] {
	return func(yield func(*record.Row, error) bool) {
		for row, err := range in.Rows() {
			if err == nil && ctx.Err() != nil {
				err = fmt.Errorf("%w: %w", batch.ErrInterrupted, context.Cause(ctx))
			}
			if err == nil && row.Err != nil {
				err = &spec.Error{Err: row.Err, Hint: "mend the file, or compare the jobs themselves"}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			r, err := s.fileRow(&row)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// fileRow returns a row of a file as one of a job.
func (s *Side) fileRow(row *batch.Row) (*record.Row, error) {
	text := func(name string) string {
		v, _ := row.Value(s.Prefix + name)
		return batch.TextOfBytes(v)
	}
	number := func(name string) int64 {
		var n int64
		_, _ = fmt.Sscan(text(name), &n) // 0 if it is not there
		return n
	}
	r := &record.Row{Input: row, Status: batch.Status(text("status"))}
	if !slices.Contains(batch.Statuses, r.Status) {
		return nil, spec.Errorf("name a job file, or the output of a run", "%s has the status %q, which rows of a run do not have", row.Place(), text("status"))
	}
	if usd, err := price.ParseUSD(text("cost_usd")); err == nil {
		r.Cost, r.Priced = usd, true
	}
	if text("prompt_tokens") != "" {
		r.Usage = &batch.Usage{
			PromptTokenCount: number("prompt_tokens"), CachedContentTokenCount: number("cached_tokens"), ToolUsePromptTokenCount: number("tool_tokens"),
			ThoughtsTokenCount: number("thoughts_tokens"), CandidatesTokenCount: number("output_tokens"), TotalTokenCount: number("total_tokens"),
		}
	}
	if r.Status.Settled() && r.Status != batch.Skipped || r.Status == batch.Failed {
		r.Result = &batch.Result{LatencyMS: number("latency_ms"), ModelVersion: text("model_version")}
		r.Copied = text("attempts") == "0"
	}
	return r, nil
}
