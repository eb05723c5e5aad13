package jobs

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/genbatch/genbatch/internal/billtest"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// The retries of whole rows, against the simulator behind a gateway with faults of
// its own. Each row's text says what befalls it.
func TestRetriesThatChangeSomething(t *testing.T) {
	f := newFixture(t)
	server, own := f.simulated(sim.Config{}), new(billtest.Counter)
	f.bill.Billers = append(f.bill.Billers, own)
	var late atomic.Bool
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		stream := strings.Contains(r.URL.Path, ":stream")
		has := func(s string) bool { return bytes.Contains(body, []byte(s)) }
		switch {
		case has("slow") && !stream:
			w.WriteHeader(524)
		case has("wrapped") && !stream:
			io.WriteString(w, `{"error":{"code":504,"message":"Deadline expired before operation could complete.","status":"DEADLINE_EXCEEDED"}}`)
		case has("no-streams") && !stream && late.CompareAndSwap(false, true):
			w.WriteHeader(504)
		case has("no-streams") && stream:
			http.Error(w, `{"error":{"code":404,"message":"models/x is not found for API version v1beta"}}`, 404)
		case has("recited") && !has(`"temperature":1.5`):
			own.Answer("gemini-2.5-flash-simulated", 7, 0)
			io.WriteString(w, `{"candidates":[{"finishReason":"RECITATION"}],"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7},"modelVersion":"gemini-2.5-flash-simulated"}`)
		case has("refused") && has("thinkingBudget"):
			http.Error(w, `{"error":{"code":400,"message":"Thinking budget is not supported.","status":"INVALID_ARGUMENT"}}`, 400)
		default:
			server.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(gateway.Close)

	f.spec.Endpoint, f.handler, f.spec.Auth, f.spec.Model = gateway.URL, gateway.Config.Handler, "x-goog-api-key", "gemini-2.5-flash"
	f.spec.APIKeyFile = filepath.Join(f.dir, "key")
	if err := os.WriteFile(f.spec.APIKeyFile, []byte("k"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.spec.Request = map[string]any{"generationConfig": map[string]any{"maxOutputTokens": 12}}
	f.input("thoughtful", "refused", "[[sim:maxtokens]] stubborn", "slow", "no-streams", "recited", "[[sim:503x1]] busy", "wrapped")
	f.inBubble(func(t *testing.T) {
		s := f.mustRun()
		jobtest.Equal(t, "rows", f.output("status", "attempts", "finish_reason"),
			"ok 2 STOP", "truncated 2 MAX_TOKENS", "truncated 2 MAX_TOKENS", "ok 3 STOP", "ok 4 STOP", "ok 4 STOP", "ok 4 STOP", "ok 3 STOP")
		if got := f.output("error"); !strings.Contains(got[1], "the changed request was refused: HTTP 400: INVALID_ARGUMENT: Thinking budget") ||
			!strings.Contains(got[2], "asked again after an empty MAX_TOKENS answer, with thinkingBudget 0") || got[0] != "<nil>" {
			t.Errorf("errors %q", got)
		}
		if s.Run.Changed != 6 || s.Job.Changed != 6 {
			t.Errorf("%d rows of the run and %d of the job were answered after a change, want 6", s.Run.Changed, s.Job.Changed)
		}

		// What was changed stands in the journal, and what it cost in the totals.
		v, err := View(f.spec, Options{Env: noEnv})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		notes := map[int64]string{}
		for r, err := range v.journal.All() {
			if err != nil {
				t.Fatal(err)
			}
			notes[r.Row] = r.Note
		}
		room := "asked again after an empty MAX_TOKENS answer, with thinkingBudget 0"
		for row, want := range map[int64]string{
			1: room,
			4: "asked again after HTTP 524, as a stream; " + room,
			5: "asked again after HTTP 504, as a stream; the endpoint does not stream; " + room,
			6: "asked again after RECITATION, at temperature 1.3; asked again after RECITATION, at temperature 1.5; " + room,
			7: room,
			8: "asked again after HTTP 504, as a stream; " + room,
		} {
			if notes[row] != want {
				t.Errorf("row %d has the note %q, want %q", row, notes[row], want)
			}
		}
		var prompt, out int64
		for _, m := range s.Run.Models {
			prompt += m.PromptTokens
			out += m.OutputTokens + m.ThoughtsTokens
		}
		st := server.Stats()
		if prompt != st.PromptTokens+2*7 || out != st.CandidatesTokens+st.ThoughtsTokens || s.Run.Unreported != 2 {
			t.Errorf("%d tokens in, %d out and %d attempts unreported; the server counts %+v", prompt, out, s.Run.Unreported, st)
		}

		// The changed requests are still the rows': none is asked again.
		again := f.mustRun()
		if again.Run.Attempts != 0 || server.Stats().Requests != st.Requests {
			t.Errorf("the second run made %d attempts", again.Run.Attempts)
		}
	})
}
