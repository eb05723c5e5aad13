package chance

import (
	"math"
	"strings"
	"testing"
)

// A draw that never changes would be easy to repeat, so the draws must be spread too.
func TestDrawsAreSpread(t *testing.T) {
	const n = 10000
	sum, square, half := 0.0, 0.0, 0
	for i := range uint64(n) {
		v := Normal(Mix(i))
		sum += v
		square += v * v
		u := Unit(Mix(i))
		if u < 0 || u >= 1 {
			t.Fatalf("Unit gives %v", u)
		}
		if u < 0.5 {
			half++
		}
	}
	if mean, variance := sum/n, square/n; math.Abs(mean) > 0.05 || math.Abs(variance-1) > 0.1 {
		t.Errorf("Normal has the mean %.3f and the variance %.3f", mean, variance)
	}
	if half < n*45/100 || half > n*55/100 {
		t.Errorf("%d of %d draws of Unit are below a half", half, n)
	}
}

func TestName(t *testing.T) {
	a, b := Name(Hash("a"), 40), Name(Hash("b"), 40)
	if len(a) != 40 || a == b || a != Name(Hash("a"), 40) {
		t.Errorf("%s and %s", a, b)
	}
	if rest := strings.Trim(a, "abcdefghijklmnopqrstuvwxyz0123456789"); rest != "" {
		t.Errorf("%s holds %q", a, rest)
	}
}
