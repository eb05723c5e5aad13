package runs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/registry"
	"github.com/genbatch/genbatch/jobs/remote"
)

// now is a Sunday.
var now = time.Date(2026, 11, 29, 14, 30, 0, 0, time.Local)

// ended is a job whose last run has ended.
func ended(output string, e registry.Ending) Run {
	e.At = now.Add(-25 * time.Minute)
	return Run{Job: registry.Job{Output: output, State: output + ".genbatch", Last: now.Add(-time.Hour), Ending: &e}}
}

func TestPhases(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	live := ended("o", registry.Ending{ExitCode: 0})
	live.Owner = &jobs.Owner{PID: 7, Host: host, Since: now.Add(-12 * time.Minute)}
	elsewhere := live
	elsewhere.Owner = &jobs.Owner{PID: 7, Host: host + "x", Since: now.Add(-3 * time.Hour)}
	elsewhere.Batches = 2
	left := ended("o", registry.Ending{ExitCode: 5, Rows: 1000, Left: 300})
	left.Batches = 1
	broken := ended("o", registry.Ending{})
	broken.Ending = nil
	for _, one := range []struct {
		run   Run
		phase Phase
		text  string
	}{
		{live, Running, "running for 12 min"},
		{elsewhere, Running, "running for 3 h, on " + host + "x, with 2 batch jobs at work"},
		{left, Waiting, "waiting for 1 batch job; the next run collects them"},
		{ended("o", registry.Ending{ExitCode: 5, Left: 300, Until: now.Add(18 * time.Hour)}), Waiting, "waiting for the day's quota until Mon 08:30; 300 rows left"},
		{ended("o", registry.Ending{ExitCode: 5, Left: 300, Until: now.Add(-time.Hour)}), Ended, "ended: to be carried on with later; 300 rows left"},
		{ended("o", registry.Ending{Rows: 5000}), Finished, "finished: 5,000 rows"},
		{ended("o", registry.Ending{ExitCode: 3, Rows: 5000, NotOK: 40}), Finished, "finished: 5,000 rows, 40 not ok"},
		{ended("o", registry.Ending{ExitCode: 130, Rows: 1000, Left: 1}), Interrupted, "interrupted; 1 of 1,000 rows left"},
		{ended("o", registry.Ending{ExitCode: 4}), Ended, "ended: the endpoint refused every request"},
		{ended("o", registry.Ending{ExitCode: 99}), Ended, "ended: exit code 99"},
		{broken, BrokenOff, "broken off: killed, or the machine went down"},
	} {
		if phase, text := one.run.PhaseAt(now), one.run.TextAt(now); phase != one.phase || text != one.text {
			t.Errorf("%+v is %q, %q; want %q, %q", one.run, phase, text, one.phase, one.text)
		}
	}
}

// The table fits a terminal of 80 columns, keeps the ends of paths, and has more of them where
// there is room.
func TestTable(t *testing.T) {
	known := ended("/home/me/work/tickets/labels.csv", registry.Ending{ExitCode: 3, Rows: 5000, NotOK: 40, Cost: new(price.USD(1_234_500_000_000))})
	other := ended("/srv/shared/projects/2026/reviews/out/\x1b[31mlabels-日本語.parquet", registry.Ending{ExitCode: 130, Rows: 1_000_000, Left: 999_999})
	all := Runs{Runs: []Run{known, other}, Now: now, Home: "/home/me", More: 3}
	want := `output                      when        cost         state
~/work/tickets/labels.csv   14:05       $1.23        finished: 5,000 rows, 40
                                                     not ok
…[31mlabels-日本語.parquet  14:05       unknown      interrupted; 999,999 of
                                                     1,000,000 rows left
and 3 more: --all shows them
`
	if got := all.String(); got != want {
		t.Errorf("80 columns show\n%s\nwant\n%s", got, want)
	}
	for columns := 20; columns < 200; columns += 7 {
		all.Columns = columns
		for line := range strings.Lines(all.String()) {
			if width := terminal.Width(strings.TrimSuffix(line, "\n")); width > max(columns, terminal.Columns) || strings.Contains(line, "\x1b") {
				t.Errorf("%d columns show a line of %d: %q", columns, width, line)
			}
		}
	}
	all.Columns = 160
	if got := all.String(); !strings.Contains(got, "/srv/shared/projects/2026/reviews/out/") || strings.Count(got, "\n") != 4 {
		t.Errorf("160 columns show\n%s", got)
	}
	if got := (Runs{}).String(); !strings.HasPrefix(got, "No job of yours was run") {
		t.Error(got)
	}
}

