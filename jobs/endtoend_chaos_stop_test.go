package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A stop is a fault of every request, which must stop a run.
type stop struct {
	fault   string
	dialect sim.Dialect
	kind    batch.Kind
	message string // part of what the user is told
	hint    string // part of the remedy

	// times is how many refusals it takes: 1 where the text leaves no doubt, else 10.
	times int
}

var stops = []stop{
	{"400key", sim.Google, batch.KindKey, "API key not valid", "check the key in GEMINI_API_KEY", 1},
	{"400region", sim.Google, batch.KindKey, "User location is not supported", "Vertex AI, or a proxy", 1},
	{"401", sim.Google, batch.KindKey, "invalid authentication credentials", "check the key in", 1},
	{"401", sim.YEScale, batch.KindKey, "Invalid token", "check the key in YESCALE_API_KEY", 1},
	{"402", sim.Google, batch.KindBilling, "prepayment credits are depleted", "ai.studio/projects", 1},
	{"402", sim.YEScale, batch.KindBilling, "user quota is not enough", "top up the account", 1},
	{"402", sim.GPTProto, batch.KindBilling, "user quota is not enough", "top up the account", 1},
	{"403", sim.Google, batch.KindKey, "has been suspended", "use another key", 1},
	{"403leaked", sim.Google, batch.KindKey, "reported as leaked", "check the key in", 1},
	{"404", sim.Google, batch.KindModel, "is not found for API version", "check --model", 1},
	{"429credit", sim.Google, batch.KindBilling, "credits are depleted", "ai.studio/projects", 1},
	{"429cap", sim.Google, batch.KindBilling, "monthly spending cap", "ai.studio/spend", 1},
	{"429zero", sim.Google, batch.KindModel, "limit: 0", "use another model, or enable billing", 1},
	{"429day", sim.Google, batch.KindDayQuota, "", "", 1},

	{"400", sim.Google, batch.KindRequest, "invalid argument", "", 10},
	{"403odd", sim.Google, batch.KindKey, "does not have permission", "lacks a permission", 10},
	{"404", sim.YEScale, batch.KindModel, "No available channel", "check --model", 10},
	{"404", sim.GPTProto, batch.KindModel, "No available channel", "check --model", 10},
	{"302", sim.Google, batch.KindConfig, "redirects to https://login.example/", "redirects are not followed", 10},
	{"html", sim.Google, batch.KindConfig, "not of this API", "check --endpoint and --base-url", 10},
}

// stopRows is how many rows a stopped run has, stopAfter how many of them are
// answered before the fault begins, and stopCalls how many calls are under way at
// once: so many may find out about the same fault.
const (
	stopRows  = 60
	stopAfter = 8
	stopCalls = 4
)

// after is how many rows are answered before the fault begins. An API that takes
// some rows as they are and refuses others refuses those for themselves.
func (s *stop) after() int64 {
	if s.kind == batch.KindRequest {
		return 0
	}
	return stopAfter
}

