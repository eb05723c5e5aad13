package jobs

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// costly answers with up to most output tokens, the number of which depends on the
// prompt.
func costly(most uint32) func(string, int) (int, string) {
	return func(prompt string, _ int) (int, string) {
		h := fnv.New32a()
		h.Write([]byte(prompt))
		n := 1 + h.Sum32()%most
		return 200, fmt.Sprintf(`{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],`+
			`"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":%d,"totalTokenCount":%d},"modelVersion":"gemini-2.5-flash"}`, n, n+10)
	}
}

func newBudgetFixture(t *testing.T) *fixture {
	f := newFixture(t)
	f.spec.Model = "gemini-2.5-flash" // $0.30 and $2.50 a million
	f.spec.MaxOutputTokens, f.spec.Concurrency = 1000, 64
	f.e.Reply = costly(1000)
	return f
}

// A hard cap holds under 64 workers, and is used up but for what one request could
// cost. A higher one goes on where it ended.
func TestCapHolds(t *testing.T) {
	f := newBudgetFixture(t)
	f.input(lines(1000)...)
	f.spec.MaxCost = "0.25"
	_, err := f.run()
	budget, ok := errors.AsType[*BudgetError](err)
	if !ok {
		t.Fatalf("the run ends with %v, want a *BudgetError", err)
	}
	const most = 3 * price.Dollar / 1000 // 1000 tokens out, and the prompt
	if spent := f.spent(); spent > price.Dollar/4 || spent < price.Dollar/4-most || budget.Spent != spent {
		t.Errorf("%s is spent and %s said, want at most 0.25 and at least 0.247", spent, budget.Spent)
	}
	asked := len(f.e.Requests())

	f.spec.MaxCost = "0.5"
	if _, err := f.run(); !errors.As(err, &budget) {
		t.Fatalf("the second run ends with %v, want a *BudgetError", err)
	}
	if spent := f.spent(); spent > price.Dollar/2 || spent < price.Dollar/2-most {
		t.Errorf("%s is spent after the second run, want at most 0.5, of both runs", spent)
	}
	asked += len(f.e.Requests())
	f.spec.MaxCost = "5"
	f.mustRun()
	if asked += len(f.e.Requests()); asked != 1000 {
		t.Errorf("%d requests for 1000 rows", asked)
	}
}

