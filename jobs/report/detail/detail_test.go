package detail

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// aDetail is a row every part of which has the text.
func aDetail(text string) *jobs.Detail {
	body, err := json.Marshal(map[string]any{
		"systemInstruction": map[string]any{"parts": []any{map[string]any{"text": text}}},
		"contents": []any{
			map[string]any{"role": "user", "parts": []any{map[string]any{"text": text}, map[string]any{"fileData": map[string]any{"fileUri": text}}, map[string]any{"inlineData": map[string]any{"mimeType": text, "data": text}}}},
			map[string]any{"role": text, "parts": []any{map[string]any{"functionCall": map[string]any{"name": text}}}},
		},
		"generationConfig": map[string]any{"stopSequences": []string{text}, "responseSchema": map[string]any{"description": text}},
		"tools":            []any{map[string]any{text: text}},
	})
	if err != nil {
		panic(err) // of texts, it cannot fail
	}
	usage := &batch.Usage{PromptTokenCount: 1200, CachedContentTokenCount: 300, CandidatesTokenCount: 4, TotalTokenCount: 1204, PromptTokensDetails: []batch.ModalityTokens{{Modality: text, TokenCount: 5}}}
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	result := &batch.Result{
		Seq: 3, Row: 7, Status: batch.Invalid, Error: text, Endpoint: text, Model: text, FinishReason: text, ModelVersion: text, ResponseID: text,
		At: at, LatencyMS: 1500, Attempts: 3, Spent: []batch.Spend{{At: at, Model: text, Tier: text, Usage: usage}, {At: at, Model: text}}, Response: json.RawMessage(`{"a":1}`),
	}
	return &jobs.Detail{
		Row: &jobs.Row{
			Input:   &batch.Row{Number: 7, Source: "dir/" + text, Line: 8, Columns: []batch.Column{{Name: text}, {Name: "n", Type: batch.Int}}, Values: []any{text, int64(5)}},
			Request: &batch.Request{Row: 7, Model: text, Body: body}, Result: result,
			Status: batch.Invalid, Error: text, Note: text, Text: text, Usage: usage,
			Columns: []batch.Column{{Name: "p_label"}, {Name: "p_thoughts"}, {Name: "p_cost_usd", Type: batch.Money}, {Name: text}}, Values: []any{text, text, int64(3e6), json.RawMessage(`["x",{"y":null}]`)},
			Cost: 3e6, Priced: true,
		},
		Key: text, KeyColumn: text, Prefix: "p_", Parts: price.Parts{Input: 1e6, Output: 2e6},
		Spent:   []jobs.AttemptCost{{Cost: 3e6, Known: true}, {Most: 5e6}},
		Earlier: []jobs.Superseded{{Result: result, Text: text, Costs: []jobs.AttemptCost{{Cost: 3e6, Known: true}, {}}}},
		Batch:   &jobs.Batch{ID: text, Name: text, State: text, Created: at},
	}
}

// Whatever models and inputs write, no line is wider than 80 columns, nothing reaches the
// terminal that it obeys, and a text that is cut says so.
func TestShownFits(t *testing.T) {
	pieces := []string{"word ", "日本語", "👍🏽", "\x1b[2J", "\r", "\n", "\t", "\u202e", "e\u0301", "\xff", `{"a":"b,c"}`, strings.Repeat("x", 90), "    ", `"`, "\x00", "🇩🇪", "ﷺ"}
	texts := []string{"", "short", strings.Repeat("日", 5000), strings.Repeat("line\n", 200), strings.Repeat("\x1b", 500), `{"deep": ` + strings.Repeat(`[`, 90) + strings.Repeat(`]`, 90) + `}`}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var b strings.Builder
		for range r.IntN(60) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		texts = append(texts, b.String())
	}
	for _, text := range texts {
		for _, full := range []bool{false, true} {
			s := Shown{&jobs.Shown{
				Found:      jobs.Found{Rows: []*jobs.Detail{aDetail(text)}, Matched: 1, Total: 1},
				InputError: errors.New(text), Damage: make([]jobs.Damage, 1), Simulated: true,
			}, full}.String()
			for line := range strings.Lines(s) {
				line = strings.TrimSuffix(line, "\n")
				if w := terminal.Width(line); w > terminal.Columns {
					t.Fatalf("with the text %.80q a line has %d columns: %q", text, w, line)
				}
				if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
					t.Fatalf("with the text %.80q a line has %q", text, line)
				}
			}
			if cut := strings.Contains(s, "--full"); full && cut || !full && !cut && len([]rune(text)) > 24*terminal.Columns {
				t.Fatalf("the text %.80q is shown in full: %t, and cut: %t", text, full, cut)
			}
		}
	}
}

