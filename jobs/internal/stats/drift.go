package stats

import "math"

// This file tells whether shares have moved between two samples.

// A Homogeneity is the outcome of a chi-squared test of whether two samples have the same
// shares.
type Homogeneity struct {
	Statistic float64 // Pearson's, without a correction for continuity
	Degrees   int     // of freedom; 0 if there is nothing to compare
	P         float64 // how likely such a statistic or a greater one is, if the shares are the same
}

// fewest is the least expected count of a cell for which the test holds, by Cochran, "Some
// methods for strengthening the common chi-squared tests" (1954).
const fewest = 5

// TestHomogeneity tests two samples for having the same shares. Both have a count for each
// category, in the same order. Categories that are too rare for the test are taken together.
func TestHomogeneity(a, b []int64) Homogeneity {
	var sumA, sumB float64
	for i := range a {
		sumA, sumB = sumA+float64(a[i]), sumB+float64(b[i])
	}
	all := sumA + sumB
	if sumA == 0 || sumB == 0 {
		return Homogeneity{P: 1}
	}
	var statistic, rareA, rareB float64
	categories := 0
	add := func(x, y float64) {
		ofA, ofB := (x+y)*sumA/all, (x+y)*sumB/all
		statistic += (x-ofA)*(x-ofA)/ofA + (y-ofB)*(y-ofB)/ofB
		categories++
	}
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		if (x+y)*min(sumA, sumB)/all < fewest {
			rareA, rareB = rareA+x, rareB+y
			continue
		}
		add(x, y)
	}
	if rareA+rareB > 0 {
		add(rareA, rareB)
	}
	h := Homogeneity{Statistic: statistic, Degrees: max(0, categories-1), P: 1}
	if h.Degrees > 0 {
		h.P = chiSquaredTail(statistic, h.Degrees)
	}
	return h
}

// chiSquaredTail returns the probability that a chi-squared variable is above x. It is the
// regularized upper incomplete gamma function Q(df/2, x/2), by its series where x is small and
// by its continued fraction elsewhere: Press et al., Numerical Recipes, section 6.2.
func chiSquaredTail(x float64, degrees int) float64 {
	const precision, most = 1e-15, 100_000
	a, z := float64(degrees)/2, x/2
	if z <= 0 {
		return 1
	}
	logGamma, _ := math.Lgamma(a)
	front := math.Exp(a*math.Log(z) - z - logGamma)
	if z < a+1 {
		term := 1 / a
		sum := term
		for n := 1; n < most && term > sum*precision; n++ {
			term *= z / (a + float64(n))
			sum += term
		}
		return 1 - front*sum
	}
	const tiny = 1e-300
	b := z + 1 - a
	c, d := 1/tiny, 1/b
	fraction := d
	for n := 1; n < most; n++ {
		k := -float64(n) * (float64(n) - a)
		b += 2
		if d = k*d + b; math.Abs(d) < tiny {
			d = tiny
		}
		if c = b + k/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		fraction *= d * c
		if math.Abs(d*c-1) < precision {
			break
		}
	}
	return front * fraction
}

// DifferenceOfShares returns the 95 % confidence interval of the share hitsA/nA less the share
// hitsB/nB, of two samples that have nothing to do with each other. It is the hybrid score
// interval, method 10 of Newcombe, "Interval estimation for the difference between independent
// proportions: comparison of eleven methods" (1998). Both n must be above 0.
func DifferenceOfShares(hitsA, nA, hitsB, nB int64) [2]float64 {
	a, b := float64(hitsA)/float64(nA), float64(hitsB)/float64(nB)
	ofA, ofB := Wilson(hitsA, nA), Wilson(hitsB, nB)
	return [2]float64{
		a - b - math.Hypot(a-ofA[0], ofB[1]-b),
		a - b + math.Hypot(ofA[1]-a, b-ofB[0]),
	}
}
