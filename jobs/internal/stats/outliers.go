package stats

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// This file finds values that are far from the others.

// A Spread keeps positive values by their order of magnitude, each with an amount that belongs
// to it. It takes little memory however many there are, and knows the values to within 1 %.
// The zero value is empty.
type Spread struct {
	bins  map[int]bin
	count int64
}

// A bin is the values that differ by less than the width.
type bin struct {
	count  int64
	amount float64
}

// width is the natural logarithm by which the bins are apart.
const width = 0.02

// Add adds a value, which must be above 0.
func (s *Spread) Add(value, amount float64) {
	if s.bins == nil {
		s.bins = make(map[int]bin)
	}
	i := int(math.Floor(math.Log(value) / width))
	b := s.bins[i]
	s.bins[i] = bin{b.count + 1, b.amount + amount}
	s.count++
}

// Count returns how many values there are.
func (s *Spread) Count() int64 { return s.count }

// Outliers are the values that are far above the others.
type Outliers struct {
	Above  float64 // an outlier is at least this
	Median float64 // of all values
	Count  int64   // of the outliers
	Amount float64 // what belongs to the outliers
	Total  float64 // what belongs to all values
}

// farAway is the modified z-score from which on a value is an outlier, and toSigma makes a
// standard deviation of the median absolute deviation: Iglewicz and Hoaglin, "How to Detect and
// Handle Outliers" (1993), as in NIST/SEMATECH, e-Handbook of Statistical Methods, 1.3.5.17.
const farAway, toSigma = 3.5, 0.6745

// Outliers returns the values whose modified z-score is above 3.5. The scores are those of the
// values' logarithms, since lengths and costs are skewed: most are short, and a few are many
// times as long. The deviation counts as at least that given, also a logarithm. Where more
// than half of all values are equal it would be 0, and every other value an outlier.
func (s *Spread) Outliers(leastDeviation float64) Outliers {
	if s.count == 0 {
		return Outliers{}
	}
	var logs []weighted
	for _, i := range slices.Sorted(maps.Keys(s.bins)) {
		logs = append(logs, weighted{(float64(i) + 0.5) * width, s.bins[i].count})
	}
	median := medianOf(logs)
	deviations := slices.Clone(logs)
	for i := range deviations {
		deviations[i].value = math.Abs(deviations[i].value - median)
	}
	slices.SortFunc(deviations, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	above := median + farAway*max(medianOf(deviations), leastDeviation)/toSigma
	first := int(math.Ceil(above / width))
	o := Outliers{Above: math.Exp(float64(first) * width), Median: math.Exp(median)}
	for i, b := range s.bins {
		o.Total += b.amount
		if i >= first {
			o.Count += b.count
			o.Amount += b.amount
		}
	}
	return o
}

// A weighted is a value that occurs several times.
type weighted struct {
	value float64
	count int64
}

// medianOf returns the median of sorted values: the lower one of the two in the middle, if
// there are two.
func medianOf(sorted []weighted) float64 {
	var all, seen int64
	for _, w := range sorted {
		all += w.count
	}
	for _, w := range sorted {
		if seen += w.count; 2*seen >= all {
			return w.value
		}
	}
	return 0
}
