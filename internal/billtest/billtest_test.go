package billtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/jobs/cost"
)

const lite = "gemini-2.5-flash-lite-simulated"

// Each way in which a job can be wrong about money is found, also by a pico-dollar.
func TestCompare(t *testing.T) {
	at := time.Now().UTC().Format(time.RFC3339)
	spent := func(prompt, output int) string {
		return fmt.Sprintf(`{"at":%q,"model":%q,"tier":"standard","usage":{"promptTokenCount":%d,"candidatesTokenCount":%d}}`, at, lite, prompt, output)
	}
	share := func(prompt, output, row, of int) string {
		return strings.TrimSuffix(spent(prompt, output), "}") + fmt.Sprintf(`,"share":{"row":%d,"of":%d}}`, row, of)
	}
	cutShare := func(row int) string {
		return fmt.Sprintf(`{"at":%q,"model":%q,"most":{"promptTokenCount":9},"share":{"row":%d,"of":2}}`, at, lite, row)
	}
	cut := fmt.Sprintf(`{"at":%q,"model":%q,"most":{"promptTokenCount":9}}`, at, lite)
	// 10 tokens of input and 3 of output cost 2.2 millionths of a dollar.
	const one = 10*100_000 + 3*400_000
	totals := func(calls int64, amount price.USD, unreported int64, most price.USD) *cost.Totals {
		return &cost.Totals{Models: []cost.ModelTotals{{Model: lite, Calls: calls, Cost: amount}}, Unreported: unreported, UnreportedMost: most}
	}
	delivered := func(c *Counter) { c.Answer(lite, 10, 3) }
	lost := func(c *Counter) { c.Cut(lite, 10, 3) }
	for _, tt := range []struct {
		name   string
		billed []func(*Counter)
		spent  []string
		totals *cost.Totals
		died   int
		batch  string // a line of the record of batches
		fault  string // empty: there is none
	}{
		{name: "they agree", billed: []func(*Counter){delivered}, spent: []string{spent(10, 3)}, totals: totals(1, one, 0, 0)},
		{name: "a pico-dollar less", billed: []func(*Counter){delivered}, spent: []string{spent(10, 3)}, totals: totals(1, one-1, 0, 0), fault: "the totals are"},
		{name: "a token less", billed: []func(*Counter){delivered}, spent: []string{spent(10, 2)}, totals: totals(1, one-400_000, 0, 0), fault: "has delivered 1 calls for 2200000"},
		{name: "a token more", billed: []func(*Counter){delivered}, spent: []string{spent(11, 3)}, totals: totals(1, one+100_000, 0, 0), fault: "has delivered 1 calls for 2200000"},
		{name: "a call less", billed: []func(*Counter){delivered, delivered}, spent: []string{spent(10, 3)}, totals: totals(1, one, 0, 0), fault: "has delivered 2 calls"},
		{name: "the same call twice", billed: []func(*Counter){delivered}, spent: []string{spent(10, 3), spent(10, 3)}, totals: totals(2, 2*one, 0, 0), fault: "the jobs say 2 calls"},
		{name: "tokens that make up for others", billed: []func(*Counter){delivered}, spent: []string{spent(14, 2)}, totals: totals(1, one, 0, 0), fault: "Prompt:14"},
		{name: "a cut attempt is named", billed: []func(*Counter){delivered, lost}, spent: []string{cut, spent(10, 3)}, totals: totals(1, one, 1, one)},
		{name: "it may cost a pico-dollar less than it did", billed: []func(*Counter){delivered, lost}, spent: []string{cut, spent(10, 3)}, totals: totals(1, one, 1, one-1), fault: "name at most 2199999"},
		{name: "a cut attempt is not named", billed: []func(*Counter){delivered, lost}, spent: []string{spent(10, 3)}, totals: totals(1, one, 0, 0), fault: "1 answers were billed and not delivered"},
		{name: "it is said to have cost nothing unknown, and the journal says otherwise", billed: []func(*Counter){delivered, lost}, spent: []string{cut, spent(10, 3)}, totals: totals(1, one, 0, 0), fault: "1 that reported nothing"},
		{name: "an answer died with its process", billed: []func(*Counter){delivered, delivered}, spent: []string{spent(10, 3)}, totals: totals(1, one, 0, 0), died: 1},
		{name: "two did, and one may", billed: []func(*Counter){delivered, delivered, delivered}, spent: []string{spent(10, 3)}, totals: totals(1, one, 0, 0), died: 1, fault: "2 answers came to no journal"},
		{name: "one may have died, and there are more tokens", billed: []func(*Counter){delivered, delivered}, spent: []string{spent(10, 7)}, totals: totals(1, one+4*400_000, 0, 0), died: 1, fault: "Output:7"},
		{name: "rows share a call", billed: []func(*Counter){delivered}, spent: []string{share(10, 3, 1, 3), share(10, 3, 0, 3), share(10, 3, 2, 3)}, totals: totals(1, one, 0, 0)},
		{name: "each of them is billed for all of it", billed: []func(*Counter){delivered}, spent: []string{share(10, 3, 0, 2), share(10, 3, 1, 2)}, totals: totals(2, 2*one, 0, 0), fault: "the totals are"},
		{name: "one of them costs a pico-dollar less", billed: []func(*Counter){delivered}, spent: []string{share(10, 3, 0, 2), share(10, 3, 1, 2)}, totals: totals(1, one-1, 0, 0), fault: "the totals are"},
		{name: "one of them is missing", billed: []func(*Counter){delivered}, spent: []string{share(10, 3, 0, 2)}, totals: totals(1, one/2, 0, 0), fault: "more often in the journal than others: [1 0]"},
		{name: "one of them is there twice", billed: []func(*Counter){delivered}, spent: []string{share(10, 3, 0, 2), share(10, 3, 1, 2), share(10, 3, 1, 2)}, totals: totals(1, one, 0, 0), fault: "more often in the journal than others: [1 2]"},
		{name: "they do not agree what it used", billed: []func(*Counter){delivered}, spent: []string{share(10, 3, 0, 2), share(11, 3, 1, 2)}, totals: totals(1, one, 0, 0), fault: "more often in the journal"},
		{name: "a cut attempt was shared", billed: []func(*Counter){delivered, lost}, spent: []string{cutShare(0), cutShare(1), spent(10, 3)}, totals: totals(1, one, 1, one)},
		{name: "it counts for each row", billed: []func(*Counter){delivered, lost}, spent: []string{cutShare(0), cutShare(1), spent(10, 3)}, totals: totals(1, one, 2, one), fault: "1 that reported nothing"},
		{name: "a row died with its process", billed: []func(*Counter){delivered, delivered}, spent: []string{spent(10, 3), share(10, 3, 0, 3), share(10, 3, 2, 3)}, totals: totals(2, one+one*2/3, 0, 0), died: 1},
		{name: "the first row did", billed: []func(*Counter){delivered, delivered}, spent: []string{spent(10, 3), share(10, 3, 1, 3)}, totals: totals(1, one+one/3, 0, 0), died: 1},
		{name: "a row did, and the others pay for it", billed: []func(*Counter){delivered, delivered}, spent: []string{spent(10, 3), share(10, 3, 0, 3), share(10, 3, 2, 3)}, totals: totals(2, 2*one, 0, 0), died: 1, fault: "the totals are"},
		{name: "a batch is to be collected", billed: []func(*Counter){lost}, totals: totals(0, 0, 0, 0), batch: `{"id":"a","step":"created","rows":1}`},
		{name: "it was collected, and a row is not named", billed: []func(*Counter){lost}, totals: totals(0, 0, 0, 0), batch: `{"id":"a","step":"applied","rows":1}`, fault: "billed and not delivered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				t.Helper()
				path := filepath.Join(dir, "out.genbatch", name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("job.json", `{"spec":{"endpoint":"http://127.0.0.1:1"}}`)
			write("results-000001.jsonl", "{\"format\":\"genbatch-journal\"}\n"+`{"seq":1,"endpoint":"http://127.0.0.1:1","spent":[`+strings.Join(tt.spent, ",")+"]}\n"+`{"seq":2,"spe`)
			if tt.batch != "" {
				write("batches/jobs.jsonl", tt.batch+"\n")
			}
			var c Counter
			for _, enter := range tt.billed {
				enter(&c)
			}
			w := Witness{Dirs: []string{dir}, Billers: []Biller{&c}, Totals: func(string) (*cost.Totals, error) { return tt.totals, nil }}
			w.MayDie(tt.died)
			err := w.Compare()
			if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%v, want %q", err, tt.fault)
			}
		})
	}
}

