package jobs

import (
	"testing"

	"github.com/genbatch/genbatch/internal/billtest"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/cost"
)

// This file starts the simulators of all tests, so that none goes without a witness: when a
// test ends, what its jobs say to have cost is compared with what the simulators billed.
// Package layout refuses a simulator that is started elsewhere.

// simulated returns a simulator for the jobs below a folder.
func simulated(t *testing.T, dir string, c sim.Config) (*sim.Server, *billtest.Witness) {
	t.Helper()
	s := sim.New(c)
	t.Cleanup(s.Close)
	return s, billed(t, dir, s)
}

// listening is simulated for a simulator that processes can ask.
func listening(t *testing.T, dir string, c sim.Config) (*sim.Running, *billtest.Witness) {
	t.Helper()
	s, err := sim.Listen("", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, billed(t, dir, s)
}

// unwitnessed returns a simulator for a world, which by itself compares the costs with each
// reply that its network has carried.
func unwitnessed(c sim.Config) *sim.Server { return sim.New(c) }

// another returns one more simulator for the jobs of a witness.
func another(t *testing.T, w *billtest.Witness, c sim.Config) *sim.Server {
	t.Helper()
	s := sim.New(c)
	t.Cleanup(s.Close)
	w.Billers = append(w.Billers, s)
	return s
}

func billed(t *testing.T, dir string, s ...billtest.Biller) *billtest.Witness {
	t.Helper()
	return billtest.Watch(t, billtest.Witness{Dirs: []string{dir}, Billers: s, Totals: func(dir string) (*cost.Totals, error) {
		s, err := ReadStatus(dir)
		if err != nil {
			return nil, err
		}
		return &s.Totals, nil
	}})
}

// agrees holds a summary against the status that is read from the journal alone. The summary
// is of the rows of the output, and so of the whole journal where the output has all of the
// input and no answer is orphaned.
func (f *fixture) agrees(s *Summary) {
	f.t.Helper()
	if f.bill == nil || f.spec.Limit > 0 || f.spec.Sample > 0 {
		return
	}
	status, err := ReadStatus(f.spec.StateDir())
	if err != nil {
		f.t.Fatal(err)
	}
	if got, want := s.Job.Share(), status.Totals.Share(); got != want && status.Input != nil && status.Input.Orphaned == 0 {
		f.t.Errorf("the summary says %+v, and the status %+v", got, want)
	}
}

// simulated returns a simulator for the fixture's job.
func (f *fixture) simulated(c sim.Config) *sim.Server {
	f.t.Helper()
	s, w := simulated(f.t, f.dir, c)
	f.bill = w
	return s
}
