package jobs

import (
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/spec"
)

// New returns what compares the job's labels with known ones; nil where the
// job has none.
func (j *Job) newEvaluator() *eval.Evaluator {
	k := j.prompt.Classification()
	if k == nil || j.spec.Expected == "" {
		return nil
	}
	return eval.New(j.spec.Expected, k.Names(), k.Multi, k.Confidence, k.Known, k.IsExample)
}

// checkExpected refuses a column of known labels that the input does not have.
func (j *Job) checkExpected() error {
	if j.spec.Expected == "" || len(j.names) == 0 || slices.Contains(j.names, j.spec.Expected) {
		return nil
	}
	hint := "the input has " + message.QuoteList(j.names)
	if near := message.Nearest(j.spec.Expected, j.names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return spec.Errorf(hint, "expected names the column %q, which the input does not have", j.spec.Expected)
}

// warnExpected says what makes an evaluation worth less than it seems.
func (j *Job) warnExpected() {
	if j.spec.Expected == "" {
		return
	}
	for _, option := range j.prompt.Showing(j.spec.Expected) {
		j.log.Warn(fmt.Sprintf("%s shows the model the column %s, which holds the labels that it is compared with: the evaluation means nothing", option, j.spec.Expected))
	}
}

// warnUnknown says that known labels are none of the job's.
func (j *Job) warnUnknown(e *eval.Evaluation) {
	if e == nil || e.Unknown == 0 {
		return
	}
	var value string
	for text, n := range e.Values {
		if old := e.Values[value]; n > old || n == old && text < value {
			value = text
		}
	}
	j.log.Warn(fmt.Sprintf("the column %s holds in %s what is none of the job's labels, such as %q; these rows are not compared; %s",
		e.Column, message.Plural(int(e.Unknown), "row"), value, j.prompt.Classification().Like(value)))
}