func (s *stop) run(t *testing.T, dir string) error {
	var log bytes.Buffer
	good, witness := simulated(t, dir, sim.Config{Dialect: s.dialect, AnswerLog: &log})
	bad := another(t, witness, sim.Config{Dialect: s.dialect, Faults: []sim.Fault{{Kind: s.fault, Probability: 1}}})
	var asked atomic.Int64
	var mended atomic.Bool
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > s.after() && !mended.Load() {
			bad.ServeHTTP(w, r)
			return
		}
		good.ServeHTTP(w, r)
	}))
	defer web.Close()
	spec := spec.Spec{
		Input: spec.List{filepath.Join(dir, "in.jsonl")}, Output: filepath.Join(dir, "out.jsonl"),
		Model: "gemini-2.5-flash-lite", BaseURL: web.URL, Endpoint: string(s.dialect), Prompt: "{{.q}}", Concurrency: stopCalls,
	}
	var rows strings.Builder
	for n := range stopRows {
		fmt.Fprintf(&rows, "{\"q\":\"Row %04d\"}\n", n)
	}
	if err := os.WriteFile(spec.Input[0], []byte(rows.String()), 0o600); err != nil {
		return err
	}
	run := func() (*Summary, error) {
		j, err := Open(spec, Options{Env: func(name string) string {
			if name == "GOOGLE_API_KEY" {
				return "" // so that one variable is named
			}
			return "key"
		}})
		if err != nil {
			return nil, err
		}
		defer j.Close()
		return j.Run(t.Context())
	}

	sum, err := run()
	if fault := s.checkStop(err); fault != nil {
		return fault
	}
	answered := good.Stats().Answered
	if sum.Run.Status[batch.OK] != answered || sum.Run.Rows != answered {
		return fmt.Errorf("the journal has %v, and %d rows were answered", sum.Run.Status, answered)
	}
	// What was under way when the last refusal was counted has been sent already: a few
	// calls, or, where refusals are counted while the journal is being synced, what
	// is sent meanwhile. No row comes near the six attempts that it may have.
	most := int64(s.times + 2*stopCalls)
	if s.times > 1 {
		most += 2 * stopRows
	}
	if n := bad.Stats().Requests; n > most {
		return fmt.Errorf("%d requests were sent to find it out", n)
	}
	if _, err := os.Stat(spec.Output); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("an output was written although rows are missing (%v)", err)
	}

	mended.Store(true)
	if sum, err = run(); err != nil {
		return fmt.Errorf("the run that goes on ended with %w", err)
	}
	if sum.Settled != answered || sum.Run.Status[batch.OK] != stopRows-answered {
		return fmt.Errorf("the run that goes on found %d rows settled and answered %v, want %d and %d", sum.Settled, sum.Run.Status, answered, stopRows-answered)
	}
	for n := range stopRows {
		if times := bytes.Count(log.Bytes(), fmt.Appendf(nil, "Row %04d", n)); times != 1 {
			return fmt.Errorf("row %d was answered %d times", n, times)
		}
	}
	return nil
}

// checkStop compares the error that ended a run with what it must be.
func (s *stop) checkStop(err error) error {
	if s.kind == batch.KindDayQuota {
		if day := (*quota.DayError)(nil); !errors.As(err, &day) {
			return fmt.Errorf("the run ended with %v, want the day's quota", err)
		}
		return nil
	}
	var stopped *batch.StopError
	switch {
	case !errors.As(err, &stopped):
		return fmt.Errorf("the run ended with %v, want a stop", err)
	case stopped.Err.Kind != s.kind || stopped.Times != s.times:
		return fmt.Errorf("stopped for %s after %d refusals, want %s after %d", stopped.Err.Kind, stopped.Times, s.kind, s.times)
	case !strings.Contains(err.Error(), s.message) || !strings.Contains(stopped.Err.Hint, s.hint):
		return fmt.Errorf("the message is %q, want %q in it, and the remedy %q", err, s.message, s.hint)
	case strings.ContainsAny(err.Error(), "\r\n"):
		return fmt.Errorf("the message %q has several lines", err)
	}
	return nil
}

// What concerns every row stops the run early, says why in one sentence, and marks
// nothing as failed; the run that goes on asks just the missing rows.
func TestEndToEndChaosStops(t *testing.T) {
	long(t, "it waits for real pauses")
	t.Parallel()
	var all sync.WaitGroup
	for _, s := range stops {
		dir := t.TempDir()
		all.Go(func() {
			if err := s.run(t, dir); err != nil {
				t.Errorf("%s at %s: %v", s.fault, s.dialect, err)
			}
		})
	}
	all.Wait()
}

// Every kind of fault that the simulator knows has its row in one of the tables.
func TestChaosKnowsEveryFault(t *testing.T) {
	known := map[string]bool{}
	for _, s := range stops {
		known[s.fault] = true
	}
	for _, f := range fates {
		for kind := range strings.SplitSeq(f.fault, "]] [[sim:") {
			kind, _, _ = strings.Cut(kind, "=")
			known[kind] = true
			if at := strings.LastIndexByte(kind, 'x'); at > 0 {
				known[kind[:at]] = true
			}
		}
	}
	for _, k := range sim.FaultKinds() {
		if !known[k.Name] {
			t.Errorf("what a run makes of the fault %s (%s) is nowhere said", k.Name, k.Help)
		}
	}
}
