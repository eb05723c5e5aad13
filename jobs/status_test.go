package jobs

import (
	"os"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// Status says of a job that runs how far it is, at which pace, and how long that will take.
func TestStatusOfRunningJob(t *testing.T) {
	f := newFixture(t)
	f.e.Reply = func(prompt string, n int) (int, string) {
		if time.Sleep(10 * time.Second); prompt == "d" {
			time.Sleep(time.Hour)
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.spec.Concurrency, f.spec.Timeout = 1, 2*time.Hour
	f.input("a", "b", "c", "d", "e", "{broken")
	f.inBubble(func(t *testing.T) {
		j, err := Open(f.spec, f.options())
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			_, err := j.Run(t.Context())
			done <- err
		}()
		time.Sleep(40 * time.Second) // three have an answer, at 10, 20 and 30 s
		s, err := ReadStatus(f.spec.StateDir())
		if err != nil || s.LastSeq != 3 || s.Running == nil || s.Running.PID != os.Getpid() || s.Finished {
			t.Errorf("while it runs: %+v, %v", s, err)
		} else if s.Rate != 3./40 || s.Left != 27*time.Second {
			t.Errorf("while it runs: %v rows a second and %v left, want 3 in 40 s, and 2 rows in 27 s", s.Rate, s.Left)
		} else if s.Input == nil || *s.Input != (InputStatus{Rows: 6, Settled: 3, Left: 2, Bad: 1}) {
			t.Errorf("while it runs: input %+v", s.Input)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		jobtest.Equal(t, "rows", f.output("q", "response"), "a a", "b b", "c c", "d d", "e e", "<nil> <nil>")
		s, err = ReadStatus(f.spec.StateDir())
		if err != nil || s.Running != nil || !s.Finished || s.Rate != 0 || s.Input == nil || s.Input.Left != 0 {
			t.Errorf("afterwards: %+v, %v", s, err)
		}
		if err := os.Remove(f.spec.Input[0]); err != nil {
			t.Fatal(err)
		}
		if s, err = ReadStatus(f.spec.StateDir()); err != nil || s.Input != nil || s.Status[batch.OK] != 5 {
			t.Errorf("without the input: %+v, %v", s, err)
		}
	})
}
