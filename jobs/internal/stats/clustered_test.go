package stats

import (
	"slices"
	"testing"
)

func repeat(n int, c Cluster) []Cluster { return slices.Repeat([]Cluster{c}, n) }

// Values by the same formulas in numpy, with beta.ppf and t.ppf of scipy 1.10.1. Those of 20 calls,
// of 8 calls and of calls of all sizes are also those of R's svyciprop(~y, design,
// method="beta") in package survey 4.1-1.
func TestClustered(t *testing.T) {
	for _, tt := range []struct {
		name     string
		clusters []Cluster
		share    float64
		want     [2]float64
	}{
		{"rows alone, as Clopper and Pearson", append(repeat(97, Cluster{1, 1}), repeat(3, Cluster{0, 1})...), 0.97, [2]float64{0.9144249452608699, 0.9938383308865703}},
		{"20 calls", append(repeat(17, Cluster{10, 10}), Cluster{9, 10}, Cluster{8, 10}, Cluster{3, 10}), 0.95, [2]float64{0.8119316196007034, 0.9956973890086444}},
		{"8 calls", append(repeat(5, Cluster{25, 25}), Cluster{24, 25}, Cluster{23, 25}, Cluster{12, 25}), 0.92, [2]float64{0.6297090321825048, 0.997916223707358}},
		{"4 calls, one row", append(repeat(3, Cluster{50, 50}), Cluster{49, 50}), 0.995, [2]float64{0.9432626916581279, 0.9999993875980281}},
		{"all right, in 4 calls", repeat(4, Cluster{50, 50}), 1, [2]float64{0.3976353643835253, 1}},
		{"none right, in 20 calls", repeat(20, Cluster{0, 10}), 0, [2]float64{0, 0.1684334709830853}},
		{"calls of all sizes", []Cluster{{20, 25}, {1, 1}, {24, 25}, {0, 0}, {11, 12}, {3, 7}}, 0.8428571428571429, [2]float64{0.5571524363091702, 0.9769388729452089}},
		{"all calls alike", repeat(4, Cluster{45, 50}), 0.9, [2]float64{0.8101549968993718, 0.9567439392622463}},
		{"one call", []Cluster{{9, 10}}, 0.9, [2]float64{0.015045310155802434, 1}},
	} {
		share, got := Clustered(tt.clusters)
		closeTo(t, tt.name+": the share", share, tt.share, 1e-12)
		closeTo(t, tt.name+": the lower end", got[0], tt.want[0], 1e-9)
		closeTo(t, tt.name+": the upper end", got[1], tt.want[1], 1e-9)
	}
}

// Values of scipy 1.10.1: t.ppf(0.975, free) and beta.ppf(p, a, b).
func TestQuantiles(t *testing.T) {
	for free, want := range map[float64]float64{1: 12.706204736432095, 3: 3.182446305284263, 7: 2.3646242510102993, 19: 2.093024054408263, 199: 1.971956544249395, 1e6: 1.9599663568141066} {
		closeTo(t, "a percentile of t", tQuantile(free), want, 1e-8*want)
	}
	for _, b := range [][4]float64{{0.025, 3, 98, 0.006229971538306395}, {0.975, 0.3, 2000.5, 0.0009496093800802256}, {0.5, 1e5, 3e5, 0.24999958333299893}, {0.025, 0.2, 0.7, 1.6851727033768653e-08}} {
		closeTo(t, "a quantile of beta", betaQuantile(b[0], b[1], b[2]), b[3], 1e-8*b[3])
	}
}