// The prices by hand are applied to each part of a bill.
func TestPrices(t *testing.T) {
	for _, tt := range []struct {
		line bill.Line
		want int64 // pico-dollars; -1: there is no price
	}{
		{bill.Line{Class: bill.Class{Model: lite, Tier: "batch", Day: "2026-11-20"}, Tokens: bill.Tokens{Prompt: 100, Cached: 40, Output: 7, Thoughts: 3}}, 60*50_000 + 40*10_000 + 10*200_000},
		{bill.Line{Class: bill.Class{Model: lite, Tier: "standard", Day: "2026-11-20"}, Tokens: bill.Tokens{Prompt: 100, PromptAudio: 30, Tool: 5}}, 70*100_000 + 30*300_000 + 5*100_000},
		{bill.Line{Class: bill.Class{Model: "gemini-2.5-flash-image-simulated", Tier: "standard", Day: "2026-11-20"}, Tokens: bill.Tokens{Output: 1300, OutputImage: 1290}}, 10*2_500_000 + 1290*30_000_000},
		{bill.Line{Class: bill.Class{Model: "gemini-2.5-pro-simulated", Tier: "standard", Day: "2026-11-30"}, Tokens: bill.Tokens{Output: 1}}, 10_000_000},
		{bill.Line{Class: bill.Class{Model: "gemini-2.5-pro-simulated", Tier: "standard", Day: "2026-12-01"}, Tokens: bill.Tokens{Output: 1}}, 3_750_000},
		{bill.Line{Class: bill.Class{Model: "gemini-2.5-flash-simulated", Tier: "standard", Day: "2026-11-20"}, Tokens: bill.Tokens{Searches: 3, Grounded: 2}}, 70_000_000_000},
		{bill.Line{Class: bill.Class{Model: "gemini-3.5-flash-simulated", Tier: "standard", Day: "2026-11-20"}, Tokens: bill.Tokens{Searches: 3, Grounded: 2}}, 42_000_000_000},
		{bill.Line{Class: bill.Class{Model: "somebody's", Tier: "standard", Day: "2026-11-20"}}, -1},
		{bill.Line{Class: bill.Class{Model: lite, Tier: "turbo", Day: "2026-11-20"}}, -1},
	} {
		got, err := priceOf(&tt.line)
		if (err != nil) != (tt.want < 0) || err == nil && got.Int64() != tt.want {
			t.Errorf("%+v: %v, %v; want %d", tt.line, got, err, tt.want)
		}
	}
}
