package repair

import (
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// A context cache that is gone ends the run at once, and no other refusal does.
func TestSharedCache(t *testing.T) {
	for kind, want := range map[batch.Kind]batch.Consequence{batch.KindCache: batch.Stop, batch.KindKey: batch.Retry} {
		o := SharedCache(oneOutcome{Consequence: batch.Retry, Err: &batch.Error{Kind: kind}}).Attempt(t.Context(), new(batch.Request))
		if o.Consequence != want {
			t.Errorf("%s: %v, want %v", kind, o.Consequence, want)
		}
	}
}
