package jobs

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Answers that are none of the labels are asked for once more, with the fault shown
// to the model, and whatever else goes wrong in between takes nothing away from that.
func TestChaosLabels(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		f := newFixture(t)
		server := sim.New(sim.Config{CountAnswers: true})
		web := httptest.NewServer(server)
		defer web.Close()
		labels := []string{"praise", "complaint", "question"}
		f.spec.Endpoint, f.spec.Auth, f.spec.Prompt, f.spec.Stream = web.URL, "bearer", "", stream
		f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: labels[0]}, {Name: labels[1]}, {Name: labels[2]}}}
		f.spec.MaxAttempts = chaosAttempts
		rows := []struct{ fault, want string }{
			{"[[sim:slow=1ms]]", "ok 1"},
			{"[[sim:invalidx1]]", "ok 2"},
			{"[[sim:invalid]]", "invalid 2"},
			{"[[sim:answerx1=perhaps]]", "ok 2"},
			{"[[sim:answer=perhaps]]", "invalid 2"},
			{"[[sim:fencedx1]]", "ok 1"},
			{"[[sim:emptyx1]] [[sim:invalidx2]]", "ok 3"},
			{"[[sim:503x1]] [[sim:invalidx2]]", "ok 3"},
			{"[[sim:answerx3=perhaps]] [[sim:500x1]]", "invalid 3"},
			{"[[sim:block]]", "blocked 1"},
			{"[[sim:finish=SOMETHING_NEW]]", "invalid 1"},
		}
		var lines []string
		for _, r := range rows {
			lines = append(lines, "The parcel came late and wet. "+r.fault)
		}
		f.input(lines...)
		j, err := Open(f.spec, Options{Env: func(string) string { return "key" }})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, got := range f.output("status", "attempts", "label") {
			status, label := got[:strings.LastIndexByte(got, ' ')], got[strings.LastIndexByte(got, ' ')+1:]
			if status != rows[i].want || slices.Contains(labels, label) != strings.HasPrefix(status, "ok") {
				t.Errorf("stream %v: %s: %s, want %s", stream, rows[i].fault, got, rows[i].want)
			}
		}
	}
}