func TestJSON(t *testing.T) {
	run := ended("/out.csv", registry.Ending{ExitCode: 3, Rows: 5, NotOK: 1, Cost: new(price.USD(1_234_500_000_000))})
	text, err := At{&run, now}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Type, Phase, Text, State string
		Process                  *jobs.Owner
		Ending                   map[string]any
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Type != "job" || got.Phase != "finished" || got.Process != nil || got.State != "/out.csv.genbatch" || got.Ending["cost_usd"] != 1.2345 || got.Ending["until"] != nil {
		t.Errorf("it is written as %s", text)
	}
	// What the last run came to says nothing of the one that goes on.
	run.Owner = new(jobs.Owner)
	run.Ending.Cost = nil
	if text, err = (At{&run, now}).MarshalJSON(); err != nil || !strings.Contains(string(text), `"ending":null`) {
		t.Errorf("it is written as %s, %v", text, err)
	}
}

// A steered run answers as one does that is served. It can do nothing else.
type steered struct {
	remote.Controller
	state remote.State
	slow  bool // it does not answer in time
}

func (s *steered) State(ctx context.Context, _ int64) (*remote.State, error) {
	if s.slow {
		<-ctx.Done()
	}
	return &s.state, nil
}

// What a run says of itself over its socket stands in the list.
func TestLive(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	paused := now.Add(-3 * time.Minute)
	record := func(inFlight int, limit string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"type":"progress","rows":3214,"total":5000,"in_flight":%d,"cost_usd":0.31,"quota":{"limit":%q,"text":"waiting: 5 rpm (learned), next slot 8.1 s"}}`, inFlight, limit))
	}
	for name, one := range map[string]struct {
		run   steered
		phase Phase
		text  string
		cost  string
	}{
		"runs":     {steered{state: remote.State{Progress: record(12, "")}}, Running, "running for 12 min: 3,214 of 5,000 rows (64 %)", "$0.31"},
		"is bound": {steered{state: remote.State{Progress: record(12, "rpm")}}, Running, "running for 12 min: 3,214 of 5,000 rows (64 %); waiting: 5 rpm (learned), next slot 8.1 s", "$0.31"},
		"waits":    {steered{state: remote.State{Progress: record(0, "rpm")}}, Waiting, "running for 12 min: 3,214 of 5,000 rows (64 %); waiting: 5 rpm (learned), next slot 8.1 s", "$0.31"},
		"paused":   {steered{state: remote.State{Progress: record(0, "rpm"), Steering: remote.Steering{PausedSince: &paused}}}, Paused, "running for 12 min: 3,214 of 5,000 rows (64 %); paused for 3 min", "$0.31"},
		"stopping": {steered{state: remote.State{Progress: record(3, ""), Steering: remote.Steering{Stopping: true}}}, Running, "running for 12 min: 3,214 of 5,000 rows (64 %); stopping", "$0.31"},
		"hangs":    {steered{slow: true}, Running, "running for 12 min", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			owner := jobs.Owner{PID: os.Getpid(), Host: host, Since: now.Add(-12 * time.Minute)}
			text, err := json.Marshal(owner)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "lock"), text, 0o600); err != nil {
				t.Fatal(err)
			}
			server, err := remote.Serve(dir, &one.run)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			begin := time.Now()
			run := Run{Owner: &owner, Live: Ask(t.Context(), dir)}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if phase, text, cost := run.PhaseAt(now), run.TextAt(now), run.cost(); phase != one.phase || text != one.text || cost != one.cost {
				t.Errorf("it is %q, %q, %q; want %q, %q, %q", phase, text, cost, one.phase, one.text, one.cost)
			}
		})
	}
}
