package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A packFixture is a job that classifies, with an observer of the calls that it makes. The
// observer knows nothing of how rows share calls: it looks for their texts.
type packFixture struct {
	*fixture
	mu   sync.Mutex
	seen [][]string // the texts in each call, or in each line of a batch job
}

// askedText finds a row's text in a request, whatever else it says.
var askedText = regexp.MustCompile(`note \d+ about [a-z ]*(?:\[\[sim:[a-z0-9=]+\]\])?`)

func newPacks(t *testing.T, rowsPerCall int) *packFixture {
	f := &packFixture{fixture: newFixture(t)}
	f.spec.Prompt, f.spec.RowsPerCall = "", rowsPerCall
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "weather"}, {Name: "music"}, {Name: "sport"}}}
	f.spec.System = strings.Repeat("Whatever is played is music, and whatever is won or lost is sport. ", 10)
	f.spec.Endpoint, f.spec.BaseURL, f.spec.Auth = "sim", f.e.URL, ""
	server := f.simulated(sim.Config{})
	f.e.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Goog-Api-Key", "key")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		for line := range strings.Lines(string(body)) {
			if texts := askedText.FindAllString(line, -1); len(texts) > 0 && (strings.Contains(r.URL.Path, "enerateContent") || strings.Contains(r.URL.Path, "upload")) {
				f.mu.Lock()
				f.seen = append(f.seen, texts)
				f.mu.Unlock()
			}
		}
		server.ServeHTTP(w, r)
	})
	return f
}

// calls returns the texts of each call since it was last asked.
func (f *packFixture) called() [][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.seen
	f.seen = nil
	return seen
}

// notes returns n texts that differ in what they are about.
func notes(n int) []string {
	about := []string{"rain and storm", "a song of the band", "a football match", "snow in the mountains", "the violin and the choir"}
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("note %d about %s", i, about[i%len(about)])
	}
	return list
}

// Rows that share calls come to what they come to alone, in single calls, in the flex tier, in
// streams and in batch jobs, and cost less. What each has cost adds up to the bill.
func TestRowsPerCall(t *testing.T) {
	const rows = 103
	alone := newPacks(t, 1)
	alone.input(notes(rows)...)
	single := alone.mustRun()
	want := alone.output("q", "label", "status")
	if n := len(alone.called()); n != rows {
		t.Fatalf("%d calls for %d rows", n, rows)
	}
	dear, _ := single.Run.CostUSD()
	for _, tt := range []struct {
		name   string
		change func(*spec.Spec)
	}{
		{"calls", func(*spec.Spec) {}},
		{"flex", func(s *spec.Spec) { s.Tier = spec.List{"flex"} }},
		{"streams", func(s *spec.Spec) { s.Stream = true }},
		{"batch jobs", func(s *spec.Spec) { s.Tier = spec.List{"batch"} }},
		{"with a limit of the output", func(s *spec.Spec) { s.MaxOutputTokens = 20 }},
		{"below a cap", func(s *spec.Spec) { s.MaxOutputTokens, s.MaxCost = 20, "1" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newPacks(t, 10)
			tt.change(&f.spec)
			f.input(notes(rows)...)
			s := f.mustRun()
			if got := f.output("q", "label", "status"); !slices.Equal(got, want) {
				t.Errorf("the output differs from that of rows alone:\n%q\n%q", got, want)
			}
			calls := f.called()
			texts := 0
			for _, c := range calls {
				texts += len(c)
				if len(c) > 10 {
					t.Errorf("a call has %d rows", len(c))
				}
			}
			if len(calls) > 12 || texts != rows {
				t.Errorf("%d calls for %d of %d rows", len(calls), texts, rows)
			}
			cost, _ := s.Run.CostUSD()
			if cost*2 > dear {
				t.Errorf("the rows cost %v, and %v alone", cost, dear)
			}
			if cost != f.spent() {
				t.Errorf("the summary has %v, and the journal %v", cost, f.spent())
			}
			f.proven(tt.name, 0)
			if s := f.mustRun(); s.Run.Attempts != 0 || len(f.called()) != 0 {
				t.Error("the same command asks again")
			}
		})
	}
}

// Rows that are new, changed or gone cost themselves alone, whoever their neighbours were, and
// so does a higher or a lower number of rows a call cost nothing.
func TestRowsPerCallKeepsIdentity(t *testing.T) {
	f := newPacks(t, 10)
	list := notes(60)
	f.input(list...)
	f.mustRun()
	f.called()
	random := rand.New(rand.NewPCG(20, 1))
	for round := range 12 {
		switch round % 3 {
		case 0:
			at := random.IntN(len(list))
			list = slices.Delete(list, at, at+2)
		case 1:
			list[random.IntN(len(list))] = fmt.Sprintf("note %d about rain", 1000+round)
			list = slices.Insert(list, random.IntN(len(list)), fmt.Sprintf("note %d about snow", 2000+round))
		default:
			random.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
			f.spec.RowsPerCall = 2 + random.IntN(40)
		}
		f.input(list...)
		f.mustRun()
		calls := f.called()
		if round%3 == 1 {
			if len(calls) != 1 || len(calls[0]) != 2 {
				t.Fatalf("round %d: two rows are new, and the calls are of %q", round, calls)
			}
		} else if len(calls) > 0 {
			t.Fatalf("round %d: no row is new, and the calls are of %q", round, calls)
		}
		for i, row := range f.output("q", "status") {
			if row != list[i]+" ok" {
				t.Fatalf("round %d: row %d of the output is %q, want %q", round, i, row, list[i])
			}
		}
		f.proven(fmt.Sprint("round ", round), 0)
	}
	// Alone they are other rows.
	f.spec.RowsPerCall = 1
	if p := f.plan(); p.Settled != 0 {
		t.Errorf("%d rows that shared a call count as asked alone", p.Settled)
	}
}

