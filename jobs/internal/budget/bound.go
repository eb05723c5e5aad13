package budget

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/cost"
)

// boundedModel says of an attempt that never reported what it used the most that
// it can have used.
type boundedModel struct {
	batch.Model
	prices *price.Table
}

// Bound returns the model m whose outcomes say the most that they can have used.
func Bound(m batch.Model, prices *price.Table) batch.Model { return boundedModel{m, prices} }

// mostUsage is the most that a request can use: a token for each byte of its text,
// what its media are estimated at (see mediaInput and inlineInput), and the output that it allows. It is hard when the
// request itself sets the limit of that, and else the model's own.
func mostUsage(prices *price.Table, r *batch.Request) (most *batch.Usage, hard bool) {
	most = &batch.Usage{PromptTokenCount: int64(len(r.Body)), CandidatesTokenCount: cost.OutputLimit(prices, r.Model, time.Now())}
	mediaInput(r, most)
	b, err := apijson.ParseBody(r.Body)
	if err != nil {
		return most, false
	}
	inlineInput(r, &b, most)
	if n := apijson.WholeNumber(b.Config["maxOutputTokens"]); n > 0 {
		most.CandidatesTokenCount, hard = n, true
	}
	maySearch(b.Members, most)
	if n := apijson.WholeNumber(b.Config["candidateCount"]); n > 1 {
		most.CandidatesTokenCount *= n
	}
	return most, hard
}

// mediaInput fills in the tokens of media, for which the body has only a name. A
// token of sound, also of a film's, costs more than one of text.
func mediaInput(r *batch.Request, most *batch.Usage) {
	if len(r.Media) == 0 && !bytes.Contains(r.Body, []byte(`"fileData":`)) {
		return
	}
	tokens := int64(r.InputTokens)
	most.PromptTokenCount += tokens
	sounds := func(kind string) bool { return strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/") }
	if slices.ContainsFunc(r.Media, func(m batch.Media) bool { return sounds(m.MIMEType) }) {
		most.PromptTokensDetails = []batch.ModalityTokens{{Modality: "AUDIO", TokenCount: tokens}}
	}
}

// askedTier is the tier that a request asks for: the attempt's, or its own.
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
