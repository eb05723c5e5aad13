package batches

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/genbatch/genbatch/internal/sim/chance"
)

// A Fault is something that goes wrong with batches: with a probability, or at the n-th
// occasion.
type Fault struct {
	Kind        string  // the name of one of FaultKinds
	Value       string  // for a kind that takes one; empty for the default of the kind
	Probability float64 // from 0 to 1; ignored if At is set
	At          int     // the n-th call, job or row, from 1; 0 for any, by the probability
}

// ParseFaults reads a list such as "lostcreate@1,frozen,rowcode:13=0.1": kinds, with a value
// after a colon where the kind takes one, and behind that the number of the call, job or row
// that they hit, or their probability, or nothing if they hit always. "rowcode13" may be
// written for "rowcode:13".
func ParseFaults(spec string) ([]Fault, error) {
	var faults []Fault
	for item := range strings.SplitSeq(spec, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		f := Fault{Probability: 1}
		what, how := item, ""
		if at := strings.LastIndexAny(item, "=@"); at >= 0 {
			what, how = item[:at], item[at:]
		}
		var err error
		switch {
		case strings.HasPrefix(how, "@"):
			if f.At, err = strconv.Atoi(how[1:]); err != nil || f.At < 1 {
				return nil, fmt.Errorf("batch fault %q: after @ stands which call, job or row it hits, from 1", item)
			}
		case strings.HasPrefix(how, "="):
			if f.Probability, err = strconv.ParseFloat(how[1:], 64); err != nil {
				return nil, fmt.Errorf("batch fault %q: the probability must be a number from 0 to 1, not %q", item, how[1:])
			}
		}
		f.Kind, f.Value, _ = strings.Cut(what, ":")
		if code, ok := strings.CutPrefix(f.Kind, "rowcode"); ok && code != "" {
			f.Kind, f.Value = "rowcode", code
		}
		faults = append(faults, f)
	}
	return faults, CheckFaults(faults)
}

// CheckFaults says what is wrong with faults.
func CheckFaults(faults []Fault) error {
	for _, f := range faults {
		k := findKind(f.Kind)
		switch {
		case k == nil:
			return fmt.Errorf("no batch fault %q: there are %s", f.Kind, kindNames())
		case f.Probability < 0 || f.Probability > 1 || math.IsNaN(f.Probability):
			return fmt.Errorf("batch fault %s: the probability must be from 0 to 1, not %v", f.Kind, f.Probability)
		case f.Value == "":
			continue
		case k.check == nil:
			return fmt.Errorf("batch fault %s takes no value, and was given %q", f.Kind, f.Value)
		}
		if err := k.check(f.Value); err != nil {
			return fmt.Errorf("batch fault %s: %w", f.Kind, err)
		}
	}
	return nil
}

// faults decides when the faults of a service hit, and counts them.
type faults struct {
	all  []Fault
	seed uint64
	rows bool // some of them hit rows

	mu    sync.Mutex
	calls map[occasion]int
	hits  map[string]int64 // by kind
}

func newFaults(all []Fault, seed uint64) *faults {
	f := &faults{all: all, seed: seed, calls: map[occasion]int{}, hits: map[string]int64{}}
	for _, one := range all {
		k := findKind(one.Kind)
		f.rows = f.rows || k != nil && k.at == onRow
	}
	return f
}

// draw counts a call, and returns the faults that hit it, by kind and with their values.
func (f *faults) draw(at occasion) map[string]string {
	f.mu.Lock()
	f.calls[at]++
	n := f.calls[at]
	f.mu.Unlock()
	return f.drawAt(at, n, 0)
}

// drawAt returns the faults that hit the n-th job, or the n-th row of the job with a number.
func (f *faults) drawAt(at occasion, n, job int) map[string]string {
	var hit map[string]string
	for i, one := range f.all {
		k := findKind(one.Kind)
		if k == nil || k.at != at {
			continue
		}
		if one.At > 0 {
			if one.At != n {
				continue
			}
		} else if chance.Unit(chance.Mix(chance.Mix(f.seed^chance.Hash(one.Kind+one.Value))+uint64(n)+uint64(job)<<32+uint64(i)<<56)) >= one.Probability {
			continue
		}
		if hit == nil {
			hit = map[string]string{}
		}
		hit[one.Kind] = one.Value
		f.count(one.Kind)
	}
	return hit
}

// setting returns the value of a fault that is not drawn.
func (f *faults) setting(kind string) (value string, ok bool) {
	for _, one := range f.all {
		if one.Kind == kind {
			return one.Value, true
		}
	}
	return "", false
}

func (f *faults) count(kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hits[kind]++
}

func (f *faults) snapshot() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := map[string]int64{}
	for kind, n := range f.hits {
		m[kind] = n
	}
	return m
}

func checkInteger(s string) error {
	if n, err := strconv.ParseInt(s, 10, 64); err != nil || n < 0 {
		return fmt.Errorf("%q is no number", s)
	}
	return nil
}

func integer(s string, def int64) int64 {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	return def
}

func checkAny(string) error { return nil }
