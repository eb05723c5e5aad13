package stats

import "math"

// A Cluster is rows that may be right or wrong together, such as those that have shared a call.
type Cluster struct{ Hits, Rows int64 }

// Clustered returns the share of hits in all clusters, and its 95 % interval after Korn and
// Graubard. It is the exact interval of Clopper and Pearson for as many independent rows as tell
// as much as these do: n(p) = p(1-p)/v, where v is the variance of the share as it shows between
// clusters, and less by the square of t(n-1)/t(c-1) for the degrees of freedom of c clusters. Rows
// of a cluster never count for more than independent ones. There must be a row.
//
// Where all rows are hits, or none is, nothing shows how rows of a cluster go together. Then each
// cluster counts for one row, since all of its rows may have been right or wrong together.
//
// Korn and Graubard, Confidence intervals for proportions with small expected number of positive
// counts estimated from survey data, Survey Methodology 24 (1998), 193-201. The adjustments are
// those of the National Center for Health Statistics: Parker et al., National Center for Health
// Statistics Data Presentation Standards for Proportions, Vital and Health Statistics 2(175), 2017.
// The variance is that of a ratio, as of R's svyciprop(method="beta") in package survey.
func Clustered(clusters []Cluster) (share float64, interval [2]float64) {
	var hits, rows, count float64
	for _, c := range clusters {
		if c.Rows > 0 {
			hits, rows, count = hits+float64(c.Hits), rows+float64(c.Rows), count+1
		}
	}
	share = hits / rows
	effective := count
	if share > 0 && share < 1 && count > 1 {
		var square float64
		for _, c := range clusters {
			off := float64(c.Hits) - share*float64(c.Rows)
			square += off * off
		}
		variance := count / (count - 1) * square / (rows * rows)
		if t := tQuantile(rows-1) / tQuantile(count-1); variance > 0 {
			effective = min(rows, share*(1-share)/variance*t*t)
		} else {
			effective = rows * t * t
		}
	}
	return share, clopperPearson(share*effective, effective)
}

// clopperPearson returns the exact 95 % interval of a share of which hits of n are known. Neither
// has to be a whole number.
//
// Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the
// binomial, Biometrika 26 (1934).
func clopperPearson(hits, n float64) [2]float64 {
	interval := [2]float64{0, 1}
	if hits > 0 {
		interval[0] = betaQuantile(0.025, hits, n-hits+1)
	}
	if hits < n {
		interval[1] = betaQuantile(0.975, hits+1, n-hits)
	}
	return interval
}

// tQuantile returns the 97.5th percentile of Student's t distribution.
// https://dlmf.nist.gov/8.17 has its relation to the beta distribution.
func tQuantile(free float64) float64 {
	x := betaQuantile(0.05, free/2, 0.5)
	return math.Sqrt(free * (1 - x) / x)
}

// betaQuantile returns where the beta distribution reaches p, to the last digits of its own
// figures.
func betaQuantile(p, a, b float64) float64 {
	low, high := 0.0, 1.0
	for range 200 {
		middle := (low + high) / 2
		if middle <= low || middle >= high {
			break
		}
		if betaShare(middle, a, b) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// betaShare returns the regularized incomplete beta function I_x(a, b), by the continued fraction
// https://dlmf.nist.gov/8.17#E22. That converges fast below the mean, and above it the function is
// 1 - I_(1-x)(b, a).
func betaShare(x, a, b float64) float64 {
	if x <= 0 || x >= 1 {
		return x
	}
	if x > (a+1)/(a+b+2) {
		return 1 - betaShare(1-x, b, a)
	}
	whole, _ := math.Lgamma(a + b)
	left, _ := math.Lgamma(a)
	right, _ := math.Lgamma(b)
	return math.Exp(whole-left-right+a*math.Log(x)+b*math.Log1p(-x)) / a * betaFraction(x, a, b)
}

// betaFraction evaluates the fraction after Lentz, Generating Bessel functions in Mie scattering
// calculations using continued fractions, Applied Optics 15 (1976).
func betaFraction(x, a, b float64) float64 {
	const tiny = 1e-300 // in the place of 0, by which cannot be divided
	avoid := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	d := 1 / avoid(1-(a+b)*x/(a+1))
	c, value := 1.0, d
	for m := 1.0; m < 10_000; m++ {
		change := 1.0
		for _, term := range [...]float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			d = 1 / avoid(1+term*d)
			c = avoid(1 + term/c)
			value *= c * d
			change = c * d
		}
		if math.Abs(change-1) < 1e-15 {
			break
		}
	}
	return value
}
