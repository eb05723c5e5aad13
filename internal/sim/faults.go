package sim

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/genbatch/genbatch/internal/sim/chance"
)

// A Fault is something that goes wrong with a given probability.
type Fault struct {
	Kind        string  // the name of one of FaultKinds
	Value       string  // where the kind takes one; empty for its default
	Probability float64 // from 0 to 1
}

// A FaultKind describes a fault.
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

// ParseFaults reads faults by kind and probability, with a value after a colon
// where the kind takes one: "503=0.1,slow:2s=0.05,cut=0.01". At most one of them
// hits a try, so the probabilities may add up to 1.
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

// fault does to the exchange what its directives and the configured faults say,
// and reports whether that was all of it.
func (x *exchange) fault() (ended bool) {
	var directives []directive
	if bytes.Contains(x.body, []byte(directiveMark)) {
		directives = findDirectives(string(x.body))
	}
	if len(directives) == 0 && len(x.s.config.Faults) == 0 {
		return false
	}
	var due []Fault
	passing := false // a directive that ends after some tries is among them
	key := triesKey(x.sum, x.body)
	try := x.s.tries.count(key)
	for _, d := range directives {
		if d.tries == 0 || try < d.tries {
			due = append(due, d.Fault)
			passing = passing || d.tries > 0
		}
	}
	// One draw for all kinds, so that each has just the probability it was given.
	u := chance.Unit(chance.Mix(chance.Mix(x.s.config.Seed^x.hash) + uint64(try)))
	for _, f := range x.s.config.Faults {
		if u -= f.Probability; u < 0 {
			due = append(due, f)
			break
		}
	}

	counted := false
	for _, f := range due {
		k := findFault(f.Kind)
		if k == nil {
			continue
		}
		if !counted {
			x.s.tries.add(key)
			x.faults.passing = passing
			counted = true
		}
		x.s.stats.faults.add(k.name)
		if k.run(x, f.Value) {
			return true
		}
	}
	return false
}

// A directive is a fault that a request's text asks for.
type directive struct {
	Fault
	tries int // applies to the first so many; 0 = to all
}

const (
	directiveMark = "[[sim:"
	directiveEnd  = "]]"
)

// findDirectives reads the directives in a request's JSON text. Their values are
// read there with their escapes, which is why they cannot hold quotes.
func findDirectives(body string) []directive {
	var found []directive
	for {
		at := strings.Index(body, directiveMark)
		if at < 0 {
			return found
		}
		body = body[at+len(directiveMark):]
		end := strings.Index(body, directiveEnd)
		if end < 0 {
			return found
		}
		var d directive
		d.Kind, d.Value, _ = strings.Cut(body[:end], "=")
		if at := strings.LastIndexByte(d.Kind, 'x'); at > 0 {
			if n, err := strconv.Atoi(d.Kind[at+1:]); err == nil && n > 0 {
				d.Kind, d.tries = d.Kind[:at], n
			}
		}
		if k := findFault(d.Kind); k != nil && k.check != nil && d.Value != "" && k.check(d.Value) != nil {
			d.Value = "" // an unusable value is the default
		}
		found = append(found, d)
		body = body[end:]
	}
}

// stripDirectives takes the directives out of a text, so that answers do not
// depend on them.
func stripDirectives(s string) string {
	for {
		at := strings.Index(s, directiveMark)
		if at < 0 {
			return s
		}
		end := strings.Index(s[at:], directiveEnd)
		if end < 0 {
			return s
		}
		s = strings.TrimSpace(s[:at] + s[at+end+len(directiveEnd):])
	}
}

// triesKey is what the tries of a request are counted by: the text that its first
// directive stands in, so that a request that was changed after a fault counts as the
// same one; without directives, its body.
func triesKey(sum [32]byte, body []byte) [32]byte {
	at := bytes.Index(body, []byte(directiveMark))
	if at < 0 {
		return sum
	}
	text := body[bytes.LastIndexByte(body[:at], '"')+1:]
	if end := bytes.IndexByte(text, '"'); end >= 0 {
		text = text[:end]
	}
	return sha256.Sum256(text)
}

// tries counts how often a request has met a fault since it was last answered
// without one.
type tries struct {
	mu sync.Mutex
	n  map[[32]byte]int
}

// triesKept bounds the memory of bodies that never come back.
const triesKept = 1 << 18

func (t *tries) count(sum [32]byte) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n[sum]
}

func (t *tries) add(sum [32]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[[32]byte]int{}
	}
	if len(t.n) >= triesKept {
		for old := range t.n {
			delete(t.n, old)
			break
		}
	}
	t.n[sum]++
}

func (t *tries) forget(sum [32]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.n, sum)
}

func checkDuration(s string) error {
	if d, err := time.ParseDuration(s); err != nil || d < 0 {
		return fmt.Errorf("%q is no duration; write 500ms or 2s", s)
	}
	return nil
}

func duration(s string, def time.Duration) time.Duration {
	if d, err := time.ParseDuration(s); err == nil {
		return d
	}
	return def
}

func checkSize(s string) error {
	if n, err := strconv.ParseInt(s, 10, 64); err != nil || n < 0 {
		return fmt.Errorf("%q is no number of bytes", s)
	}
	return nil
}

func checkAny(string) error { return nil }
