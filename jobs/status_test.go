package jobs

import (
	"os"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

func TestStatusOfRunningJob(t *testing.T) {
	f := newFixture(t)
	release, three := make(chan bool), make(chan bool)
	f.e.Reply = func(prompt string, n int) (int, string) {
		if prompt == "d" {
			close(three)
			<-release
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.spec.Concurrency = 1
	f.input("a", "b", "c", "d", "e", "{broken")
	j, err := Open(f.spec, Options{Env: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := j.Run(t.Context())
		done <- err
	}()
	<-three
	var s *Status
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) { // until the third answer is committed
		if s, err = ReadStatus(f.spec.StateDir()); err != nil || s.LastSeq == 3 || time.Now().After(end) {
			break
		}
	}
	if err != nil || s.Running == nil || s.Running.PID != os.Getpid() || s.Finished || s.Rate <= 0 || s.Left < 0 {
		t.Errorf("while it runs: %+v, %v", s, err)
	} else if s.Input == nil || *s.Input != (InputStatus{Rows: 6, Settled: 3, Left: 2, Bad: 1}) {
		t.Errorf("while it runs: input %+v", s.Input)
	}
	close(release)
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
}
