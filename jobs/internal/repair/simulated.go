package repair

import (
	"context"
	"net/http"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/cost"
)

func (m provenanceModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.ModelVersion == "" || cost.IsSimulated(o.ModelVersion) == m.simulated {
		return o
	}
	e := &batch.Error{Kind: batch.KindConfig, HTTPStatus: http.StatusOK, Message: "the endpoint answers with a real model, and the answers in the journal were made up by the simulator",
		Hint: "set those aside with --fresh, or choose another --output"}
	if !m.simulated {
		e.Message = "the endpoint is a simulator, and the journal holds real answers"
		e.Hint = "choose another --output"
		return batch.Outcome{Consequence: batch.Stop, Err: e} // nobody is billed for it
	}
	return batch.Outcome{Consequence: batch.Stop, Err: e, Usage: o.Usage, Tier: o.Tier, ModelVersion: o.ModelVersion}
}
