package compare

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/stats"
)

const (
	examples = 5 // of each kind that are kept

	// A field with more values than mostValues, or more than one for two pairs, is a text, of
	// which it says nothing which one became which. A label is one in any case.
	mostValues = 1000

	resamples = 2000 // of the bootstrap
	mostCells = 4000 // kinds of pairs in it, which bound its time to some seconds
)

// A tally adds up pairs.
type tally struct {
	c        *Comparison
	labels   bool // the answers are labels, as far as the sides tell
	status   map[[2]string]int64
	fields   []fieldTally
	met      int64 // rows that both sides have
	latency  [2][]int64
	expected [2]map[string]string
}

// A fieldTally is what is counted of a field.
type fieldTally struct {
	*Field
	known  Known
	values map[string]bool     // different ones, up to mostValues + 1
	flows  map[[2]string]int64 // nil: there are too many values
	cells  map[cell]int64      // nil: there are too many, or answers are lists
	named  map[string]string   // the label that a text of the column with known labels stands for
}

// A cell is what is alike in pairs for the macro F1.
type cell struct{ expected, a, b string }

func newTally(p *pairer) *tally {
	a, b := p.config.A, p.config.B
	t := &tally{
		c:        &Comparison{A: newFigures(a), B: newFigures(b), Key: p.key, ChangedFile: p.config.Changed, Fields: make([]Field, len(p.fields))},
		labels:   (a.Labels || b.Labels) && (a.Labels || a.file != nil) && (b.Labels || b.file != nil),
		status:   make(map[[2]string]int64),
		expected: p.expected,
	}
	if p.key == "" {
		t.c.Columns = p.columns
	}
	for i, name := range p.fields {
		f := &t.c.Fields[i]
		f.Name = name
		t.fields = append(t.fields, fieldTally{
			Field: f, values: make(map[string]bool), flows: make(map[[2]string]int64), cells: make(map[cell]int64), named: make(map[string]string),
		})
	}
	return t
}

func newFigures(s *Side) Figures {
	return Figures{Name: s.Name, File: s.file != nil, Sampled: s.Sampled, Status: make(map[batch.Status]int64), Models: make(map[string]int64)}
}

// add adds a pair, and reports whether anything of it changed.
func (t *tally) add(a, b *entry) (changed bool) {
	t.met++
	if a.Status == batch.Pending || b.Status == batch.Pending {
		if a.Status == batch.Pending {
			t.c.A.Pending++
		}
		if b.Status == batch.Pending {
			t.c.B.Pending++
		}
		return false
	}
	t.c.Pairs++
	t.c.A.add(a)
	t.c.B.add(b)
	for i, e := range []*entry{a, b} {
		if e.Latency > 0 {
			t.latency[i] = append(t.latency[i], e.Latency)
		}
	}
	if a.Status != b.Status {
		changed = true
		t.status[[2]string{string(a.Status), string(b.Status)}]++
	}
	for i := range t.fields {
		if t.fields[i].add(a, b, i) {
			changed = true
		}
	}
	if changed {
		t.c.Changed++
	}
	return changed
}

// add adds a row of a pair.
func (f *Figures) add(e *entry) {
	f.Status[e.Status]++
	switch {
	case e.Priced:
		f.Cost += e.Cost
		f.Priced++
	case e.Status != batch.Skipped:
		f.Unpriced++
	}
	if u := e.Usage; u != nil {
		f.Tokens.Rows++
		f.Tokens.Prompt += u.PromptTokenCount
		f.Tokens.Cached += u.CachedContentTokenCount
		f.Tokens.Tool += u.ToolUsePromptTokenCount
		f.Tokens.Thoughts += u.Thoughts()
		f.Tokens.Output += u.CandidatesTokenCount
	}
	if e.Model != "" {
		f.Models[e.Model]++
		f.Simulated = f.Simulated || cost.IsSimulated(e.Model)
	}
}

// add adds the values of field i, and reports whether they differ.
func (f *fieldTally) add(a, b *entry, i int) (changed bool) {
	x, y := a.Values[i], b.Values[i]
	for _, v := range []string{x, y} {
		if len(f.values) <= mostValues && !f.values[v] {
			f.values[v] = true
		}
	}
	changed = x != y
	example := Example{Key: b.Key, Place: b.Place, A: x, B: y, Expected: cmp.Or(a.Known[i], b.Known[i])}
	if changed {
		f.Changed++
		if len(f.values) > mostValues {
			f.flows = nil
		}
		if f.flows != nil {
			f.flows[[2]string{x, y}]++
		}
		if len(f.Examples) < examples {
			f.Examples = append(f.Examples, example)
		}
	}
	k := &f.known
	if a.Right[i] == unknown || b.Right[i] == unknown {
		if a.Right[i] != b.Right[i] {
			k.OneSided++
		}
		return changed
	}
	if a.Shown || b.Shown {
		k.Shown++
		return changed
	}
	switch rightA, rightB := a.Right[i] == right, b.Right[i] == right; {
	case rightA && rightB:
		k.Both++
	case rightA:
		k.OnlyA++
		if len(k.Lost) < examples {
			k.Lost = append(k.Lost, example)
		}
	case rightB:
		k.OnlyB++
	default:
		k.Neither++
	}
	f.addCell(a, b, i)
	return changed
}

