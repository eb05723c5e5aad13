package budget

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// Media reserve what they are estimated at, sound at its own price.
func TestCapReservesMedia(t *testing.T) {
	sound := batch.Media{MIMEType: "audio/wav", Size: 1 << 20}
	r := &batch.Request{Model: "gemini-2.5-flash", Body: []byte(`{"contents":[]}`), Media: []batch.Media{sound}, InputTokens: 1000}
	most, _ := mostUsage(price.Default(), r)
	without, _ := mostUsage(price.Default(), &batch.Request{Model: r.Model, Body: r.Body})
	amount, ok1 := cost.Most(price.Default(), &batch.Spend{At: time.Now(), Model: r.Model, Most: most}, r.Model)
	bare, ok2 := cost.Most(price.Default(), &batch.Spend{At: time.Now(), Model: r.Model, Most: without}, r.Model)
	if want := 1000 * price.Dollar / 1_000_000; !ok1 || !ok2 || amount-bare != want {
		t.Errorf("a recording of 1000 tokens reserves %s more, want %s", amount-bare, want)
	}
}

func TestMostUsage(t *testing.T) {
	for body, want := range map[string]struct {
		output int64
		hard   bool
	}{
		`{"contents":[]}`: {65536, false},
		`{"generationConfig":{"maxOutputTokens":100}}`:                    {100, true},
		`{"generation_config":{"max_output_tokens":"100"}}`:               {100, true},
		`{"generationConfig":{"maxOutputTokens":100,"candidateCount":4}}`: {400, true},
		`{"generationConfig":{"maxOutputTokens":null}}`:                   {65536, false},
	} {
		most, hard := mostUsage(price.Default(), &batch.Request{Model: "unknown", Body: []byte(body)})
		if most.CandidatesTokenCount != want.output || hard != want.hard || most.PromptTokenCount != int64(len(body)) {
			t.Errorf("%s: %+v, %v, want %+v", body, most, hard, want)
		}
	}
}

// Media within a request count by what they are, and not by the bytes of their
// base64.
func TestMostUsageOfInlineMedia(t *testing.T) {
	noise := make([]byte, 200<<10)
	photo := append(jobtest.Picture(t, 7, 1000, 700), noise...) // what follows the image is no part of it
	body := func(name, kindName, kind string, data []byte) []byte {
		return fmt.Appendf(nil, `{"contents":[{"parts":[{%q:{%q:%q,"data":%q}},{"text":"what?"}]}]}`, name, kindName, kind, base64.StdEncoding.EncodeToString(data))
	}
	for name, c := range map[string]struct {
		body        []byte
		least, most int64 // tokens of input
		audio       int64
	}{
		"a photo":               {body("inlineData", "mimeType", "image/png", photo), 4 * 258, 4000, 0},
		"a photo in snake_case": {body("inline_data", "mime_type", "image/png", photo), 4 * 258, 4000, 0},
		"sound":                 {body("inlineData", "mimeType", "audio/mpeg", noise), 64 * 13, 64*13 + 200, 64 * 13},
		"none that is known":    {body("inlineData", "type", "image/png", photo), 4 * 200 << 10 / 3, 5 * 200 << 10 / 3, 0},
	} {
		most, _ := mostUsage(price.Default(), &batch.Request{Model: "gemini-2.5-flash", Body: c.body})
		if n := most.PromptTokenCount; n < c.least || n > c.most {
			t.Errorf("%s of %d bytes comes to %d tokens, want %d to %d", name, len(c.body), n, c.least, c.most)
		}
		var audio int64
		for _, d := range most.PromptTokensDetails {
			audio += d.TokenCount
		}
		if audio != c.audio {
			t.Errorf("%s has %d tokens of sound, want %d", name, audio, c.audio)
		}
	}
}

// An outcome states the most that it can have used only if the attempt may have been
// billed and did not report its usage.
func TestBound(t *testing.T) {
	usage := &batch.Usage{PromptTokenCount: 1}
	for name, c := range map[string]struct {
		o    batch.Outcome
		want bool
	}{
		"cut":                                 {batch.Outcome{MaybeBilled: true}, true},
		"cut with its usage":                  {batch.Outcome{MaybeBilled: true, Usage: usage}, false},
		"answered":                            {batch.Outcome{Usage: usage}, false},
		"refused":                             {batch.Outcome{}, false},
		"answered by a model without a price": {batch.Outcome{Usage: usage, ModelVersion: "nobodys-model"}, false},
		"answered in a tier without a price":  {batch.Outcome{Usage: usage, Tier: "turbo"}, false},
	} {
		m := Bound(fixed(c.o), price.Default())
		o := m.Attempt(t.Context(), &batch.Request{Model: "gemini-2.5-flash", Body: []byte(`{"generationConfig":{"maxOutputTokens":100}}`)})
		if (o.Most != nil) != c.want || o.Most != nil && (o.Most.CandidatesTokenCount != 100 || o.Most.PromptTokenCount != 44) {
			t.Errorf("%s: the most is %+v", name, o.Most)
		}
	}
}

// fixed is a Model whose attempts all come to the same.
type fixed batch.Outcome

func (o fixed) Attempt(context.Context, *batch.Request) batch.Outcome { return batch.Outcome(o) }