// What retries cost counts, and so does the most that cut attempts can have cost.
func TestCapCountsWhatWasCut(t *testing.T) {
	f := newBudgetFixture(t)
	f.input(lines(50)...)
	f.spec.MaxCost, f.spec.Concurrency, f.spec.MaxAttempts, f.spec.Timeout = "0.02", 4, 1, time.Minute
	var calls atomic.Int64
	f.e.Reply = func(prompt string, n int) (int, string) {
		if calls.Add(1) > 1 { // an endpoint that never answered would end the run
			time.Sleep(2 * time.Minute)
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.inBubble(func(t *testing.T) {
		s, err := f.run()
		if _, ok := errors.AsType[*BudgetError](err); !ok {
			t.Fatalf("the run ends with %v, want a *BudgetError", err)
		}
		// At most 1000 tokens out and 62 bytes in: $0.0025186 each, so that 7 fit. They are
		// sent in two rounds at least: calls that time out one after the other are probed singly.
		if n := s.Run.Unreported; n != 7 || s.Run.UnreportedMost == 0 || f.spent() > 2*price.Dollar/100 || s.Elapsed < 2*time.Minute {
			t.Errorf("%d attempts were cut after %v, which can have cost %s; want 7 after 2m at least, below 0.02", n, s.Elapsed, s.Run.UnreportedMost)
		}
		if _, err := f.run(); err == nil || len(f.e.Requests()) != 8 {
			t.Errorf("the second run ends with %v, and sends something", err)
		}
	})
}

// A soft cap reserves by what was seen, and is exceeded by little.
func TestSoftCapIsExceededByLittle(t *testing.T) {
	f := newBudgetFixture(t)
	f.input(lines(500)...)
	f.spec.MaxCost, f.spec.MaxOutputTokens = "0.1", 0
	_, warned, err := f.runLogged()
	if _, ok := errors.AsType[*BudgetError](err); !ok || !strings.Contains(warned, "soft") {
		t.Fatalf("the run ends with %v and warns %q, want a *BudgetError and that the cap is soft", err, warned)
	}
	if spent := f.spent(); spent > price.Dollar/10+4*price.Dollar/1000 || spent < price.Dollar/10-5*price.Dollar/1000 {
		t.Errorf("%s is spent, want about 0.1", spent)
	}
}

// A run that goes on reserves by the answers of those before it, and not by none:
// images cost so much that four of them were too many.
func TestSoftCapKnowsEarlierRuns(t *testing.T) {
	f := newFilesFixture(t)
	f.e.Reply = func(string, int) (int, string) {
		const details = `"promptTokensDetails":[{"modality":"TEXT","tokenCount":5}],"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290}],`
		return 200, strings.Replace(mediaBody("", [2]string{"image/png", pngBytes}), `"totalTokenCount"`, details+`"totalTokenCount"`, 1)
	}
	f.input("a", "b", "c", "d")
	f.spec.Limit = 1
	s := f.mustRun()
	one, _ := s.Job.CostUSD()
	f.spec.Limit, f.spec.MaxCost = 0, (one + one/2).String()
	f.e.Requests()
	_, err := f.run()
	if _, ok := errors.AsType[*BudgetError](err); !ok {
		t.Errorf("the run ends with %v, want a *BudgetError", err)
	}
	if asked := f.e.Requests(); len(asked) != 0 {
		t.Errorf("%q are asked although another image does not fit", asked)
	}
}

func TestCapNeedsPrices(t *testing.T) {
	f := newBudgetFixture(t)
	f.input("a")
	for name, change := range map[string]func(*spec.Spec){
		"price of nobodys-model": func(s *spec.Spec) { s.Model = "nobodys-model" },
		"max_cost":               func(s *spec.Spec) { s.MaxCost = "five" },
		"above 0":                func(s *spec.Spec) { s.MaxCost = "0" },
	} {
		s := f.spec
		s.MaxCost = "1"
		change(&s)
		_, err := Open(s, Options{Env: noEnv})
		if _, ok := errors.AsType[*spec.Error](err); !ok || !strings.Contains(err.Error(), name) {
			t.Errorf("Open returns %v, want a SpecError that says %q", err, name)
		}
	}
	if n := len(f.e.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// A row whose own model has no price is skipped under a cap, and the others go on.
func TestCapSkipsRowsWithoutPrice(t *testing.T) {
	f := newBudgetFixture(t)
	f.input(`{"q":"a","m":""}`, `{"q":"b","m":"nobodys-model"}`, `{"q":"c","m":"gemini-2.5-flash-lite"}`)
	f.spec.MaxCost, f.spec.Set = "1", map[string]string{"model": "{{.m}}"}
	f.mustRun()
	jobtest.Equal(t, "output", f.output("status"), "ok", "skipped", "ok")
	if got := f.output("error")[1]; !strings.Contains(got, "in.jsonl:2") || !strings.Contains(got, "price of nobodys-model is not known; give it with --prices") {
		t.Errorf("the error is %q", got)
	}
	f.spec.MaxCost = ""
	f.mustRun()
	jobtest.Equal(t, "output without a cap", f.output("status"), "ok", "ok", "ok")
}

// A model that answers in the place of another, at a higher price, counts with it.
func TestCapFollowsTheModelThatAnswers(t *testing.T) {
	f := newBudgetFixture(t)
	f.input(lines(400)...)
	f.spec.MaxCost = "0.25"
	f.e.Reply = func(prompt string, n int) (int, string) {
		status, body := costly(1000)(prompt, n)
		return status, strings.Replace(body, "gemini-2.5-flash", "gemini-2.5-pro", 1) // $10 a million
	}
	if _, err := f.run(); err == nil {
		t.Fatal("the cap was not reached")
	}
	// The first 64 requests reserved for the cheaper model.
	if spent := f.spent(); spent > price.Dollar/4 {
		t.Errorf("%s is spent, want at most 0.25", spent)
	}
}

// A model without a price ends a run with a cap, and the next one is refused. Each model that
// answers for another is warned of.
func TestCapEndsAtUnpricedAnswer(t *testing.T) {
	f := newBudgetFixture(t)
	f.input(lines(100)...)
	f.spec.MaxCost, f.spec.Concurrency = "1", 2
	var calls atomic.Int64
	f.e.Reply = func(prompt string, n int) (int, string) {
		status, body := costly(10)(prompt, n)
		name := "gemini-2.5-pro"
		if calls.Add(1) > 1 {
			name = "nobodys-model"
		}
		return status, strings.Replace(body, "gemini-2.5-flash", name, 1)
	}
	s, warned, err := f.runLogged()
	e, ok := errors.AsType[*BudgetError](err)
	if !ok || e.Unpriced != "nobodys-model" || s.Run.Rows < 2 || s.Run.Rows > 5 {
		t.Fatalf("the run ends with %v after %d rows", err, s.Run.Rows)
	}
	for _, name := range []string{"gemini-2.5-pro answers", "nobodys-model answers"} {
		if strings.Count(warned, name) != 1 {
			t.Errorf("the warnings %q do not say once that %s", warned, name)
		}
	}
	sent := calls.Load()
	_, err = f.run()
	if _, ok := errors.AsType[*spec.Error](err); !ok || calls.Load() != sent || !strings.Contains(err.Error(), "nobodys-model") {
		t.Errorf("the second run ends with %v after %d calls", err, calls.Load()-sent)
	}
}

// What the body only names is input too: the cap counts it as soon as an answer has
// told how much it is.
func TestCapCountsInputThatIsElsewhere(t *testing.T) {
	f := newBudgetFixture(t)
	f.input(lines(400)...)
	f.spec.MaxCost = "0.5"
	f.spec.Request = map[string]any{"cachedContent": "cachedContents/large"}
	f.e.Reply = func(prompt string, n int) (int, string) {
		time.Sleep(time.Second) // so that many are in flight
		status, body := costly(1000)(prompt, n)
		return status, strings.Replace(body, `"promptTokenCount":10,`, `"promptTokenCount":100010,`, 1) // $0.03
	}
	f.inBubble(func(t *testing.T) {
		_, warned, err := f.runLogged()
		if _, ok := errors.AsType[*BudgetError](err); !ok || !strings.Contains(warned, "is soft") {
			t.Fatalf("the run ends with %v and warns %q, want a *BudgetError and that the cap is soft", err, warned)
		}
		if spent := f.spent(); spent > price.Dollar/2 || spent < 4*price.Dollar/10 {
			t.Errorf("%s is spent, want at most 0.5, and not much less", spent)
		}
	})
}

// 10 queries, which a cap reserves, are 0.14: under one of 0.10 nothing can be sent.
func TestCapReservesSearches(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	f.spec.Model, f.spec.MaxCost, f.spec.MaxOutputTokens = "gemini-3.5-flash", "0.10", 10
	f.spec.Request = map[string]any{"tools": []any{map[string]any{"googleSearch": map[string]any{}}}}
	var over *BudgetError
	if _, err := f.run(); !errors.As(err, &over) || len(f.e.Requests()) != 0 {
		t.Errorf("%v, want a *BudgetError and nothing sent", err)
	}
}
