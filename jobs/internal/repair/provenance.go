package repair

import (
	"context"
	"net/http"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A provenanceModel keeps simulated answers apart from real ones.
type provenanceModel struct {
	batch.Model
	simulated bool // the answers in the journal are
}

// KeepProvenance returns m with the run stopped by an answer of another provenance than
// those in the journal, which are all simulated or all real. It is for endpoints on this
// machine, where the address does not tell a simulator from a gateway.
func KeepProvenance(m batch.Model, simulated bool) batch.Model { return provenanceModel{m, simulated} }

func (m provenanceModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.ModelVersion == "" || cost.IsSimulated(o.ModelVersion) == m.simulated {
		return o
	}
	if m.simulated {
		e := &batch.Error{
			Kind: batch.KindConfig, HTTPStatus: http.StatusOK,
			Message: "the endpoint answers with a real model, and the answers in the journal were made up by the simulator",
			Hint:    "set those aside with --fresh, or choose another --output",
		}
		// The answer is not kept, and was billed all the same.
		return batch.Outcome{Consequence: batch.Stop, Err: e, Usage: o.Usage, Tier: o.Tier, ModelVersion: o.ModelVersion}
	}
	return batch.Outcome{Consequence: batch.Stop, Err: &batch.Error{
		Kind: batch.KindConfig, HTTPStatus: http.StatusOK,
		Message: "the endpoint is a simulator, and the journal holds real answers",
		Hint:    "choose another --output",
	}}
}
