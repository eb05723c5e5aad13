package report

import (
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/findings"
)

// The findings stand below each other at 80 columns, with some of their rows, and the reasons of
// a status with a finding are not said twice.
func TestFindings(t *testing.T) {
	totals := &jobs.Totals{
		Rows: 1000, Status: map[batch.Status]int64{batch.OK: 937, batch.Blocked: 62, batch.Failed: 1},
		Problems: map[string]int64{"blocked: the answer was blocked: SAFETY": 62, "failed: HTTP 503: overloaded": 1},
		Judgement: jobs.Judgement{Findings: []jobs.Finding{
			{Code: findings.Blocked, Severity: findings.Medium, Text: "62 of 1,000 rows were blocked: SAFETY 62", Remedy: "see whether request.safetySettings or another prompt lets them pass, then --retry blocked",
				Rows: findings.Rows{Count: 62, Examples: []findings.Example{{Row: 3}, {Row: 9}, {Row: 12}, {Row: 40}}}},
			{Code: findings.Unused, Severity: findings.Low, Text: "1 label is never used in 1,000 rows: other", Remedy: "leave it out"},
			{Code: findings.Flagged, Severity: findings.Low, Text: "1 of 1,000 rows fails the check large, which only flags", Remedy: "see the column failed_checks",
				Rows: findings.Rows{Count: 1, Examples: []findings.Example{{Row: 5, Key: "k\x1b[31m"}}}},
		}},
	}
	text := Summary{Summary: &jobs.Summary{Output: "out.csv", Job: totals}}.String()
	_, got, _ := strings.Cut(text, "\nFindings:\n")
	const want = `  blocked       62 of 1,000 rows were blocked: SAFETY 62 (rows 3, 9, 12 and 59
                more).
                - see whether request.safetySettings or another prompt lets them
                pass, then --retry blocked.
  unused_label  1 label is never used in 1,000 rows: other.
                - leave it out.
  flagged       1 of 1,000 rows fails the check large, which only flags (key
                k\u001b[31m).
                - see the column failed_checks.
`
	if got != want {
		t.Errorf("the findings are\n%s\nand want\n%s", got, want)
	}
	for line := range strings.Lines(text) {
		if terminal.Width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
	if strings.Contains(text, "blocked: the answer was blocked") || !strings.Contains(text, "failed: HTTP 503: overloaded") {
		t.Errorf("the reasons are\n%s", text)
	}
	if none := (Summary{Summary: &jobs.Summary{Output: "out.csv", Job: &jobs.Totals{Rows: 1}}}).String(); strings.Contains(none, "Findings") {
		t.Errorf("without any: %s", none)
	}
}
