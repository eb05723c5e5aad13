package sim

import (
	"net/http"

	"github.com/genbatch/genbatch/internal/sim/batches"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// Batches says how batches behave, and BatchFault is something that goes wrong with them.
type (
	Batches    = batches.Config
	BatchFault = batches.Fault
)

// ParseBatchFaults reads a list of faults of batches, see [batches.ParseFaults].
func ParseBatchFaults(spec string) ([]BatchFault, error) { return batches.ParseFaults(spec) }

// BatchFaultKinds lists the faults that ParseBatchFaults knows.
func BatchFaultKinds() []batches.FaultKind { return batches.FaultKinds() }

// batch serves a call of the batch API.
func batch(serve func(*batches.Service, *batches.Call) (any, *wire.Error)) func(*exchange) {
	return func(x *exchange) {
		s := x.server
		if s.batches.Revoked() {
			s.Revoke(x.key)
			x.refuse("auth", wire.BadKey())
			return
		}
		reply, e := serve(s.batches, batchCall(x))
		raw, isRaw := reply.(batches.Raw)
		switch {
		case e != nil:
			x.refuse("batch", e)
		case isRaw:
			x.writeBody(http.StatusOK, x.contentType(), []byte(raw))
		default:
			x.writeJSON(http.StatusOK, reply)
		}
	}
}

// vertexBatch serves a call of the batch API of Vertex AI.
func vertexBatch(serve func(batches.Vertex, *batches.Call) (any, *wire.Error)) func(*exchange) {
	return batch(func(s *batches.Service, c *batches.Call) (any, *wire.Error) {
		return serve(batches.Vertex{Service: s}, c)
	})
}

// batchCall returns an exchange as a call of the batch API.
func batchCall(x *exchange) *batches.Call {
	project := projectOf(x.key)
	if x.at.Parent != "" {
		project = batches.VertexProject(x.at.Parent)
	}
	return &batches.Call{
		W: x.w, R: x.r, Project: project, Name: x.name, Model: x.model, Models: x.server.config.Models, Body: x.body,
		Rows: rowsOf(x), Files: &x.server.files,
	}
}
