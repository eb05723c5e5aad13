package planner

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
)

// answered returns the result of a row in a call of so many rows.
func answered(seq int64, call, row, of int) *batch.Result {
	return &batch.Result{Seq: seq, Part: "bcd", Spent: []batch.Spend{{At: time.Unix(int64(call), 0), Share: batch.Share{Row: row, Of: of}}}}
}

// The interval of the agreement of a pilot of 200 rows holds the true agreement in at least 93 of
// 100 seeds, whether rows of a call err by themselves, as often as the simulator's do, or all
// together. Answers are drawn by the formula of [sim.Packs] rather than asked for, which takes
// too long; TestPilot of package jobs asks.
func TestAgreementHoldsTheTruth(t *testing.T) {
	const rows, seeds = 200, 100
	for _, dial := range []sim.Packs{{Error: 0.005}, {Error: 0.02}, {Error: 0.1}, {Shift: 0.02}, {Shift: 0.1}, {Shift: 0.3}} {
		for _, n := range []int{10, 25, 50} {
			truth := (1 - dial.ErrorAt(n)) * (1 - dial.Shift)
			held := 0
			for seed := range uint64(seeds) {
				r := rand.New(rand.NewPCG(seed, uint64(n)))
				s := pilots{builder: &builder{Config: Config{Pilots: Pilots{Compares: true}}}}
				for call := range rows / n {
					shifted := r.Float64() < dial.Shift
					for row := range n {
						a := Answer{OK: true, Values: []string{"right"}}
						if shifted || r.Float64() < dial.ErrorAt(n) {
							a.Values = []string{"wrong"}
						}
						s.of(n).compare(answered(int64(call*n+row), call, row, n), Answer{OK: true, Values: []string{"right"}}, a)
					}
				}
				m := s.measured(n)
				if m.Rows != rows || m.Calls != int64(rows/n) {
					t.Fatalf("%+v", m)
				}
				if m.Agreement[0] <= truth && truth <= m.Agreement[1] {
					held++
				}
			}
			if t.Logf("%+v, %d rows a call: %d of %d intervals hold %.3f", dial, n, held, seeds, truth); held < 93 {
				t.Errorf("%+v, %d rows a call: %d of %d intervals hold %.3f", dial, n, held, seeds, truth)
			}
		}
	}
}

// Accuracy and McNemar's test against a count by hand: of ten rows one at a time has a, b, c and d
// right, and the other way a and e. Two rows have no known answer, and one failed in the other
// way, which is wrong. The mid-p of 3 against 1 is half of 2 (1 + 4) / 16 and 2 / 16.
func TestAccuracyByHand(t *testing.T) {
	s := pilots{builder: &builder{Config: Config{Pilots: Pilots{Compares: true}}}}
	yes, no := true, false
	for i, row := range []struct {
		alone, other Answer
	}{
		{Answer{true, []string{"x"}, &yes}, Answer{true, []string{"x"}, &yes}}, // a
		{Answer{true, []string{"x"}, &yes}, Answer{true, []string{"y"}, &no}},  // b
		{Answer{true, []string{"x"}, &yes}, Answer{true, []string{"y"}, &no}},  // c
		{Answer{true, []string{"x"}, &yes}, Answer{false, nil, &no}},           // d, which failed
		{Answer{true, []string{"x"}, &no}, Answer{true, []string{"y"}, &yes}},  // e
		{Answer{true, []string{"x", "1"}, &no}, Answer{true, []string{"x", "1"}, &no}},
		{Answer{true, []string{"x", "1"}, &no}, Answer{true, []string{"x", "2"}, &no}},
		{Answer{true, []string{"x"}, &no}, Answer{true, []string{"x"}, &no}},
		{Answer{true, []string{"x"}, nil}, Answer{true, []string{"x"}, nil}},
		{Answer{true, []string{"x"}, nil}, Answer{true, []string{"y"}, nil}},
	} {
		r := answered(int64(i), i/5, i%5, 5)
		s.of(1).compare(&batch.Result{Seq: int64(i)}, row.alone, row.alone)
		s.of(5).compare(r, row.alone, row.other)
	}
	m := s.measured(5)
	if m.Rows != 9 || m.Same != 4 || m.Calls != 2 || m.Labelled != 8 || m.Right != 2 || m.OnlyOne != 3 || m.OnlyThis != 1 || math.Abs(m.MidP-0.375) > 1e-12 {
		t.Errorf("%+v", m)
	}
	if a := s.measured(1); a.Right != 4 || a.Labelled != 8 || a.Agreement != nil || a.Calls != 10 || a.Accuracy == nil {
		t.Errorf("one at a time: %+v", a)
	}
}

// Rows that were asked alone in the end are no call together, and those of a gateway that gives
// all its answers the same id are.
func TestCallsOfRows(t *testing.T) {
	one := func(r *batch.Result) string { return fmt.Sprint(callIDOf(r)) }
	a, b, c := answered(1, 7, 0, 3), answered(2, 7, 1, 3), answered(3, 8, 0, 3)
	if one(a) != one(b) || one(a) == one(c) {
		t.Errorf("%s, %s, %s", one(a), one(b), one(c))
	}
	a.Part, b.Part = "", ""
	if one(a) == one(b) {
		t.Errorf("two rows alone: %s", one(a))
	}
	c.ResponseID = "r"
	if d := answered(4, 8, 1, 3); one(c) == one(d) {
		t.Errorf("two answers that began at the same time: %s", one(c))
	}
}