// What is cut off is counted, to the character.
func TestSheetCounts(t *testing.T) {
	text := strings.Repeat("日本語 text\n", 2000)
	s := newSheet(false)
	s.block("name", "", text, 3)
	const want = "  … 17,974 characters more; --full shows all" // of 18,000, three lines with two line ends are there
	if lines := strings.Split(strings.TrimSuffix(s.String(), "\n"), "\n"); len(lines) != 5 || lines[4] != want {
		t.Errorf("the text is shown as\n%s\nwant in the end %s", s, want)
	}
}

// The JSON is whole, and its amounts have all digits.
func TestRowJSON(t *testing.T) {
	text := "a \x1b[31m text\n" + strings.Repeat("long ", 2000)
	out, err := json.Marshal(Row{aDetail(text)})
	if err != nil {
		t.Fatal(err)
	}
	var row struct {
		Type    string
		Row     int64
		Key     string
		Line    int64
		Input   map[string]any
		Output  map[string]json.RawMessage
		Request struct {
			SystemInstruction struct{ Parts []struct{ Text string } }
		}
		Cost   json.Number            `json:"cost_usd"`
		Parts  map[string]json.Number `json:"by_part_usd"`
		Result struct {
			Seq       int64
			LatencyMS int64 `json:"latency_ms"`
			Spent     []struct {
				Usage struct{ PromptTokenCount int64 }
				Cost  json.Number `json:"cost_usd"`
				Most  json.Number `json:"most_usd"`
			}
		}
		Earlier []struct{ Seq int64 }
		Batch   struct{ ID string } `json:"batch_job"`
	}
	if err := json.Unmarshal(out, &row); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(row.Type, row.Row, row.Line, row.Key == text, row.Input["n"], row.Input[text] == text, row.Request.SystemInstruction.Parts[0].Text == text,
		row.Cost, row.Parts["input"], row.Parts["output"], string(row.Output["p_cost_usd"]), string(row.Output[text]),
		row.Result.Seq, row.Result.LatencyMS, row.Result.Spent[0].Usage.PromptTokenCount, row.Result.Spent[0].Cost, row.Result.Spent[1].Cost, row.Result.Spent[1].Most,
		len(row.Earlier), row.Earlier[0].Seq, row.Batch.ID == text)
	if want := `row7 8 true 5 true true0.0000030.0000010.0000020.000003["x",{"y":null}]3 1500 12000.000003 0.0000051 3 true`; strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("the row has\n%s\nwant\n%s", got, want)
	}
}

// Media are described by their kind and size, and named where their file is known.
func TestRequestMedia(t *testing.T) {
	m := batch.Media{SHA256: sha256.Sum256([]byte("x")), Size: 12345, MIMEType: "image/png", Path: "photos/one.png"}
	r := &batch.Request{Media: []batch.Media{m}}
	for part, want := range map[string]string{
		`{` + string(m.Reference()) + `}`:                                         "image/png 12 kB sha256 2d711642b726… photos/one.png",
		`{"inlineData":{"mimeType":"audio/mp3","data":"QUJD"}}`:                   "audio/mp3 1.0 kB",
		`{"inline_data":{"mime_type":"audio/mp3","data":"QUJD"}}`:                 "audio/mp3 1.0 kB",
		`{"fileData":{"mimeType":"application/pdf","fileUri":"gs://a/b.pdf"}}`:    "application/pdf gs://a/b.pdf",
		`{"functionResponse":{"name":"f","response":{"a":[1,2],"b":"x:y, \"z"}}}`: `{"functionResponse": {"name": "f", "response": {"a": [1, 2], "b": "x:y, \"z"}}}`,
		`{"text":"a"}`: "a",
	} {
		if got := partText(r, json.RawMessage(part)); got != want {
			t.Errorf("%s is shown as %q, want %q", part, got, want)
		}
	}
}

// Of a call that rows have shared, a row shows its share.
func TestSharedCall(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	usage := &batch.Usage{PromptTokenCount: 1000, CandidatesTokenCount: 50, TotalTokenCount: 1051}
	d := aDetail("x")
	d.Earlier, d.Usage = nil, &batch.Usage{PromptTokenCount: 250, CandidatesTokenCount: 13, TotalTokenCount: 263}
	d.Result = &batch.Result{At: at, Attempts: 2, Part: "bcd", Spent: []batch.Spend{
		{At: at, Model: "m", Usage: usage, Share: batch.Share{Row: 3, Of: 4}}, {At: at, Model: "m", Usage: usage, Share: batch.Share{Row: 1, Of: 2}},
	}}
	d.Spent = []jobs.AttemptCost{{Cost: 7, Known: true}, {Cost: 9, Known: true}}
	s := newSheet(false)
	writeMade(s, d)
	text := strings.Join(strings.Fields(s.String()), " ")
	for _, want := range []string{
		"the call was for 2 rows: these are the row's share of its tokens and cost",
		"m, prompt 250, thoughts 1, output 13, total 264, $0.000000000007, a share of 4 rows",
		"m, prompt 500, thoughts 1, output 25, total 526, $0.000000000009, a share of 2 rows",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, s)
		}
	}
}
