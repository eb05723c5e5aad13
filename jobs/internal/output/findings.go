package output

import (
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/findings"
)

// This file shows the rows of an output to what makes findings of them.

// newFold returns what looks over the rows.
func (d *Deriver) newFold() *findings.Fold {
	c := findings.Config{Dedupe: d.Spec.Dedupe, Key: d.List.Key, Before: d.Before}
	if k := d.Prompt.Classification(); k != nil {
		for _, q := range k.Questions {
			c.Questions = append(c.Questions, findings.Question{Name: q.Name, Labels: q.Labels(), Multi: q.Multi})
		}
	}
	return findings.New(c)
}

// lookedAt returns a counted row as findings look at it.
func (d *Deriver) lookedAt(f *fetched) findings.Row {
	x := &f.reply
	r := findings.Row{
		Number: f.Row.Number, Status: x.status, Problem: x.problem, Failed: x.failed, Copied: x.copied,
		Cost: x.cost, Priced: x.priced,
	}
	if f.Request != nil {
		r.Key, r.ID, r.Input = f.Request.Key, f.Request.ID(), f.Row
	}
	if x.result != nil {
		r.Seq = x.result.Seq
	}
	if a := x.answer; a != nil {
		r.Reason = a.FinishReason
		if a.BlockReason != "" {
			r.Reason = a.BlockReason
		}
		if a.Usage != nil {
			r.Thoughts = a.Usage.Thoughts()
			r.Tokens = a.Usage.CandidatesTokenCount + r.Thoughts
		}
	}
	if k := d.Prompt.Classification(); k != nil && x.own != nil {
		for i := range k.Questions {
			labels, _ := k.LabelsOf(x.own, i)
			r.Labels = append(r.Labels, labels)
		}
	}
	return r
}

// knownShares returns how frequent labels are among the known ones. A question without a name
// is the only one that is compared.
func knownShares(all []*eval.Evaluation) findings.Known {
	return func(question, label string) (share float64, ok bool) {
		for _, e := range all {
			for _, l := range e.Labels {
				if (question == "" || question == e.Column) && l.Label == label && e.Rows > 0 {
					return float64(l.Expected) / float64(e.Rows), true
				}
			}
		}
		return 0, false
	}
}
