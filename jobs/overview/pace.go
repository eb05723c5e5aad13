package overview

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// mostMoments is how many moments a [Pace] has at most.
const mostMoments = 1000

// A Pace says when results came. Its moments are a second wide at first, and grow so that their
// number stays bounded. The zero value is empty.
type Pace struct {
	width  int64 // in seconds; 0 means one
	counts map[int64][2]int64
}

// A Moment counts the results of some time.
type Moment struct {
	At        time.Time // its begin
	OK, NotOK int64
}

func (p *Pace) add(at time.Time, ok bool) {
	if p.counts == nil {
		p.width, p.counts = 1, make(map[int64][2]int64)
	}
	which := 0
	if !ok {
		which = 1
	}
	i := floor(at.Unix(), p.width)
	n := p.counts[i]
	n[which]++
	p.counts[i] = n
	for len(p.counts) > mostMoments {
		wider := make(map[int64][2]int64)
		for i, n := range p.counts {
			sum := wider[floor(i, 2)]
			wider[floor(i, 2)] = [2]int64{sum[0] + n[0], sum[1] + n[1]}
		}
		p.width, p.counts = 2*p.width, wider
	}
}

func floor(a, b int64) int64 {
	if a < 0 {
		return (a - b + 1) / b
	}
	return a / b
}

// Width returns how long each moment is.
func (p *Pace) Width() time.Duration { return time.Duration(p.width) * time.Second }

// Moments returns the moments in which results came, the earliest first.
func (p *Pace) Moments() []Moment {
	var all []Moment
	for _, i := range slices.SortedFunc(maps.Keys(p.counts), cmp.Compare[int64]) {
		n := p.counts[i]
		all = append(all, Moment{At: time.Unix(i*p.width, 0), OK: n[0], NotOK: n[1]})
	}
	return all
}
