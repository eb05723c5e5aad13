package cost

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/recordedtest"
)

// A recordedCost is what a recorded exchange cost, computed by hand: tokens times pico-dollars
// a token, in the order input, cached input, tools, output, thinking, images, and last the fee
// of searches. An exchange that names no model of the price table is priced as
// gemini-2.5-flash, the model that was asked.
type recordedCost struct {
	line int
	at   string // a day on which the model was sold
	cost int64
}

const (
	now  = "2026-11-20"
	then = "2026-02-15" // before models of the recordings were shut down

	unknown = -1
)

// recordedCosts are all lines of recorded.jsonl that report usage. Some report it in odd ways:
//
//	2              no split of the output
//	3, 4           no thinking, tools
//	8, 16          no answer, and so no tokens of one
//	11, 13, 15, 20 streams, which report running totals
//	28, 47, 146    a query to Google Search, two of one prompt that pays once, one to Google Maps
//	49             a cached part
//	51             an incomplete split of the prompt
//	121            modalities as numbers
//	132            provisioned throughput, which has no price a token
//	150, 165, …    answered by a model that has no price, in the place of the one that was asked
var recordedCosts = []recordedCost{
	{2, now, 118*500_000 + 17*3_000_000 + 69*3_000_000},                                         // gemini-3-flash-preview
	{3, now, 473*500_000 + 15*3_000_000},                                                        // gemini-3-flash-preview
	{4, then, 13*100_000 + 289*100_000 + 194*400_000},                                           // gemini-2.0-flash
	{5, then, 22*100_000 + 40*400_000},                                                          // gemini-2.0-flash
	{6, now, 14*300_000 + 16*2_500_000 + 181*2_500_000},                                         // gemini-2.5-flash
	{7, then, 11*100_000 + 19*400_000},                                                          // gemini-2.0-flash
	{8, now, 0},                                                                                 // gemini-2.5-flash
	{9, now, 19*300_000 + 6*2_500_000 + 27*2_500_000},                                           // gemini-2.5-flash
	{10, now, 332*500_000 + 643*500_000 + 53*3_000_000 + 173*3_000_000},                         // gemini-3-flash-preview
	{11, now, 427*500_000 + 771*500_000 + 122*3_000_000 + 447*3_000_000},                        // gemini-3-flash-preview
	{12, now, 294*500_000 + 605*500_000 + 230*3_000_000 + 158*3_000_000},                        // gemini-3-flash-preview
	{13, now, 15*1_250_000 + 770*1_250_000 + 37*10_000_000 + 742*10_000_000},                    // gemini-2.5-pro
	{14, now, 15*750_000 + 1*3_750_000 + 72*3_750_000},                                          // gemini-3.5-flash, billed as 3.6
	{15, then, 79*100_000 + 12*400_000},                                                         // gemini-2.0-flash
	{16, now, 15*1_250_000 + 2*10_000_000},                                                      // gemini-2.5-pro
	{17, now, 109*1_250_000 + 16*10_000_000 + 199*10_000_000},                                   // gemini-2.5-pro
	{18, then, 13*100_000 + 8*400_000},                                                          // gemini-2.0-flash
	{19, now, 32*300_000 + 2395*300_000 + 41*2_500_000 + 47*2_500_000},                          // gemini-2.5-flash
	{20, now, 32*300_000 + 4610*300_000 + 25*2_500_000 + 37*2_500_000},                          // gemini-2.5-flash
	{21, now, 209*1_250_000 + 286*1_250_000 + 206*10_000_000 + 131*10_000_000 + 35_000_000_000}, // gemini-2.5-pro
	{22, now, 26*300_000 + 64*2_500_000 + 360*2_500_000},                                        // gemini-2.5-flash
	{23, now, 12*300_000 + 24*2_500_000 + 130*2_500_000},                                        // gemini-2.5-flash
	{24, then, 240*100_000 + 27*400_000},                                                        // gemini-2.0-flash
	{25, now, 80*1_250_000 + 9*10_000_000 + 64*10_000_000},                                      // gemini-2.5-pro
	{26, now, 6*300_000 + 1*2_500_000 + 23*2_500_000},                                           // gemini-2.5-flash
	{27, now, 7*300_000 + 7*2_500_000 + 17*2_500_000},                                           // gemini-2.5-flash
	{28, now, 125*500_000 + 250*3_000_000 + 456*3_000_000 + 14_000_000_000},                     // gemini-3-flash-preview
	{29, now, 22*500_000 + 13*3_000_000 + 1310*3_000_000},                                       // gemini-3-flash-preview
	{30, now, 116*500_000 + 532*500_000 + 90*3_000_000 + 84*3_000_000},                          // gemini-3-flash-preview
	{31, now, 36*500_000 + 22*3_000_000 + 632*3_000_000},                                        // gemini-3-flash-preview
	{32, now, 114*500_000 + 7*3_000_000 + 478*3_000_000},                                        // gemini-3-flash-preview
	{33, now, 22*500_000 + 3*3_000_000 + 446*3_000_000},                                         // gemini-3-flash-preview
	{34, now, 54*500_000 + 15*3_000_000 + 763*3_000_000},                                        // gemini-3-flash-preview
	{35, now, 1230*500_000 + 10*3_000_000 + 95*3_000_000},                                       // gemini-3-flash-preview
	{36, now, 441*500_000 + 10*3_000_000 + 285*3_000_000},                                       // gemini-3-flash-preview
	{37, now, 22*500_000 + 17*3_000_000 + 1075*3_000_000},                                       // gemini-3-flash-preview
	{38, now, 1747*500_000 + 10*3_000_000 + 160*3_000_000},                                      // gemini-3-flash-preview
	{39, now, 22*500_000 + 3*3_000_000 + 307*3_000_000},                                         // gemini-3-flash-preview
	{40, now, 54*500_000 + 15*3_000_000 + 666*3_000_000},                                        // gemini-3-flash-preview
	{42, now, 616*500_000 + 22*3_000_000 + 363*3_000_000},                                       // gemini-3-flash-preview
	{43, now, 102*500_000 + 7*3_000_000 + 373*3_000_000},                                        // gemini-3-flash-preview
	{44, now, 868*500_000 + 10*3_000_000 + 191*3_000_000},                                       // gemini-3-flash-preview
	{45, now, 116*500_000 + 7*3_000_000 + 183*3_000_000},                                        // gemini-3-flash-preview
	{46, now, unknown}, // gemini-2.0-flash-exp
	{47, now, 11*300_000 + 90*300_000 + 105*2_500_000 + 131*2_500_000 + 35_000_000_000}, // gemini-2.5-flash
	{48, now, 137*300_000 + 15*2_500_000 + 85*2_500_000},                                // gemini-2.5-flash
	{49, now, 8*300_000 + 3512*30_000 + 2*2_500_000 + 51*2_500_000},                     // gemini-2.5-flash
	{50, now, 147*500_000 + 360*500_000 + 108*3_000_000 + 168*3_000_000},                // gemini-3-flash-preview
	{51, now, 343*500_000 + 877*500_000 + 82*3_000_000 + 159*3_000_000},                 // gemini-3-flash-preview
	{52, now, 162*300_000 + 21*2_500_000 + 28*2_500_000},                                // gemini-2.5-flash
	{53, now, 16*750_000 + 54*3_750_000 + 552*3_750_000},                                // gemini-3.6-flash
	{54, now, 10*750_000 + 20*3_750_000 + 423*3_750_000},                                // gemini-3.6-flash
	{55, now, 11*750_000 + 2*3_750_000 + 359*3_750_000},                                 // gemini-3.6-flash
	{56, now, 6*750_000 + 65*3_750_000 + 570*3_750_000},                                 // gemini-3.6-flash
	{57, now, 5*750_000 + 50*3_750_000 + 453*3_750_000},                                 // gemini-3.6-flash
	{58, now, 137*300_000 + 6*2_500_000},                                                // gemini-2.5-flash
	{59, now, 60*500_000 + 16*3_000_000 + 32*3_000_000},                                 // gemini-3-flash-preview
	{60, now, 201*750_000 + 51*3_750_000 + 183*3_750_000},                               // gemini-3.6-flash
	{61, now, 467*750_000 + 34*3_750_000 + 13*3_750_000},                                // gemini-3.6-flash
	{62, now, 13*300_000 + 9609*30_000 + 35*2_500_000 + 136*2_500_000},                  // gemini-2.5-flash
	{63, now, 11*300_000 + 9602*30_000 + 33*2_500_000 + 39*2_500_000},                   // gemini-2.5-flash
	{64, now, 71*300_000 + 58*2_500_000 + 147*2_500_000},                                // gemini-2.5-flash
	{66, now, 84*300_000 + 23*2_500_000 + 65*2_500_000},                                 // gemini-2.5-flash
	{67, now, 120*2_000_000 + 32*12_000_000 + 132*12_000_000},                           // gemini-3.1-pro-preview
	{68, now, 83*2_000_000 + 32*12_000_000 + 162*12_000_000},                            // gemini-3.1-pro-preview
	{69, now, 70*300_000 + 17*2_500_000 + 43*2_500_000},                                 // gemini-2.5-flash
	{70, now, 145*300_000 + 8*2_500_000},                                                // gemini-2.5-flash
	{71, now, 248*300_000 + 2*2_500_000},                                                // gemini-2.5-flash
	{72, now, 27*300_000 + 3*2_500_000 + 90*2_500_000},                                  // gemini-2.5-flash
	{73, now, 46*300_000 + 16*2_500_000 + 65*2_500_000},                                 // gemini-2.5-flash
	{74, now, 567*300_000 + 330*2_500_000 + 1232*2_500_000},                             // gemini-2.5-flash
	{75, now, 85*300_000 + 22*2_500_000 + 50*2_500_000},                                 // gemini-2.5-flash
	{76, now, 9*300_000 + 258*300_000 + 24*2_500_000 + 67*2_500_000},                    // gemini-2.5-flash
	{77, then, 37*100_000 + 14*400_000},                                                 // gemini-2.0-flash
	{78, now, 104*300_000 + 22*2_500_000 + 47*2_500_000},                                // gemini-2.5-flash
	{79, then, 271 * 100_000},                                                           // gemini-2.0-flash-001
	{81, then, 107*100_000 + 6*400_000},                                                 // gemini-2.0-flash
	{82, then, 141*100_000 + 24*400_000},                                                // gemini-2.0-flash
	{83, now, 75*300_000 + 573*300_000 + 414*2_500_000 + 117*2_500_000},                 // gemini-2.5-flash
	{84, then, 63*100_000 + 6*400_000},                                                  // gemini-2.0-flash
	{85, now, 71*750_000 + 33*3_750_000 + 93*3_750_000},                                 // gemini-3.5-flash, billed as 3.6
	{86, now, 32*300_000 + 720*300_000 + 341*2_500_000 + 103*2_500_000},                 // gemini-2.5-flash
	{87, now, 32*300_000 + 764*300_000 + 477*2_500_000 + 240*2_500_000},                 // gemini-2.5-flash
	{88, now, 11*300_000 + 17*2_500_000 + 190*2_500_000},                                // gemini-2.5-flash
	{89, now, 25*1_250_000 + 8*10_000_000 + 406*10_000_000},                             // gemini-2.5-pro
	{90, now, 5*1_250_000 + 4*10_000_000},                                               // gemini-2.5-pro
	{92, now, 5*1_250_000 + 5*10_000_000 + 344*10_000_000},                              // gemini-2.5-pro
	{93, now, 25*1_250_000 + 8*10_000_000 + 367*10_000_000},                             // gemini-2.5-pro
	{94, now, 128*1_250_000 + 26*10_000_000 + 692*10_000_000},                           // gemini-2.5-pro
	{95, now, 128*1_250_000 + 22*10_000_000 + 425*10_000_000},                           // gemini-2.5-pro
	{96, then, 27*100_000 + 10*400_000},                                                 // gemini-2.0-flash
	{98, then, 85*100_000 + 15*400_000},                                                 // gemini-2.0-flash-001
	{99, then, 17*100_000 + 6*400_000},                                                  // gemini-2.0-flash
	{100, then, 17*100_000 + 6*400_000},                                                 // gemini-2.0-flash
	{101, then, 27*100_000 + 24*400_000},                                                // gemini-2.0-flash
	{102, then, 21*2_000_000 + 13*12_000_000 + 44*12_000_000},                           // gemini-3-pro-preview
	{103, then, 11*100_000 + 132*400_000},                                               // gemini-2.0-flash
	{104, then, 6*100_000 + 20*400_000},                                                 // gemini-2.0-flash
	{105, then, 11*100_000 + 107*400_000},                                               // gemini-2.0-flash
	{106, then, 6*100_000 + 20*400_000},                                                 // gemini-2.0-flash
	{107, now, 21*300_000 + 253*300_000 + 443*2_500_000 + 232*2_500_000},                // gemini-2.5-flash
	{108, now, 7*300_000 + 153*2_500_000 + 45*2_500_000},                                // gemini-2.5-flash
	{109, now, 65*300_000 + 22*2_500_000 + 69*2_500_000},                                // gemini-2.5-flash
	{110, now, 7*300_000 + 19*2_500_000},                                                // gemini-2.5-flash
	{111, now, 4*300_000 + 256*2_500_000 + 646*2_500_000},                               // gemini-2.5-flash
	{112, now, 6*300_000 + 155*2_500_000 + 42*2_500_000},                                // gemini-2.5-flash
	{113, now, 6*300_000 + 19*2_500_000},                                                // gemini-2.5-flash
	{114, now, 22*300_000 + 247*300_000 + 90*2_500_000 + 225*2_500_000},                 // gemini-2.5-flash
	{115, now, unknown}, // gemini-2.0-flash-thinking-exp-01-21
	{116, now, 85*1_250_000 + 26*10_000_000 + 155*10_000_000},                          // gemini-2.5-pro
	{117, now, 60*300_000 + 20*2_500_000 + 88*2_500_000},                               // gemini-2.5-flash
	{118, now, 125*300_000 + 20*2_500_000 + 123*2_500_000},                             // gemini-2.5-flash
	{119, then, 17*100_000 + 6*400_000},                                                // gemini-2.0-flash
	{120, then, 17*100_000 + 6*400_000},                                                // gemini-2.0-flash
	{121, then, 6*100_000 + 9*400_000},                                                 // gemini-2.0-flash
	{123, now, unknown},                                                                // gemini-1.5-flash
	{124, then, 5*100_000 + 497*400_000},                                               // gemini-2.0-flash
	{125, then, 7*100_000 + 9*400_000},                                                 // gemini-2.0-flash
	{126, now, unknown},                                                                // gemini-1.5-flash
	{127, then, 8*100_000 + 578*400_000},                                               // gemini-2.0-flash
	{128, then, 27*100_000 + 5*400_000},                                                // gemini-2.0-flash
	{130, then, 9*2_000_000 + 23*12_000_000 + 302*12_000_000},                          // gemini-3-pro-preview
	{131, then, 9*2_000_000 + 29*12_000_000 + 256*12_000_000},                          // gemini-3-pro-preview
	{132, now, unknown},                                                                // gemini-3-flash-preview
	{134, then, 9*100_000 + 261*400_000},                                               // gemini-2.0-flash
	{135, then, 7*100_000 + 10*400_000},                                                // gemini-2.0-flash
	{136, now, unknown},                                                                // gemini-2.5-flash-image-preview
	{137, now, unknown},                                                                // gemini-2.0-flash-preview-image-generation
	{138, now, 38*300_000 + 6*2_500_000 + 168*2_500_000},                               // gemini-2.5-flash
	{139, now, 10*300_000 + 48*2_500_000 + 540*2_500_000},                              // gemini-2.5-flash
	{144, then, 9*100_000 + 1612*400_000},                                              // gemini-2.0-flash
	{145, now, 21*300_000 + 160*300_000 + 96*2_500_000 + 86*2_500_000},                 // gemini-2.5-flash
	{146, now, 9*300_000 + 59*300_000 + 288*2_500_000 + 87*2_500_000 + 25_000_000_000}, // gemini-2.5-flash
	{147, now, 118*300_000 + 1961*300_000 + 312*2_500_000 + 46*2_500_000},              // gemini-2.5-flash
	{148, now, 15*300_000 + 424*300_000 + 102*2_500_000 + 142*2_500_000},               // gemini-2.5-flash
	{150, now, unknown},                                                                // gemini-1.5-flash
	{157, now, 6*300_000 + 4*2_500_000},                                                // no modelVersion
	{158, now, 210*300_000 + 371*300_000 + 192*2_500_000 + 192*2_500_000},              // gemini-2.5-flash
	{159, now, 8*300_000 + 1*2_500_000},                                                // no modelVersion
	{165, now, unknown},                                                                // gemini-1.5-flash
	{166, now, unknown},                                                                // gemini-1.5-flash
	{181, now, 6*300_000 + 303*2_500_000},                                              // no modelVersion
	{182, now, 31*300_000 + 1806*300_000 + 76*2_500_000},                               // no modelVersion
	{183, now, 774*300_000 + 4176*2_500_000},                                           // no modelVersion
	{184, now, 774*300_000 + 4176*2_500_000},                                           // no modelVersion
	{187, then, 8*100_000 + 60*400_000 + 35_000_000_000},                               // gemini-2.0-flash
	{190, now, 13*300_000 + 2*2_500_000 + 39*2_500_000},                                // gemini-2.5-flash
	{192, now, 175*300_000 + 60*300_000 + 93*2_500_000 + 236*2_500_000},                // gemini-2.5-flash
	{193, now, 13*300_000 + 34*300_000 + 98*2_500_000 + 36*2_500_000},                  // gemini-2.5-flash
	{194, now, 6*300_000 + 357*2_500_000},                                              // no modelVersion
	{195, now, 95*300_000 + 48*2_500_000},                                              // gemini-2.5-flash
	{196, now, unknown},                                                                // gemini-2.0-flash-exp
	{197, then, 10*100_000 + 175*400_000 + 35_000_000_000},                             // gemini-2.0-flash
	{198, then, 6*100_000 + 260*400_000},                                               // gemini-2.0-flash
	{200, now, unknown},                                                                // gemini-1.5-flash-002
	{201, now, unknown},                                                                // gemini-1.5-flash-002
}

