package quota

import (
	"slices"
	"time"

	"github.com/genbatch/genbatch/internal/pacific"
)

// Known is what a [Store] holds about a model from the runs of the last day.
type Known struct {
	Learned []Learned // limits that still count; their Model is empty

	// Used is how many of today's requests are counted, including those that a running
	// process has reserved. It is 0 as long as requests are not counted: they are if the
	// user gives a limit of the day, and from the first refusal for the day on.
	Used        int
	ParkedUntil time.Time // the quota of the day is used up until then; zero = it is not
	Reset       time.Time // when the day ends in Los Angeles
}

// Limit returns a learned limit by its name, [LimitRPM], [LimitTPM] or [LimitRPD].
func (k *Known) Limit(name string) (l Learned, ok bool) {
	i := slices.IndexFunc(k.Learned, func(l Learned) bool { return l.Limit == name })
	if i < 0 {
		return l, false
	}
	return k.Learned[i], true
}

// Peek returns what is known of a model now. It changes nothing and takes no lock. If the
// record cannot be read, only Reset is set.
func (s *Store) Peek(model string) Known {
	now := time.Now()
	k := Known{Reset: nextMidnight(now, pacific.Location())}
	r, err := s.read(model)
	if err != nil {
		return k
	}
	for _, l := range r.Learned {
		if l.valid(now) {
			k.Learned = append(k.Learned, l)
		}
	}
	if r.Day == dayName(now, pacific.Location()) {
		k.Used = r.Used
		if r.ParkedUntil.After(now) {
			k.ParkedUntil = r.ParkedUntil
		}
	}
	return k
}
