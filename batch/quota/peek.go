package quota

import (
	"slices"
	"time"

	"github.com/genbatch/genbatch/internal/pacific"
)

// Known is what the runs of the last day have left in a [Store] about a model.
type Known struct {
	Learned []Learned // limits that still count; Learned.Model is empty

	// Used is how many of today's requests are counted, with those that a process that
	// runs has set aside. They are counted from the first refusal for the day on, or
	// with a limit of the user's; before that it is 0.
	Used        int
	ParkedUntil time.Time // the day's quota is used up until then; zero: it is not
	Reset       time.Time // when the day of Los Angeles ends
}

// Limit returns a learned limit by its name, [LimitRPM], [LimitTPM] or [LimitRPD].
func (k *Known) Limit(name string) (l Learned, ok bool) {
	i := slices.IndexFunc(k.Learned, func(l Learned) bool { return l.Limit == name })
	if i < 0 {
		return l, false
	}
	return k.Learned[i], true
}

// Peek reads what is known of a model now. It changes nothing and holds nobody up;
// a record that cannot be read tells nothing.
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
