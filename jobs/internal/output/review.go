package output

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/internal/logprobs"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file marks the rows that a person should look at, by how sure the model was of them.

// A reviewer marks rows. A nil one marks none.
type reviewer struct {
	*Deriver
	correct []func(confidence float64) float64 // by question; nil where too few right labels are known
	total   eval.Review
}

// startReview returns a reviewer that goes by confidence as it is, or nil if the job wants none.
func (d *Deriver) startReview() *reviewer {
	if d.Spec.ReviewBelow == 0 {
		return nil
	}
	correct := make([]func(float64) float64, len(d.Prompt.Classification().Questions))
	return &reviewer{Deriver: d, correct: correct, total: eval.Review{Below: d.Spec.ReviewBelow}}
}

// newReviewer returns the reviewer of a job, or nil if the job wants none. Where right labels
// are known it goes through all rows first, since what they tell of confidence corrects that
// of each row.
func (d *Deriver) newReviewer(ctx context.Context) (*reviewer, error) {
	v, evaluators := d.startReview(), d.newEvaluators()
	if v == nil || len(evaluators.each) == 0 {
		return v, nil
	}
	for f, err := range d.fetchAll(ctx, reuseChunks) {
		if err != nil {
			return nil, err
		}
		evaluators.add(f)
	}
	for i, e := range evaluators.each {
		if c := e.Result().Calibration.Calibrated; c != nil {
			v.correct[questionOf(d.Spec, d.Columns.compared[i])], v.total.Calibrated = c.Corrector(), true
		}
	}
	return v, nil
}

// mark says in a row's reply whether a person should look at it. A pending row is not marked.
func (v *reviewer) mark(f *fetched) {
	if v == nil || f.reply.status == batch.Pending {
		return
	}
	x := &f.reply
	x.calibrated = nil
	look := x.own == nil
	k := v.Prompt.Classification()
	for i := range k.Questions {
		_, confidence := k.LabelsOf(x.own, i)
		if v.correct[i] != nil && !math.IsNaN(confidence) {
			confidence = v.correct[i](confidence)
			x.calibrated = append(x.calibrated, calibrated{i, confidence})
		}
		look = look || !(confidence >= v.total.Below) // NaN is not
	}
	var correct *bool
	for _, c := range x.correct {
		if c != nil && !k.IsExample(f.Row) && (correct == nil || *correct) { // right if all are
			correct = c
		}
	}
	x.review = &look
	v.total.Add(look, correct)
}

// questionOf returns the place of the question that is compared.
func questionOf(s *spec.Spec, c comparison) int {
	return slices.IndexFunc(s.Classify.All(), func(q spec.Question) bool { return q.Name == c.config.Column || q.Name == "" })
}

// A calibrated confidence is that of a question, corrected by known labels.
type calibrated struct {
	question   int // its place
	confidence float64
}

// result returns what the marks come to, or nil for a nil reviewer.
func (v *reviewer) result() *eval.Review {
	if v == nil {
		return nil
	}
	return &v.total
}

// confide puts into a reply how sure the model was of its labels, if its tokens tell.
func confide(k *prompt.Classification, x *reply) {
	if k != nil && k.Confidence == spec.Logprobs && x.result.Part == "" { // the tokens are those of the whole answer
		k.Confide(x.own, x.answer, logprobs.TokensOf(x.details()))
	}
}

// reviewColumns are the result columns of a job that has rows marked.
func reviewColumns(s *spec.Spec, compared []comparison) (columns []column) {
	if s.ReviewBelow == 0 {
		return nil
	}
	for _, c := range compared {
		i := questionOf(s, c)
		name := strings.TrimPrefix(s.Classify.All()[i].Name+"_calibrated_confidence", "_")
		columns = append(columns, column{Column: batch.Column{Name: name, Type: batch.Float}, value: func(x *reply) any {
			for _, c := range x.calibrated {
				if c.question == i {
					return c.confidence
				}
			}
			return nil
		}})
	}
	return append(columns, column{Column: batch.Column{Name: "review", Type: batch.Bool}, value: func(x *reply) any {
		if x.review == nil {
			return nil
		}
		return *x.review
	}})
}
