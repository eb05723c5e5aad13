package stats

import "math"

// z95 is the 97.5th percentile of the normal distribution.
const z95 = 1.959963984540054

// Wilson returns Wilson's 95 % score interval of a share of which hits of n are known, which
// must be above 0. It holds for small samples and for shares near 0 and 1 too.
//
// Wilson, Probable inference, the law of succession, and statistical inference, JASA 22
// (1927).
func Wilson(hits, n int64) [2]float64 {
	count := float64(n)
	p := float64(hits) / count
	middle := (p + z95*z95/(2*count)) / (1 + z95*z95/count)
	half := z95 / (1 + z95*z95/count) * math.Sqrt(p*(1-p)/count+z95*z95/(4*count*count))
	return [2]float64{max(0, middle-half), min(1, middle+half)}
}

// A Pairing counts pairs of which each side is right or wrong.
type Pairing struct{ Both, OnlyA, OnlyB, Neither int64 }

// Pairs returns how many pairs there are.
func (p Pairing) Pairs() int64 { return p.Both + p.OnlyA + p.OnlyB + p.Neither }

// DifferenceInterval returns the 95 % confidence interval of the share in which B is right
// less that of A, from -1 to 1. It is method 10 of Newcombe, which puts Wilson's intervals of
// both shares together, and takes account of their correlation. There must be a pair.
//
// Newcombe, Improved confidence intervals for the difference between binomial proportions
// based on paired data, Statistics in Medicine 17 (1998), 2635-2650. Fagerland, Lydersen and
// Laake recommend it: Recommended tests and confidence intervals for paired binomial
// proportions, Statistics in Medicine 33 (2014).
func (p Pairing) DifferenceInterval() [2]float64 {
	n := float64(p.Pairs())
	rightA, rightB := p.Both+p.OnlyA, p.Both+p.OnlyB
	a, b := float64(rightA)/n, float64(rightB)/n
	inA, inB := Wilson(rightA, p.Pairs()), Wilson(rightB, p.Pairs())
	phi := p.correlation()
	root := func(x, y float64) float64 { return math.Sqrt(max(0, x*x-2*phi*x*y+y*y)) }
	return [2]float64{
		max(-1, b-a-root(b-inB[0], inA[1]-a)),
		min(1, b-a+root(inB[1]-b, a-inA[0])),
	}
}

// correlation returns Newcombe's estimate of the correlation of both sides. It has a
// correction for continuity where they agree more than by chance, and is 0 where one of them
// is always right or always wrong.
func (p Pairing) correlation() float64 {
	both, onlyA, onlyB, neither := float64(p.Both), float64(p.OnlyA), float64(p.OnlyB), float64(p.Neither)
	margins := (both + onlyA) * (onlyB + neither) * (both + onlyB) * (onlyA + neither)
	if margins == 0 {
		return 0
	}
	excess := both*neither - onlyA*onlyB
	if excess > 0 {
		excess = max(0, excess-float64(p.Pairs())/2)
	}
	return excess / math.Sqrt(margins)
}

// McNemar returns the two-sided mid-p value of McNemar's test that both sides are right
// equally often. It is from 0 to 1, and 1 if they never differ.
//
// Fagerland, Lydersen and Laake, The McNemar test for binary matched-pairs data: mid-p and
// asymptotic are better than exact conditional, BMC Medical Research Methodology 13:91
// (2013), https://doi.org/10.1186/1471-2288-13-91.
func (p Pairing) McNemar() float64 {
	n, fewer := p.OnlyA+p.OnlyB, min(p.OnlyA, p.OnlyB)
	if n == 0 {
		return 1
	}
	point := halves(fewer, n)
	if p.OnlyA == p.OnlyB {
		return 1 - point/2
	}
	// Terms of the binomial distribution, from the largest on. Those that are left out
	// change no digit.
	below, term := 0.0, point
	for k := fewer; k > 0 && term > below*1e-17; k-- {
		term *= float64(k) / float64(n-k+1)
		below += term
	}
	return 2*below + point
}

// halves returns how likely n coins show heads k times. It works with logarithms, since the
// factorials of large numbers are no numbers any more.
func halves(k, n int64) float64 {
	whole, _ := math.Lgamma(float64(n) + 1)
	heads, _ := math.Lgamma(float64(k) + 1)
	tails, _ := math.Lgamma(float64(n-k) + 1)
	return math.Exp(whole - heads - tails - float64(n)*math.Ln2)
}
