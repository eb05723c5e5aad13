package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Gate says what a comparison must come to, for programs that stop at a change for the worse.
// The zero value lets everything pass.
type Gate struct {
	// Under is the least accuracy of B, from 0 to 1, by the field. An empty name stands for
	// every field whose right answers are known.
	Under map[string]float64

	// Regression refuses a B that is right less often than A, and more so than chance
	// explains; see [Known.Better].
	Regression bool
}

// A GateError says why a comparison does not pass: each reason is a sentence without its full
// stop, and there is one at least.
type GateError struct{ Reasons []string }

func (e *GateError) Error() string { return strings.Join(e.Reasons, "; ") }

// Check returns nil if a comparison passes, and else a [*GateError], or a [*spec.Error] if there
// is nothing to judge by.
func (g *Gate) Check(c *Comparison) error {
	failures, err := g.failures(c)
	if err == nil && len(failures) > 0 {
		err = &GateError{failures}
	}
	return err
}

func (g *Gate) failures(c *Comparison) (failures []string, err error) {
	known := make(map[string]*Known)
	var names []string
	for i := range c.Fields {
		if f := &c.Fields[i]; f.Known != nil && f.Known.Rows > 0 {
			known[f.Name] = f.Known
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 && (g.Regression || len(g.Under) > 0) {
		return nil, spec.Errorf("name the column with the right ones with --expected", "--fail-under and --fail-on-regression need known answers, and no row has one")
	}
	for _, field := range slices.Sorted(maps.Keys(g.Under)) {
		judged := []string{field}
		if field == "" {
			judged = names
		}
		for _, name := range judged {
			k := known[name]
			if k == nil {
				return nil, spec.Errorf("it can name "+message.List(names), "--fail-under names the field %q, whose right answers are not known", name)
			}
			if least := g.Under[field]; k.AccuracyB < least {
				failures = append(failures, fmt.Sprintf("the accuracy of B in %s is %.4f, below %g", name, k.AccuracyB, least))
			}
		}
	}
	for _, name := range names {
		if k := known[name]; g.Regression && k.Better() < 0 {
			failures = append(failures, fmt.Sprintf("B is right less often than A in %s (McNemar mid-p %.2g)", name, k.MidP))
		}
	}
	return failures, nil
}