// Whatever becomes of one row, it is that row's. The others are answered as if it were not
// there, and what its calls cost is on the bill.
func TestRowsPerCallKeepsFaultsApart(t *testing.T) {
	for directive, status := range map[string]string{
		"block": "blocked", "safety": "blocked", "recitation": "blocked", "400": "rejected", "invalid": "invalid",
		"leftout": "ok", "twice": "ok", "foreign": "ok", "noarray": "ok", "maxtokens": "truncated", "503x2": "ok", "garbage": "failed",
	} {
		for _, tier := range []string{"", "batch"} {
			t.Run(directive+tier, func(t *testing.T) {
				if tier == "batch" && (directive == "503x2" || directive == "garbage") {
					t.Skip("a fault of the exchange, of which a row of a batch has none")
				}
				t.Parallel()
				f := newPacks(t, 8)
				f.spec.MaxAttempts = 3
				if tier != "" {
					f.spec.Tier = spec.List{tier}
				}
				list := notes(24)
				list[11] += " [[sim:" + directive + "]]"
				f.input(list...)
				s, err := f.run()
				if err != nil {
					t.Fatal(err)
				}
				for i, row := range f.output("status") {
					want := "ok"
					if i == 11 {
						want = status
					}
					if row != want {
						t.Errorf("row %d is %s, want %s", i, row, want)
					}
				}
				cost, _ := s.Run.CostUSD()
				if cost+s.Run.UnreportedMost != f.spent() {
					t.Errorf("the summary has %v, and the journal %v", cost, f.spent())
				}
				f.proven(directive, 0)
			})
		}
	}
}

// Rows that set something for themselves share calls with those alone that set the same.
func TestRowsPerCallOfSet(t *testing.T) {
	f := newPacks(t, 10)
	f.spec.Set = map[string]string{"generationConfig.temperature": "{{.t}}"}
	var rows []string
	for i, note := range notes(30) {
		row, err := json.Marshal(map[string]any{"q": note, "t": i % 3})
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, string(row))
	}
	f.input(rows...)
	f.mustRun()
	calls := f.called()
	if len(calls) != 3 {
		t.Errorf("%d calls for 30 rows of three temperatures", len(calls))
	}
	for _, c := range calls {
		kinds := make(map[int]bool)
		for _, text := range c {
			var n int
			if _, err := fmt.Sscanf(text, "note %d", &n); err != nil {
				t.Fatal(err)
			}
			kinds[n%3] = true
		}
		if len(kinds) != 1 {
			t.Errorf("a call has rows of %d temperatures", len(kinds))
		}
	}
}

// What no row can share a call with is refused before anything is sent, with a way out.
func TestRowsPerCallIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*spec.Spec)
		want   string
	}{
		"prompt":            {func(s *spec.Spec) { s.Classify, s.Prompt = nil, "{{.q}}" }, "does not go with prompt: and raw:"},
		"raw":               {func(s *spec.Spec) { s.Classify, s.System, s.Raw = nil, "", &spec.Raw{Column: "q"} }, "does not go with prompt: and raw:"},
		"too many":          {func(s *spec.Spec) { s.RowsPerCall = 1001 }, "can be at most 1000"},
		"negative":          {func(s *spec.Spec) { s.RowsPerCall = -1 }, "cannot be negative"},
		"log probabilities": {func(s *spec.Spec) { s.Classify.Confidence = spec.Logprobs }, "confidence: logprobs"},
		"tools": {func(s *spec.Spec) {
			s.Request = map[string]any{"tools": []any{map[string]any{"googleSearch": map[string]any{}}}}
		}, "tools are used for one text at a time"},
		"a stop sequence": {func(s *spec.Spec) {
			s.Request = map[string]any{"generationConfig": map[string]any{"stopSequences": []any{"."}}}
		}, "a stop sequence would end the answers of all rows"},
		"a text by itself": {func(s *spec.Spec) {
			s.Classify, s.Extract, s.Schema = nil, &spec.Extract{Text: "{{.q}}"}, spec.Schema(`{"$defs":{"t":{"enum":["a","b"]}},"$ref":"#/$defs/t"}`)
		}, "a text by itself"},
	} {
		f := newPacks(t, 10)
		tt.change(&f.spec)
		f.input(notes(3)...)
		_, err := f.run()
		var fault *SpecError
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), tt.want) || fault.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
		if calls := f.called(); len(calls) > 0 {
			t.Errorf("%s: %d calls were made", name, len(calls))
		}
	}
}

// The job's own checks see the row whose part of an answer they judge, also when the answer
// comes out of a batch job.
func TestRowsPerCallChecksRows(t *testing.T) {
	for _, tier := range []spec.List{nil, {"batch"}} {
		f := newPacks(t, 10)
		f.spec.Tier = tier
		f.spec.Checks = spec.Checks{{Expr: `!(row.q startsWith "note 7 ")`, Message: "this one is not liked"}}
		f.input(notes(40)...)
		if _, err := f.run(); err != nil {
			t.Fatal(err)
		}
		for i, row := range f.output("status", "error") {
			switch {
			case i == 7 && !strings.HasPrefix(row, "invalid the check"), i != 7 && !strings.HasPrefix(row, "ok"):
				t.Errorf("%v: row %d: %s", tier, i, row)
			}
		}
		alone := 0
		for _, c := range f.called() {
			if len(c) == 1 {
				alone++
			}
		}
		if alone != 2 { // and once more with what was wrong
			t.Errorf("%v: %d calls of one row, want 2", tier, alone)
		}
	}
}
