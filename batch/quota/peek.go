package quota

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// Least returns how long so many requests take at the least. Limits of requests a minute and
// a day that are given count before those learned; 0 = not given. It is 0 if no limit is known.
func (k *Known) Least(requests, rpm, rpd int64) (least time.Duration) {
	limit := func(given int64, name string) int64 {
		if l, ok := k.Limit(name); given == 0 && ok {
			return l.Value
		}
		return given
	}
	if rpm := limit(rpm, LimitRPM); rpm > 0 {
		least = time.Duration(float64(requests) / float64(rpm) * float64(time.Minute))
	}
	if rpd := limit(rpd, LimitRPD); rpd > 0 && !k.Reset.IsZero() {
		today := max(0, rpd-int64(k.Used))
		if !k.ParkedUntil.IsZero() {
			today = 0
		}
		if days := (requests - today + rpd - 1) / rpd; requests > today {
			least = max(least, time.Until(k.Reset)+time.Duration(days-1)*24*time.Hour)
		}
	}
	return least
}

// Peek returns what is known of a model now. It changes nothing and takes no lock. If the
// record cannot be read, only Reset is set.
func (s *Store) Peek(model string) Known {
	now := time.Now()
	r, err := s.read(model)
	if err != nil {
		return Known{Reset: pacific.NextMidnight(now, pacific.Location())}
	}
	return r.known(now)
}

// known returns what counts of a record now.
func (r *dayRecord) known(now time.Time) Known {
	k := Known{Reset: pacific.NextMidnight(now, pacific.Location())}
	for _, l := range r.Learned {
		if l.valid(now) {
			k.Learned = append(k.Learned, l)
		}
	}
	if r.Day == pacific.DayName(now, pacific.Location()) {
		k.Used = r.Used
		if r.ParkedUntil.After(now) {
			k.ParkedUntil = r.ParkedUntil
		}
	}
	return k
}

// A Kept is what a folder of stores keeps about one model of one endpoint and key.
type Kept struct {
	Endpoint string
	Key      string // as in [Store].KeyID; empty if there is no key, or if an older version wrote the record
	Model    string
	Known
}

// List returns what the stores in a folder keep, in the order of endpoints and models. A
// folder that does not exist keeps nothing. What processes with a part of a quota have used is left
// out. The error names records that cannot be read; the
// others are there.
func List(dir string) ([]Kept, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Kept
	var bad []error
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		r, err := loadRecord(path)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s cannot be used: %w", path, err))
			continue
		}
		if r.Part != "" {
			continue // what was learned stands in the record of all
		}
		list = append(list, Kept{Endpoint: r.Endpoint, Key: r.Key, Model: r.Model, Known: r.known(time.Now())})
	}
	slices.SortFunc(list, func(a, b Kept) int {
		return strings.Compare(a.Endpoint+"\x00"+a.Model+"\x00"+a.Key, b.Endpoint+"\x00"+b.Model+"\x00"+b.Key)
	})
	return list, errors.Join(bad...)
}

// Forget removes the limits that were learned about a model, named ones and estimates. It
// keeps the requests of the day and the end of a parked day, which are counts and no
// limits: a later run probes a parked day by itself.
func (s *Store) Forget(model string) error {
	r, err := s.read(model)
	if err == nil && len(r.Learned) == 0 {
		return nil
	}
	_, err = s.update(model, func(r *dayRecord) { r.Learned = nil })
	return err
}
