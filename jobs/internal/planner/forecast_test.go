package planner

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The 95th percentiles stand in every table of Student's distribution.
func TestStudent(t *testing.T) {
	for free, want := range map[float64]float64{3: 2.353, 5: 2.015, 10: 1.812, 30: 1.697, 1000: 1.646} {
		if got := student(free); math.Abs(got-want) > 0.01*want {
			t.Errorf("%v degrees of freedom: %.3f, want %.3f", free, got, want)
		}
	}
}

// What rows of log-normally spread thinking cost lies in the interval about nine
// times in ten, and the interval is not wider than it need be.
func TestForecastCovers(t *testing.T) {
	const rows, tries = 3000, 400
	for _, pilot := range []int{20, 50, 200} {
		inside, width := 0, 0.0
		for seed := range uint64(tries) {
			r := rand.New(rand.NewPCG(seed, 1))
			row := func() observation {
				tokens := 50 + 500*r.ExpFloat64()
				thoughts := 300 * math.Exp(0.7*r.NormFloat64())
				return observation{tokens, 3e5*tokens*(0.9+0.2*r.Float64()) + 2.5e6*(40+thoughts)}
			}
			var known []observation
			for range pilot {
				known = append(known, row())
			}
			tokens, bill := 0.0, 0.0
			for range rows {
				o := row()
				tokens += o.tokens
				bill += o.cost
			}
			f, ok := forecast(known, rows, tokens)
			if !ok || f.Low > f.Mean || f.High < f.Mean {
				t.Fatalf("seed %d: %+v, %v", seed, f, ok)
			}
			if float64(f.Low) <= bill && bill <= float64(f.High) {
				inside++
			}
			width += float64(f.High-f.Low) / bill / tries
		}
		t.Logf("%d answers: the bill of %d rows lies in the interval in %d of %d runs; its width is %.0f %% of the bill", pilot, rows, inside, tries, 100*width)
		if share := float64(inside) / tries; share < 0.85 || share > 0.95 {
			t.Errorf("%d answers: the bill lies in the interval in %.0f %% of runs, want 90", pilot, 100*share)
		}
	}
}

func TestForecastNeedsAnswers(t *testing.T) {
	known := []observation{{1, 1}, {2, 2}, {3, 3}, {4, 4}}
	if _, ok := forecast(known, 10, 10); ok {
		t.Error("four answers make a forecast")
	}
	f, ok := forecast(append(known, observation{5, 5}), 10, 100)
	if !ok || f.Mean != 100 || f.Low < 99 || f.High > 101 {
		t.Errorf("rows that cost what their prompts say: %+v, want 100 without spread", f)
	}
	if f, ok := forecast([]observation{{7, 5}, {7, 5}, {7, 5}, {7, 5}, {7, 5}}, 3, 21); !ok || f.Mean != 15 || f.Low != 15 || f.High != 15 {
		t.Errorf("identical rows: %+v, want 15", f)
	}
}