// replay has an answer come over HTTP, and returns what the attempt reported.
func replay(t *testing.T, status int, body []byte, stream bool, model string) batch.Outcome {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(string(body), "data:") {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		w.WriteHeader(status)
		w.Write(body)
	}))
	defer server.Close()
	e, err := gemini.ParseEndpoint(gemini.EndpointOptions{Name: "google", BaseURL: server.URL}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	c, err := gemini.New(gemini.Config{Endpoint: e, Key: func() string { return "key" }})
	if err != nil {
		t.Fatal(err)
	}
	return c.Attempt(context.Background(), &batch.Request{Model: model, Body: json.RawMessage(`{"contents":[]}`), Stream: stream})
}

// TestRecordedCosts prices what was recorded as a run does: over HTTP, with the model
// and the tier that answered.
func TestRecordedCosts(t *testing.T) {
	type recorded struct {
		URL      string          `json:"url"`
		Status   int             `json:"status"`
		Response json.RawMessage `json:"response"`
	}
	want := make(map[int]recordedCost)
	for _, c := range recordedCosts {
		want[c.line] = c
	}
	for i, r := range recordedtest.Lines[recorded](t, "recorded.jsonl") {
		line, body := i+1, []byte(r.Response)
		var text string
		if json.Unmarshal(body, &text) == nil {
			body = []byte(text)
		}
		model := "gemini-2.5-flash"
		if _, name, ok := strings.Cut(r.URL, "models/"); ok {
			if name, _, _ = strings.Cut(name, ":"); name != "x" {
				model = name
			}
		}
		o := replay(t, r.Status, body, strings.Contains(r.URL, "streamGenerateContent"), model)
		w, ok := want[line]
		if ok != (o.Usage != nil) {
			t.Errorf("line %d: usage %+v, want some: %v", line, o.Usage, ok)
			continue
		}
		if !ok {
			continue
		}
		checkRecordedCost(t, fmt.Sprint("line ", line), &o, model, w)
	}
}

