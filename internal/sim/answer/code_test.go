package answer

import (
	"strings"
	"testing"
)

func TestCodeExecution(t *testing.T) {
	tests := []struct{ text, code, output, outcome string }{
		{"How much is 3 * 12390?", "print(3 * 12390)\n", "37170\n", "OUTCOME_OK"},
		{"7 / 2 is what?", "print(7 / 2)\n", "3.5\n", "OUTCOME_OK"},
		{"7 / 0 is what?", "print(7 / 0)\n", "ZeroDivisionError: division by zero\n", "OUTCOME_FAILED"},
		{"Add up 10 20 30.", "values = [10, 20, 30]\nprint(sum(values))\n", "60\n", "OUTCOME_OK"},
	}
	for _, tt := range tests {
		r := answerTo(t, new(Classifiers), flash, ask(tt.text, `"tools":[{"codeExecution":{}}]`))
		p := r.Candidates[0].Content.Parts
		if len(p) != 3 || p[0].Code == nil || p[0].Code.Code != tt.code || p[1].Result == nil || p[1].Result.Output != tt.output ||
			p[1].Result.Outcome != tt.outcome || !strings.Contains(p[2].Text, strings.TrimSpace(tt.output)) || r.Usage.ToolUse == 0 {
			t.Errorf("%s: %+v", tt.text, p)
		}
	}
}
