package page

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/genbatch/genbatch/jobs/compare"
	"github.com/genbatch/genbatch/jobs/report"
)

// flowsShown is how many flows of a field a page shows.
const flowsShown = 30

// A Comparison is the page of how two runs compare.
type Comparison struct {
	*compare.Comparison
	Made time.Time // now, mostly
}

// WriteTo writes the page. It implements [io.WriterTo].
func (c *Comparison) WriteTo(w io.Writer) (int64, error) {
	f, err := newFrame(fmt.Sprintf("%s and %s", filepath.Base(c.A.Name), filepath.Base(c.B.Name)), c.Made)
	if err != nil {
		return 0, err
	}
	f.Simulated = c.A.Simulated || c.B.Simulated
	var b bytes.Buffer
	if err := write(&b, "compare.html", &compared{frame: f, Comparison: c.Comparison}); err != nil {
		return 0, err
	}
	return b.WriteTo(w)
}

// A compared is a Comparison as its template reads it.
type compared struct {
	*frame
	*compare.Comparison
}

// Sides say what is compared.
func (c *compared) Sides() []fact {
	facts := []fact{{"A", safe(report.SideText(&c.A))}, {"B", safe(report.SideText(&c.B))}, {"pairs", safe(report.PairsText(c.Comparison))}}
	if len(c.Status) > 0 {
		facts = append(facts, fact{"status changed", safe(report.StatusFlows(c.Comparison))})
	}
	if text := report.ModelsText(c.Comparison); text != "" {
		facts = append(facts, fact{"models", safe(text)})
	}
	return facts
}

// Parts are the fields that are compared.
func (c *compared) Parts() (list []comparedField) {
	for i := range c.Fields {
		list = append(list, comparedField{&c.Fields[i]})
	}
	return list
}

// Figures are what both sides came to and cost.
func (c *compared) Figures() [][5]string { return report.FigureLines(c.Comparison) }

// A comparedField is a field as it is shown.
type comparedField struct{ *compare.Field }

// Verdict says which side is right more often; nothing if it is not known.
func (f comparedField) Verdict() string {
	if f.Known == nil {
		return ""
	}
	return report.Verdict(f.Known)
}

// KnownLines are the figures behind it.
func (f comparedField) KnownLines() [][5]string {
	if f.Known == nil || f.Known.Rows == 0 {
		return nil
	}
	return report.KnownLines(f.Known)
}

// Changes says how many pairs changed.
func (f comparedField) Changes() string { return report.ChurnText(f.Field) }

// LeftOut says which pairs are not judged.
func (f comparedField) LeftOut() []string {
	if f.Known == nil {
		return nil
	}
	return report.LeftOut(f.Known)
}

// A flow is a line of the table of what became what.
type flow struct {
	A, B  string
	Pairs int64
}

// TopFlows are the most frequent of them.
func (f comparedField) TopFlows() (list []flow) {
	for _, one := range f.Flows[:min(len(f.Flows), flowsShown)] {
		list = append(list, flow{orNone(short(one.A)), orNone(short(one.B)), one.Pairs})
	}
	return list
}

// MoreFlows is how many there are beside those.
func (f comparedField) MoreFlows() int { return max(0, len(f.Flows)-flowsShown) }

// orNone says that there is no value.
func orNone(value string) string {
	if value == "" {
		return "(none)"
	}
	return value
}

// A pair is an example of what changed.
type pair struct{ Name, A, B, Expected string }

// Changed are examples of what changed.
func (f comparedField) Changed() []pair { return pairsOf(f.Examples) }

// Lost are examples of where A is right, and B is not.
func (f comparedField) Lost() []pair {
	if f.Known == nil {
		return nil
	}
	return pairsOf(f.Known.Lost)
}

func pairsOf(examples []compare.Example) (list []pair) {
	for _, e := range examples {
		name := e.Key
		if name == "" {
			name = filepath.Base(e.Place)
		}
		list = append(list, pair{short(name), orNone(line(e.A, 400)), orNone(line(e.B, 400)), short(e.Expected)})
	}
	return list
}
