package cluster

import (
	"slices"
	"testing"

	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
	"github.com/genbatch/genbatch/jobs/cluster/internal/clustertest"
)

// TestJobsLeftOut has a job be left out of the list of jobs, as a server does that lags behind. A
// worker that has seen it does not take it for ended, until its record is gone or stopped.
func TestJobsLeftOut(t *testing.T) {
	t.Parallel()
	b, err := bus.Connect(bus.Config{URL: clustertest.Start(t, 1).URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Setup(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	const hidden = "left.out" // no list of jobs has such a name
	for _, c := range []struct {
		record string
		want   []string
	}{{`{"state":"open"}`, []string{hidden}}, {`{"state":"stopped"}`, nil}, {"", nil}} {
		if err := b.Jobs.Delete(t.Context(), hidden); err != nil {
			t.Fatal(err)
		}
		if c.record != "" {
			if _, err := b.Jobs.Put(t.Context(), hidden, []byte(c.record), 0); err != nil {
				t.Fatal(err)
			}
		}
		w := &worker{bus: b, ids: []string{hidden}}
		if ids, err := w.jobs(t.Context()); err != nil || !slices.Equal(ids, c.want) {
			t.Errorf("with the record %q a worker knows of %q, want %q: %v", c.record, ids, c.want, err)
		}
	}
}