// checkRecordedCost prices an outcome by way of a journal's result.
func checkRecordedCost(t *testing.T, name string, o *batch.Outcome, model string, want recordedCost) {
	t.Helper()
	at, err := time.Parse(time.DateOnly, want.at)
	if err != nil {
		t.Fatal(err)
	}
	at = at.Add(20 * time.Hour) // the same day in Los Angeles
	r := &batch.Result{Status: batch.Blocked, Model: model, Attempts: 1, At: at, Spent: []batch.Spend{
		{At: at, Model: cmp.Or(o.ModelVersion, model), Tier: o.Tier, Usage: o.Usage},
	}}
	var totals Totals
	cost, known := totals.AddResult(r, price.Default())
	switch {
	case known != (want.cost != unknown):
		t.Errorf("%s (%s, %s): known %t, cost %d, want %d", name, r.Spent[0].Model, o.Tier, known, int64(cost), want.cost)
	case known && int64(cost) != want.cost:
		t.Errorf("%s (%s, %s): %d pico-dollars, want %d for %+v", name, r.Spent[0].Model, o.Tier, int64(cost), want.cost, o.Usage)
	}
}

// TestGatewayCosts prices what the gateways' answers report, for gemini-2.5-flash at 300,000
// pico-dollars a token in and 2,500,000 out.
func TestGatewayCosts(t *testing.T) {
	type recorded struct {
		Status int    `json:"status"`
		Body   string `json:"body"`
	}
	want := map[int]int64{
		// Lines 3, 13, 18, 35 and 53 report 0 tokens for an answer, which cannot be.
		// No thoughtsTokenCount, and a total of 76: 64 tokens of thinking.
		4: 12*300_000 + 64*2_500_000, 32: 12*300_000 + 64*2_500_000, 33: 12*300_000 + 64*2_500_000,
		20: 10*300_000 + 3*2_500_000, 52: 10*300_000 + 3*2_500_000,
		41: 10*300_000 + 1*2_500_000,
	}
	for i, r := range recordedtest.Lines[recorded](t, "gateway_errors.jsonl") {
		const model = "gemini-2.5-flash"
		o := replay(t, r.Status, []byte(r.Body), false, model)
		w, ok := want[i+1]
		if ok != (o.Usage != nil) {
			t.Errorf("line %d: usage %+v, want some: %v", i+1, o.Usage, ok)
			continue
		}
		if ok {
			checkRecordedCost(t, fmt.Sprint("line ", i+1), &o, model, recordedCost{at: now, cost: w})
		}
	}
}

