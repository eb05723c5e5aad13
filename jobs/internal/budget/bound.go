package budget

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A boundedModel bounds what attempts of unknown cost can have used.
type boundedModel struct {
	batch.Model
	prices *price.Table
}

// Bound returns m with outcomes that state the most that an attempt can have used, if it
// may have been billed and did not report its usage.
func Bound(m batch.Model, prices *price.Table) batch.Model { return boundedModel{m, prices} }

func (m boundedModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.Usage == nil && o.MaybeBilled {
		o.Most, _ = mostUsage(m.prices, r)
	}
	return o
}

// mostUsage returns the most that a request can use: a token for each byte of its text,
// what its media are estimated at, and the longest output. hard says that the request
// itself limits the output; otherwise the model's own limit counts.
func mostUsage(prices *price.Table, r *batch.Request) (most *batch.Usage, hard bool) {
	most = &batch.Usage{PromptTokenCount: int64(len(r.Body)), CandidatesTokenCount: cost.OutputLimit(prices, r.Model, time.Now())}
	addMedia(r, most)
	b, err := apijson.Parse(r.Body)
	if err != nil {
		return most, false
	}
	addInlineMedia(r, b, most)
	config := b.Object("generationConfig")
	if n := config.Int("maxOutputTokens"); n > 0 {
		most.CandidatesTokenCount, hard = n, true
	}
	addSearches(b, most)
	if n := config.Int("candidateCount"); n > 1 {
		most.CandidatesTokenCount *= n
	}
	return most, hard
}

// addMedia adds the tokens of media for which the body has only a name.
func addMedia(r *batch.Request, most *batch.Usage) {
	if len(r.Media) == 0 && !bytes.Contains(r.Body, []byte(`"fileData":`)) {
		return
	}
	tokens := int64(r.InputTokens)
	most.PromptTokenCount += tokens
	if slices.ContainsFunc(r.Media, func(m batch.Media) bool { return sounds(m.MIMEType) }) {
		most.PromptTokensDetails = []batch.ModalityTokens{{Modality: "AUDIO", TokenCount: tokens}}
	}
}

// sounds reports whether media of a type have sound, whose tokens cost more than those of
// text.
func sounds(mimeType string) bool {
	return strings.HasPrefix(mimeType, "audio/") || strings.HasPrefix(mimeType, "video/")
}

// askedTier returns the service tier that a request asks for in its own body, or else the
// tier of the attempt.
func askedTier(r *batch.Request) string {
	var own struct {
		Camel string `json:"serviceTier"`
		Snake string `json:"service_tier"`
	}
	if bytes.Contains(r.Body, []byte("ier\"")) && json.Unmarshal(r.Body, &own) == nil && own.Camel+own.Snake != "" {
		return strings.TrimPrefix(strings.ToLower(cmp.Or(own.Camel, own.Snake)), "service_tier_")
	}
	return r.Tier
}
