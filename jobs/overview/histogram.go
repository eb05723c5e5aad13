package overview

import "math"

// perOctave is how many intervals of a [Histogram] lie between a value and its double. So each is
// 4.4 % wide.
const perOctave = 16

// A Histogram counts whole numbers from 0 on by intervals that grow with them. The zero value is
// empty. It is not safe for concurrent use.
type Histogram struct {
	Count    int64
	Min, Max int64

	counts []int64 // of 0, and then of each interval
}

// Add counts a value. One below 0 counts as 0.
func (h *Histogram) Add(v int64) {
	v = max(v, 0)
	if h.Count == 0 || v < h.Min {
		h.Min = v
	}
	h.Max = max(h.Max, v)
	h.Count++
	i := intervalOf(v)
	for len(h.counts) <= i {
		h.counts = append(h.counts, 0)
	}
	h.counts[i]++
}

// intervalOf returns the place of the interval that holds a value.
func intervalOf(v int64) int {
	if v == 0 {
		return 0
	}
	i := 1 + int(math.Log2(float64(v))*perOctave)
	if v >= begin(i+1) { // what rounding does at the bounds
		i++
	}
	return i
}

// begin returns the least whole number of an interval.
func begin(i int) int64 {
	if i == 0 {
		return 0
	}
	return int64(math.Ceil(math.Exp2(float64(i-1) / perOctave)))
}

// Quantile returns about the value below which the share of all values lies. It is off by the
// width of an interval at most, 4.4 %, and 0 for no values.
func (h *Histogram) Quantile(share float64) int64 {
	rank := int64(math.Ceil(share * float64(h.Count)))
	for i, n := range h.counts {
		if rank -= n; rank <= 0 && n > 0 {
			return min(max((begin(i)+begin(i+1)-1)/2, h.Min), h.Max)
		}
	}
	return h.Max
}

// A Bar counts the values from one bound to another, both included.
type Bar struct{ From, To, Count int64 }

// Bars returns at most so many bars, from the least value to the greatest. Bars that no value is
// in are among them.
func (h *Histogram) Bars(most int) []Bar {
	if h.Count == 0 {
		return nil
	}
	first, last := intervalOf(h.Min), intervalOf(h.Max)
	width := 1
	for (last-first)/width+1 > most {
		width *= 2
	}
	var bars []Bar
	for i := first; i <= last; i += width {
		b := Bar{From: begin(i), To: begin(i+width) - 1}
		for _, n := range h.counts[i:min(i+width, len(h.counts))] {
			b.Count += n
		}
		if b.To >= b.From { // among small numbers some intervals hold none
			bars = append(bars, b)
		}
	}
	return bars
}