// TestCostQuirks has usage as no recording has it, through the same door.
func TestCostQuirks(t *testing.T) {
	const flash, image, tts = "gemini-2.5-flash", "gemini-2.5-flash-image", "gemini-2.5-flash-preview-tts"
	for _, tt := range []struct {
		name, model, usage string
		cost               int64
	}{
		{"counts as strings", flash, `{"promptTokenCount":"100","candidatesTokenCount":"10","totalTokenCount":"110"}`, 100*300_000 + 10*2_500_000},
		{"thinking in the total alone", flash, `{"promptTokenCount":100,"candidatesTokenCount":10,"totalTokenCount":610}`, 100*300_000 + 10*2_500_000 + 500*2_500_000},
		{"a total that leaves out tools", flash, `{"promptTokenCount":100,"toolUsePromptTokenCount":40,"candidatesTokenCount":10,"totalTokenCount":110}`, 140*300_000 + 10*2_500_000},
		{"more cached than there is", flash, `{"promptTokenCount":100,"cachedContentTokenCount":150,"candidatesTokenCount":10,"totalTokenCount":110}`, unknown},
		{"audio, half of it cached", flash, `{"promptTokenCount":100,"cachedContentTokenCount":50,"candidatesTokenCount":10,"totalTokenCount":110,
			"promptTokensDetails":[{"modality":"AUDIO","tokenCount":100}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":50}]}`, 50*1_000_000 + 50*100_000 + 10*2_500_000},
		{"cached, and not said which", flash, `{"promptTokenCount":100,"cachedContentTokenCount":50,"candidatesTokenCount":10,"totalTokenCount":110,
			"promptTokensDetails":[{"modality":"AUDIO","tokenCount":60},{"modality":"TEXT","tokenCount":40}]}`, 50*1_000_000 + 40*30_000 + 10*100_000 + 10*2_500_000},
		{"Vertex AI, flex", flash, `{"promptTokenCount":100,"candidatesTokenCount":10,"totalTokenCount":110,"trafficType":"ON_DEMAND_FLEX"}`, 100*150_000 + 10*1_250_000},
		{"Google AI, priority", flash, `{"promptTokenCount":100,"candidatesTokenCount":10,"totalTokenCount":110,"serviceTier":"priority"}`, 100*540_000 + 10*4_500_000},
		{"a tier nobody knows", flash, `{"promptTokenCount":100,"candidatesTokenCount":10,"totalTokenCount":110,"serviceTier":"turbo"}`, unknown},
		{"only a prompt", flash, `{"promptTokenCount":100}`, unknown},
		{"nothing but zeros", flash, `{"promptTokenCount":0,"candidatesTokenCount":0,"totalTokenCount":0}`, unknown},
		{"a negative count", flash, `{"promptTokenCount":100,"candidatesTokenCount":-10,"totalTokenCount":110}`, unknown},
		{"nothing of it", flash, `{}`, unknown},
		{"an image without its split", image, `{"promptTokenCount":10,"candidatesTokenCount":1290,"totalTokenCount":1300}`, unknown},
		{"an image, its text left out", image, `{"promptTokenCount":10,"candidatesTokenCount":1300,"totalTokenCount":1310,
			"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290}]}`, 10*300_000 + 10*2_500_000 + 1290*30_000_000},
		{"speech without its split", tts, `{"promptTokenCount":10,"candidatesTokenCount":100,"totalTokenCount":110}`, 10*500_000 + 100*10_000_000},
	} {
		body := fmt.Appendf(nil, `{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"modelVersion":%q,"usageMetadata":%s}`, tt.model, tt.usage)
		o := replay(t, http.StatusOK, body, false, tt.model)
		checkRecordedCost(t, tt.name, &o, tt.model, recordedCost{at: now, cost: tt.cost})
	}
}
