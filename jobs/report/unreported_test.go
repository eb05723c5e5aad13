package report

import (
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs"
)

// Answers whose usage cannot be read are no attempts that were cut.
func TestUnreportedTellsAnswersApart(t *testing.T) {
	var totals jobs.Totals
	answer := &batch.Result{Status: batch.OK, FinishReason: "STOP", Attempts: 1, Spent: []batch.Spend{{}}}
	totals.AddResult(answer, price.Default())
	if text := Unreported(&totals); !strings.HasPrefix(text, "1 answer whose usage cannot be read: ") {
		t.Error(text)
	}
	totals.AddResult(&batch.Result{Status: batch.Failed, Attempts: 2, Spent: []batch.Spend{{}, {}}}, price.Default())
	if text := Unreported(&totals); !strings.HasPrefix(text, "1 answer whose usage cannot be read, and 2 attempts cut before") {
		t.Error(text)
	}
}