// addCell counts a pair whose right label is known for the macro F1.
func (f *fieldTally) addCell(a, b *entry, i int) {
	if f.cells == nil {
		return
	}
	c := cell{cmp.Or(a.Known[i], b.Known[i]), a.Values[i], b.Values[i]}
	isList := strings.HasPrefix(c.a, "[") || strings.HasPrefix(c.b, "[") || strings.HasPrefix(c.expected, "[")
	if isList || c.expected == "" || len(f.cells) == mostCells && f.cells[c] == 0 {
		f.cells = nil
		return
	}
	f.cells[c]++
	// A job reads "Net " as its label net. Which text stands for which label shows where an
	// answer is right.
	if a.Right[i] == right {
		f.named[c.expected] = c.a
	} else if b.Right[i] == right {
		f.named[c.expected] = c.b
	}
}

// finish computes what follows from the counts.
func (t *tally) finish() *Comparison {
	c := t.c
	c.Status = flowsOf(t.status)
	for i, f := range []*Figures{&c.A, &c.B} {
		f.Latency = latencyOf(t.latency[i])
	}
	for i := range t.fields {
		f := &t.fields[i]
		f.Pairs = c.Pairs
		if c.Pairs > 0 {
			f.Churn = new(float64(f.Changed) / float64(c.Pairs))
			f.Interval = new(stats.Wilson(f.Changed, c.Pairs))
		}
		isLabel := t.labels || f.Name == "label" || f.Name == "labels" || int64(2*len(f.values)) <= c.Pairs
		if f.flows != nil && isLabel && len(f.values) <= mostValues {
			f.Flows = flowsOf(f.flows)
		}
		if f.known.finish(); f.known.Rows > 0 || cmp.Or(t.expected[0][f.Name], t.expected[1][f.Name]) != "" {
			f.known.Column = cmp.Or(t.expected[0][f.Name], t.expected[1][f.Name])
			if isLabel {
				f.known.F1 = f.f1()
			}
			f.Known = &f.known
		}
	}
	return c
}

// latencyOf returns the quantiles of latencies, which it sorts.
func latencyOf(ms []int64) (l Latency) {
	if l.Rows = int64(len(ms)); l.Rows > 0 {
		slices.Sort(ms)
		l.Median, l.P95 = stats.Quantile(ms, 0.5), stats.Quantile(ms, 0.95)
	}
	return l
}

// f1 returns the macro F1 of both sides, or nil if it is not known.
func (f *fieldTally) f1() *F1 {
	if len(f.cells) == 0 {
		return nil
	}
	numbers := make(map[string]int)
	number := func(label string) []int {
		if label == "" {
			return nil
		}
		n, ok := numbers[label]
		if !ok {
			n = len(numbers)
			numbers[label] = n
		}
		return []int{n}
	}
	// In order, so that the same pairs draw the same.
	keys := make([]cell, 0, len(f.cells))
	for c := range f.cells {
		keys = append(keys, c)
	}
	slices.SortFunc(keys, func(x, y cell) int {
		return slices.Compare([]string{x.expected, x.a, x.b}, []string{y.expected, y.a, y.b})
	})
	var cells []stats.Cell
	for _, c := range keys {
		cells = append(cells, stats.Cell{Expected: number(f.labelOf(c.expected)), A: number(c.a), B: number(c.b), Pairs: f.cells[c]})
	}
	r := &F1{Resamples: resamples}
	r.A, r.B = stats.MacroF1(cells, len(numbers))
	r.Difference = r.B - r.A
	r.Interval = stats.MacroF1Interval(cells, len(numbers), resamples)
	return r
}

// labelOf returns the label that a text of the column with known labels stands for.
func (f *fieldTally) labelOf(text string) string {
	if label, ok := f.named[text]; ok {
		return label
	}
	for _, label := range slices.Sorted(maps.Keys(f.values)) {
		if sameAnswer(label, text) {
			return label
		}
	}
	return text
}
