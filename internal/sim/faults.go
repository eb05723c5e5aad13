package sim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/chance"
)

// A Fault is something that goes wrong with a given probability.
type Fault struct {
	Kind        string  // the name of one of FaultKinds
	Value       string  // for a kind that takes one; empty for the default of the kind
	Probability float64 // from 0 to 1
}

// A FaultKind describes a way to fail.
type FaultKind struct {
	Name string
	Help string // one line
}

// FaultKinds lists the faults that ParseFaults and directives know.
func FaultKinds() []FaultKind {
	kinds := make([]FaultKind, len(faultTable))
	for i, k := range faultTable {
		kinds[i] = FaultKind{k.name, k.help}
	}
	return kinds
}

// ParseFaults reads a list such as "503=0.1,slow:2s=0.05,cut=0.01": kinds with their
// probabilities, and a value after a colon where the kind takes one. At most one fault
// hits a try, so the probabilities add up to at most 1.
func ParseFaults(spec string) ([]Fault, error) {
	var faults []Fault
	for item := range strings.SplitSeq(spec, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		at := strings.LastIndexByte(item, '=')
		if at < 0 {
			return nil, fmt.Errorf("fault %q has no probability; write it as %s=0.1", item, item)
		}
		p, err := strconv.ParseFloat(item[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("fault %q: the probability must be a number from 0 to 1, not %q", item, item[at+1:])
		}
		f := Fault{Probability: p}
		f.Kind, f.Value, _ = strings.Cut(item[:at], ":")
		faults = append(faults, f)
	}
	return faults, checkFaults(faults)
}

// checkFaults says what is wrong with faults.
func checkFaults(faults []Fault) error {
	sum := 0.0
	for _, f := range faults {
		k := findFault(f.Kind)
		if k == nil {
			return fmt.Errorf("no fault %q: there are %s", f.Kind, faultNames())
		}
		if f.Probability < 0 || f.Probability > 1 || math.IsNaN(f.Probability) {
			return fmt.Errorf("fault %s: the probability must be from 0 to 1, not %v", f.Kind, f.Probability)
		}
		if f.Value != "" {
			if k.check == nil {
				return fmt.Errorf("fault %s takes no value, and was given %q", f.Kind, f.Value)
			}
			if err := k.check(f.Value); err != nil {
				return fmt.Errorf("fault %s: %w", f.Kind, err)
			}
		}
		sum += f.Probability
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("the probabilities of the faults add up to %.3g, which is more than 1", sum)
	}
	return nil
}

func faultNames() string {
	names := make([]string, len(faultTable))
	for i, k := range faultTable {
		names[i] = k.name
	}
	return strings.Join(names, ", ")
}

func findFault(name string) *faultKind {
	for i := range faultTable {
		if faultTable[i].name == name {
			return &faultTable[i]
		}
	}
	return nil
}

// fault does to the exchange what its directives and the configured faults say. ended
// says that it has answered.
func (x *exchange) fault() (ended bool) {
	key := triesKey(x.bodySum, x.body)
	directives := directivesOf(x.request, x.body, key)
	if len(directives) == 0 && len(x.server.config.Faults) == 0 {
		return false
	}
	x.damage.tries = map[[32]byte]bool{key: false}
	var due []directive
	for _, d := range directives {
		x.damage.tries[d.key] = false
		if d.tries == 0 || x.server.tries.count(d.key) < d.tries {
			due = append(due, d)
		}
	}
	// One draw for all kinds, so that each has just the probability it was given.
	u := chance.Unit(chance.Mix(chance.Mix(x.server.config.Seed^x.bodyHash()) + uint64(x.server.tries.count(key))))
	for _, f := range x.server.config.Faults {
		if u -= f.Probability; u < 0 {
			due = append(due, directive{Fault: f, key: key, row: -1})
			break
		}
	}

	due = slices.DeleteFunc(due, func(d directive) bool { return findFault(d.Kind) == nil })
	counted := map[[32]byte]bool{}
	for _, d := range due {
		if !counted[d.key] {
			x.server.tries.add(d.key)
			counted[d.key] = true
		}
		x.damage.tries[d.key] = x.damage.tries[d.key] || d.tries > 0
	}
	for _, d := range due {
		k := findFault(d.Kind)
		if x.damage.row = nil; d.row >= 0 {
			x.damage.row = &rowEdits(x)[d.row]
		}
		x.server.stats.faults.add(k.name)
		if k.run(x, d.Value) {
			return true
		}
	}
	return false
}

func checkSize(s string) error {
	if n, err := strconv.ParseInt(s, 10, 64); err != nil || n < 0 {
		return fmt.Errorf("%q is no number of bytes", s)
	}
	return nil
}

func checkAny(string) error { return nil }
