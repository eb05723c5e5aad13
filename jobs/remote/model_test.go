package remote

import (
	"context"
	"encoding/json"

	"github.com/genbatch/genbatch/batch"
)

// A model answers once it is closed.
type model chan struct{}

func (m model) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	select {
	case <-m:
	case <-ctx.Done():
		return batch.Outcome{Consequence: batch.Retry, Err: &batch.Error{Kind: batch.KindTransport, Message: "given up"}}
	}
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, ModelVersion: r.Model, FinishReason: "STOP",
		Response: json.RawMessage(`{"candidates":[{"content":{"parts":[{"text":"yes"}]},"finishReason":"STOP"}]}`),
		Usage:    &batch.Usage{PromptTokenCount: 10, CandidatesTokenCount: 1},
	}
}
