package jobs

import (
	"math/rand/v2"
	"os"
	"testing"
)

// The tests in endtoend_*_test.go try to break the product as a whole, over HTTP and on
// a real clock. Their names begin with TestEndToEnd. This is what each tries to break, and
// about how long it takes on two cores:
//
//	BatchKillAtEachStep    batch jobs, by kill -9 at each write and each call     10 s
//	BatchSecondJob         rows billed twice, by a job that is listed too late     3 s
//	Chaos                  every row's outcome, by all faults of the simulator     5 s
//	ChaosStops             the early end of a run that cannot go on                3 s
//	EachAnswerInItsRow     10,000 calls and 10,000 rows of batches, by a hash of all   5 s
//	Kill                   answers and output, by kill -9 at any moment           10 s
//	KillAtEachPoint        the same, before and after each kind of write          10 s
//	ProcessesShareQuota    one limit over two processes                            4 s
//	QuotaInSeconds         limits that are given or learned, in short windows      4 s
//	QuotaTable             the same in real minutes, if it is asked for
//	Reconciliation         the bill, against what the simulator counted            1 s
//
// Variables of the environment make them do more, or less:
//
//	GENBATCH_KILLS=200          kills as often instead of 20 times
//	GENBATCH_ROWS=1000000       has EachAnswerInItsRow ask so many rows, twice
//	GENBATCH_QUOTA_MINUTES=5    runs QuotaTable, for so many minutes
//	GENBATCH_EVERY_POINT=1      has kills and power cuts try each point; see pointsOf
//
// What all of them cost is compared with what the simulator billed; see money_test.go.
//
// The benchmarks of whole jobs are in endtoend_bench*_test.go; .ci/bench runs them.

// long leaves a test out of -short. The race detector, which slows all down, has them in
// a run of their own; see .ci/run.
func long(t *testing.T, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves this out: " + why)
	}
}

// everyPointEnv has each point tried of those that pointsOf divides.
const everyPointEnv = "GENBATCH_EVERY_POINT"

// pointsOf says which of the points in a row a test takes: those that are step apart, from
// first on, which is from 0. There are so many points at which a process can be killed or the
// power can go that a run of the suite takes every third one, from a random one on. The
// workflow that runs each day takes all of them.
func pointsOf(t *testing.T) (first, step int) {
	t.Helper()
	step = 3
	if os.Getenv(everyPointEnv) != "" {
		step = 1
	}
	first = rand.IntN(step)
	t.Logf("every %d. point, from number %d on: %s=1 takes each", step, first, everyPointEnv)
	return first, step
}

// batchTestPace makes a minute of the engine's waits 60 ms.
const batchTestPace = 0.001
