package compare

import (
	"context"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file finds out which columns a side has.

// A look is what the first rows of a side show of its columns.
type look struct {
	inputs  []string // the input's own columns
	results []string // the result columns, without the prefix
	answers []string // those of the results that are answers; nil for a file that does not show it
}

// look reads the first rows.
func (s *Side) look(ctx context.Context) (l look, err error) {
	if s.file != nil {
		return s.lookAtFile(), nil
	}
	n := 0
	for row, err := range s.Rows(ctx) {
		if err != nil {
			return l, err
		}
		l.inputs = appendNew(l.inputs, columnNames(row.Input.Columns)...)
		if l.results == nil {
			for _, c := range row.Columns {
				l.results = append(l.results, strings.TrimPrefix(c.Name, s.Prefix))
			}
		}
		if n++; n == peeked {
			break
		}
	}
	if n == 0 {
		return l, spec.Errorf("compare runs that have rows", "%s has no rows", s.Name)
	}
	// All that is not standard, and not beside an answer, is one.
	l.answers = withoutResponse(slices.DeleteFunc(slices.Clone(l.results), func(name string) bool {
		return slices.Contains(output.Standard(), name) || s.speaksOf(name, l.results)
	}))
	return l, nil
}

// answerNames are the columns of answers by which a file shows where its answers begin.
var answerNames = []string{"response", "label", "labels"}

// lookAtFile tells the columns of the input from those of the result, which come after them.
// Answers whose names only a job could tell may be among the former.
func (s *Side) lookAtFile() (l look) {
	begin := len(s.file) // of the answers, as far as they can be told
	for i, name := range s.file {
		own, ok := strings.CutPrefix(name, s.Prefix)
		if ok && slices.Contains(answerNames, own) {
			begin = i // the last: the input can have a column of such a name, too
		}
		l.results = append(l.results, strings.TrimPrefix(name, s.Prefix))
	}
	for i := range min(begin, slices.Index(s.file, s.Prefix+"status")) {
		if !s.speaksOf(l.results[i], l.results) {
			l.inputs = append(l.inputs, s.file[i])
		}
	}
	for _, name := range l.results[begin:] {
		if slices.Contains(output.Standard(), name) {
			break
		}
		if !s.speaksOf(name, l.results) {
			l.answers = append(l.answers, name)
		}
	}
	l.answers = withoutResponse(l.answers)
	return l
}

// inputsBefore leaves out what stands behind the first compared field of a file: the input's
// columns come first.
func (s *Side) inputsBefore(inputs, fields []string) []string {
	for i, name := range s.file {
		if own, ok := strings.CutPrefix(name, s.Prefix); ok && slices.Contains(fields, own) {
			return slices.DeleteFunc(slices.Clone(inputs), func(name string) bool { return slices.Index(s.file, name) >= i })
		}
	}
	return inputs
}

// withoutResponse leaves the response out if other columns hold what it says.
func withoutResponse(names []string) []string {
	if len(names) > 1 {
		return slices.DeleteFunc(names, func(name string) bool { return name == "response" })
	}
	return names
}

// speaksOf reports whether a column speaks of an answer rather than being one: correct,
// confidence and rationale, and of a named question those with its name before them.
func (s *Side) speaksOf(column string, columns []string) bool {
	labels := s.Labels || slices.Contains(columns, "label") || slices.Contains(columns, "labels")
	for _, about := range []string{"correct", "confidence", "calibrated_confidence", "rationale"} {
		question, ok := strings.CutSuffix(column, "_"+about)
		if ok && slices.Contains(columns, question) || column == about && labels {
			return true
		}
	}
	return false
}
