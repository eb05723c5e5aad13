package repair

import (
	"encoding/json"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// An answer of the other kind stops the run, and is not kept. If a model was paid for it,
// that counts.
func TestKeepProvenance(t *testing.T) {
	usage := &batch.Usage{PromptTokenCount: 7}
	for _, tt := range []struct {
		model           string
		simulated, stop bool
	}{
		{"gemini-2.5-flash", false, false},
		{"gemini-2.5-flash-simulated", true, false},
		{"", true, false}, // a refusal names no model
		{"", false, false},
		{"gemini-2.5-flash", true, true},
		{"gemini-2.5-flash-simulated", false, true},
	} {
		answer := oneOutcome{
			Consequence: batch.Answered, Status: batch.OK, Response: json.RawMessage(`{}`),
			ModelVersion: tt.model, Usage: usage, Tier: "flex",
		}
		o := KeepProvenance(answer, tt.simulated).Attempt(t.Context(), &batch.Request{})
		if !tt.stop {
			if o.Consequence != batch.Answered || o.Response == nil {
				t.Errorf("%q after simulated answers (%t): %+v", tt.model, tt.simulated, o)
			}
			continue
		}
		if o.Consequence != batch.Stop || o.Response != nil || o.Err == nil || o.Err.Hint == "" {
			t.Errorf("%q after simulated answers (%t): %+v", tt.model, tt.simulated, o)
		}
		if billed := o.Usage != nil && o.ModelVersion == tt.model && o.Tier == "flex"; billed != tt.simulated {
			t.Errorf("%q after simulated answers (%t): billed %t", tt.model, tt.simulated, billed)
		}
	}
}
