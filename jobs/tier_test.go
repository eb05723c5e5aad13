package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/spec"
)

// tierServer answers with what tiers served, and counts what it is asked for.
type tierServer struct {
	*httptest.Server
	serve func(tier, prompt string, n int) (status int, served string)

	mu    sync.Mutex
	asked []string
	times map[string]int
}

func newTierServer(t *testing.T, serve func(tier, prompt string, n int) (int, string)) *tierServer {
	s := &tierServer{serve: serve, times: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var req struct {
			ServiceTier string
			Contents    []struct{ Parts []struct{ Text string } }
		}
		json.Unmarshal(body, &req)
		prompt := req.Contents[0].Parts[0].Text
		s.mu.Lock()
		s.asked = append(s.asked, prompt+" "+req.ServiceTier)
		s.times[prompt]++
		n := s.times[prompt]
		s.mu.Unlock()
		status, served := serve(req.ServiceTier, prompt, n)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		switch {
		case status != 200:
			fmt.Fprint(w, `{"error":{"code":503,"status":"UNAVAILABLE","message":"The model is overloaded."}}`)
		case strings.HasPrefix(prompt, "row "):
			fmt.Fprintf(w, `{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":150,"totalTokenCount":160,"serviceTier":%q},"modelVersion":"gemini-2.5-flash-lite"}`, served)
		case prompt == "blocked":
			fmt.Fprintf(w, `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":1000,"totalTokenCount":1000,"serviceTier":%q},"modelVersion":"gemini-2.5-flash-lite"}`, served)
		case prompt == "thought" && n == 1:
			fmt.Fprintf(w, `{"candidates":[{"content":{},"finishReason":"RECITATION"}],"usageMetadata":{"promptTokenCount":1000,"thoughtsTokenCount":50,"totalTokenCount":1050,"serviceTier":%q},"modelVersion":"gemini-2.5-flash-lite"}`, served)
		default:
			fmt.Fprintf(w, `{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1000,"cachedContentTokenCount":200,"candidatesTokenCount":100,"thoughtsTokenCount":50,"totalTokenCount":1150,"serviceTier":%q},"modelVersion":"gemini-2.5-flash-lite"}`, served)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// Two tiers, a retry, a blocked prompt and cache hits: the bill is what it comes to by
// hand.
func TestTwoTiersReconcile(t *testing.T) {
	f := newFixture(t)
	s := newTierServer(t, func(tier, prompt string, n int) (int, string) {
		if tier == "flex" && strings.HasPrefix(prompt, "busy") {
			return 503, ""
		}
		return 200, tier
	})
	f.spec.Endpoint, f.handler, f.spec.Tier = s.URL, s.Config.Handler, spec.List{"flex", "standard"}
	f.input("a", "b", "blocked", "thought")
	f.inBubble(func(t *testing.T) {
		f.mustRun()
		f.input("a", "b", "busy 1", "busy 2", "blocked", "thought")
		f.spec.TierWait = time.Millisecond // and rows that are still to be asked may leave flex with the busy ones
		sum := f.mustRun()

		// In pico-dollars a token: standard 100,000 in, 10,000 cached, 400,000 out; flex half
		// of that, but for cached input. A full answer: 800 in, 200 cached, 150 out.
		const full = 800*50_000 + 200*10_000 + 150*200_000      // 72,000,000
		const standard = 800*100_000 + 200*10_000 + 150*400_000 // 142,000,000
		const recited = 1000*50_000 + 50*200_000                // 60,000,000
		const refused = 1000 * 50_000
		want := []cost.TierTotals{
			{Tier: "flex", Calls: 5, Cost: 3*full + recited + refused, Standard: 3*standard + 2*(recited+refused)},
			{Tier: "standard", Calls: 2, Cost: 2 * standard, Standard: 2 * standard},
		}
		if !reflect.DeepEqual(sum.Job.Bill.Tiers, want) {
			t.Errorf("tiers %+v\nwant  %+v", sum.Job.Bill.Tiers, want)
		}
		if cost, unpriced := sum.Run.CostUSD(); cost != 2*standard || unpriced != 0 {
			t.Errorf("the second run cost %v", cost)
		}
		if cost, unpriced := sum.Job.CostUSD(); cost != 3*full+2*standard+recited+refused || unpriced != 0 {
			t.Errorf("the job cost %v, want %v", cost, price.USD(3*full+2*standard+recited+refused))
		}
		got := f.output("q", "service_tier", "cost_usd")
		if want := []string{"a flex 7.2e-05", "b flex 7.2e-05", "busy 1 standard 0.000142", "busy 2 standard 0.000142", "blocked flex 5e-05", "thought flex 0.000132"}; !slices.Equal(got, want) {
			t.Errorf("output %q\nwant   %q", got, want)
		}
		if !slices.Contains(s.asked, "busy 1 flex") || !slices.Contains(s.asked, "busy 1 standard") {
			t.Errorf("asked %q", s.asked)
		}

		// The tier is no part of what a row is: nothing is asked again.
		s.asked, f.spec.Tier, f.spec.TierWait = nil, spec.List{"priority"}, 0
		if again := f.mustRun(); len(s.asked) > 0 || again.Run.Attempts > 0 {
			t.Errorf("asked again: %q", s.asked)
		}
	})
}

// A cap holds what each attempt can cost in the tier that it asks for.
func TestCapByTier(t *testing.T) {
	s := newTierServer(t, func(tier, _ string, _ int) (int, string) { return 200, tier })
	rows := map[string]int{}
	for _, tier := range []string{"flex", "standard", "priority"} {
		f := newFixture(t)
		f.input(lines(40)...)
		f.spec.Endpoint, f.spec.Tier, f.spec.Concurrency = s.URL, spec.List{tier}, 1
		f.spec.MaxOutputTokens, f.spec.MaxCost = 150, "0.00063"
		_, err := f.run()
		if _, ok := errors.AsType[*BudgetError](err); !ok {
			t.Fatalf("%s: %v", tier, err)
		}
		if spent := f.spent(); spent > price.Dollar*63/100000 {
			t.Errorf("%s: %v is spent", tier, spent)
		}
		s.mu.Lock()
		rows[tier] = len(s.asked)
		s.asked = nil
		s.mu.Unlock()
	}
	if rows["flex"] < rows["standard"]*19/10 || rows["priority"] >= rows["standard"] {
		t.Errorf("calls within the same cap: %v", rows)
	}
}

// Against the simulator: shed calls are tried again in flex, and priority that is
// served as standard is billed so and warned of once.
func TestTiersOfTheSimulator(t *testing.T) {
	for _, tt := range []struct {
		tier, prompt, served string
		warnings             int
	}{
		{"flex,standard", "busy at first [[sim:flexbusyx1]] %d", "flex", 0},
		{"flex,standard", "always busy [[sim:flexbusy]] %d", "standard", 0},
		{"priority", "hello %d", "priority", 0},
		{"priority", "hello [[sim:downgrade]] %d", "standard", 1},
	} {
		f := newFixture(t)
		f.spec.Auth, f.spec.Tier = "", spec.List{tt.tier}
		if tt.served == "standard" && tt.tier != "priority" {
			f.spec.TierWait = time.Second
		}
		var rows []string
		for i := range 5 {
			rows = append(rows, fmt.Sprintf(tt.prompt, i))
		}
		f.input(rows...)
		f.inBubble(func(t *testing.T) {
			f.handler = f.simulated(sim.Config{})
			sum, log, err := f.runLogged()
			if err != nil || sum.Run.Status[batch.OK] != 5 {
				t.Fatalf("%+v: %v, %v", tt, sum.Run.Status, err)
			}
			if tiers := sum.Run.Bill.Tiers; len(tiers) != 1 || tiers[0].Tier != tt.served || tiers[0].Calls != 5 || tiers[0].Cost == 0 {
				t.Errorf("%+v: %+v", tt, tiers)
			}
			if n := strings.Count(log, "tier is asked for"); n != tt.warnings {
				t.Errorf("%+v: %d warnings: %s", tt, n, log)
			}
		})
	}
}
