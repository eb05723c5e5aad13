//go:build unix

package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestBatchServerKilled kills the process that serves a job by batch, at several moments. Served
// again, it collects the batch job that there is, and pays for no second one.
func TestBatchServerKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes and kills them")
	}
	t.Parallel()
	w := batchWorld(t, 50, 1, 3*time.Second)
	c := &cast{world: w, result: filepath.Join(w.dir, "result.json")}
	c.serve = c.process("serve", role{Serve: &serveRole{Spec: w.spec, URL: w.url, Nodes: 1, Result: c.result}})
	for kill := range 3 {
		c.serve.start()
		await(t, "the batch job", func() bool { return w.sim.Stats().Batches.Created > 0 })
		time.Sleep(time.Duration(kill) * 100 * time.Millisecond)
		c.serve.kill()
		if _, err := os.Stat(c.result); err == nil {
			t.Fatal("the job has ended before it could be killed")
		}
	}
	second := w.spec
	second.State = filepath.Join(w.dir, "second")
	if _, err := w.hold(second, nil); err == nil {
		t.Error("the job is served from another folder, while its batch job is recorded in the first")
	}
	c.serve.start()
	if !c.serve.wait(time.Minute) {
		t.Fatal("the job has not ended after a minute")
	}
	r := c.came()
	if r.Err != "" || r.Merged.Job.Rows != 50 || r.Merged.Job.Status["ok"] != 50 {
		t.Errorf("%+v", r)
	}
	b := w.sim.Stats().Batches
	if got := fmt.Sprintf("%d jobs, %d rows billed, %d twice, %d single", b.Created, b.Billed, b.Doubled, b.Single); got != "1 jobs, 50 rows billed, 0 twice, 0 single" {
		t.Error(got)
	}
}
