package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/genbatch/genbatch/internal/billtest"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cost"
)

// This file starts the simulators of tests, or is told of them, so that none goes without a
// witness: in the end, what all jobs of a test or a script say to have cost is compared with
// what the simulators billed. Package layout refuses a simulator that is started elsewhere.

// listening returns a simulator for the jobs below a folder.
func listening(t *testing.T, dir string, c sim.Config) (*sim.Running, *billtest.Witness) {
	t.Helper()
	server, err := sim.Listen("", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	w := witness(dir)
	w.Billers = []billtest.Biller{server}
	return server, billtest.Watch(t, w)
}

func witness(dir string) billtest.Witness {
	return billtest.Witness{Dirs: []string{dir}, Totals: func(dir string) (*cost.Totals, error) {
		s, err := jobs.ReadStatus(dir)
		if err != nil {
			return nil, err
		}
		return &s.Totals, nil
	}}
}

// A distant is a simulator that is asked over HTTP.
type distant string

// Stats returns what the simulator says. A simulator that does not answer says nothing, which
// no job agrees with.
func (address distant) Stats() (s sim.Stats) {
	u, err := url.Parse(string(address))
	if err != nil {
		return s
	}
	reply, err := http.Get("http://" + u.Host + "/sim/stats")
	if err != nil {
		return s
	}
	defer reply.Body.Close()
	_ = json.NewDecoder(reply.Body).Decode(&s)
	return s
}

// billKey is the key of a script's scriptBill.
type billKey struct{}

// A scriptBill is what a script's simulators bill, all together.
type scriptBill struct {
	t testing.TB
	w billtest.Witness
}

// watch adds a simulator. The script's simulators live until all of them are compared: what is
// deferred last comes first.
func (b *scriptBill) watch(ts *testscript.TestScript, address string) {
	b.w.Billers = append(b.w.Billers, distant(address))
	ts.Defer(func() { b.w.Settle(b.t) })
}

// unbilled says why the jobs of a script are not compared with what its simulators billed.
func unbilled(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "unbilled REASON")
	ts.Value(billKey{}).(*scriptBill).w.Excuse(args[0])
}

// ownPrices says that the jobs of a script bring prices of their own: only their tokens are
// compared.
func ownPrices(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 0, "ownprices")
	ts.Value(billKey{}).(*scriptBill).w.OwnPrices()
}

// died says how many answers may have been on their way to processes that a script killed.
func died(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "died NUMBER")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Value(billKey{}).(*scriptBill).w.MayDie(n)
}
