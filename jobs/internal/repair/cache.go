package repair

import (
	"context"

	"github.com/genbatch/genbatch/batch"
)

// A cachingModel asks with one context cache for all rows.
type cachingModel struct{ batch.Model }

// SharedCache returns m with the run stopped by a refusal of the context cache, which all rows
// of the job use. No row is at fault, and none would be answered.
func SharedCache(m batch.Model) batch.Model { return cachingModel{m} }

func (m cachingModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.Err != nil && o.Err.Kind == batch.KindCache {
		o.Consequence, o.Status = batch.Stop, ""
	}
	return o
}
