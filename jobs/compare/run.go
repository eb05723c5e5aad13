package compare

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Config says what is compared. A and B are required.
type Config struct {
	A, B *Side

	// Key is the column that pairs rows. If it is empty, it is the key of both sides if they
	// have the same, and else the input columns that both have pair them, in order where
	// several rows have the same values.
	Key string

	// Fields are the columns of answers to compare, without prefix. If there are none, they
	// are those that both sides have.
	Fields []string

	// Expected are the columns with what is right, by the field. They count before those of
	// the sides. An empty name stands for the only field, or for that with the label.
	Expected map[string]string

	// Changed is a file to which the pairs are written that changed. None is if it is empty.
	// One that is there is replaced.
	Changed string
}

// Run compares two runs. The error is a [*spec.Error] if they cannot be compared: they have no
// field in common, no row, or two rows with the same key. It is [batch.ErrInterrupted] if ctx
// ended, or what broke a side.
func Run(ctx context.Context, c Config) (*Comparison, error) {
	p, err := newPairer(ctx, &c)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.readA(ctx); err != nil {
		return nil, err
	}
	if err := p.readB(ctx); err != nil {
		return nil, err
	}
	return p.finish()
}

// A pairer brings together the rows of both sides.
type pairer struct {
	config  *Config
	key     string
	columns []string // the input columns that pair, if no key does
	fields  []string

	// For both sides the columns with what is right, by the field, and whether the user has
	// named them.
	expected [2]map[string]string
	named    map[string]bool
	judged   []bool // fields whose right answers may be known, as far as the columns show

	verdicts [2][]string // of both sides, the column that says of each field whether it is right; may be empty

	index *index
	tally *tally
	list  *changedFile // nil if none is written
	onlyB map[identity]bool
}

func newPairer(ctx context.Context, c *Config) (*pairer, error) {
	var looks [2]look
	for i, s := range []*Side{c.A, c.B} {
		var err error
		if looks[i], err = s.look(ctx); err != nil {
			return nil, err
		}
	}
	a, b := &looks[0], &looks[1]
	p := &pairer{config: c, key: c.Key, onlyB: make(map[identity]bool)}
	if p.key == "" && c.A.Key == c.B.Key {
		p.key = c.A.Key
	}
	var err error
	if p.fields, err = fieldsOf(c, a, b); err != nil {
		return nil, err
	}
	a.inputs, b.inputs = c.A.inputsBefore(a.inputs, p.fields), c.B.inputsBefore(b.inputs, p.fields)
	for _, name := range a.inputs {
		if slices.Contains(b.inputs, name) {
			p.columns = append(p.columns, name)
		}
	}
	if err := p.checkKey(a, b); err != nil {
		return nil, err
	}
	if err := p.setExpected(a, b); err != nil {
		return nil, err
	}
	if p.index, err = newIndex(); err != nil {
		return nil, err
	}
	p.tally = newTally(p)
	if c.Changed != "" {
		if p.list, err = newChangedFile(p); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

func (p *pairer) close() {
	if p.index != nil {
		_ = p.index.close() // a temporary file, which nobody reads again
	}
	if p.list != nil {
		p.list.abort()
	}
}

// readA keeps the rows of A.
func (p *pairer) readA(ctx context.Context) error {
	seen := func(id identity) bool { _, ok := p.index.at[id]; return ok }
	for r, err := range p.rows(ctx, p.config.A, &p.tally.c.A, seen) {
		if err == nil {
			err = p.index.add(r.id, r.entry)
		}
		if err != nil {
			return err
		}
	}
	return p.index.flush()
}

// readB looks for the partner of each row of B.
func (p *pairer) readB(ctx context.Context) error {
	b := &p.tally.c.B
	seen := func(id identity) bool { return p.index.paired(id) || p.onlyB[id] }
	for r, err := range p.rows(ctx, p.config.B, b, seen) {
		if err != nil {
			return err
		}
		a, ok, err := p.index.take(r.id)
		if err != nil {
			return err
		}
		if !ok {
			p.onlyB[r.id] = true
			b.unpaired(r.entry.Place)
			continue
		}
		if !p.tally.add(a, r.entry) || p.list == nil {
			continue
		}
		if err := p.list.write(r.row, a, r.entry); err != nil {
			return err
		}
	}
	return nil
}

// finish counts what is only in A, and returns the comparison.
func (p *pairer) finish() (*Comparison, error) {
	c := p.tally.finish()
	var left []int64
	for _, at := range p.index.at {
		if at >= 0 {
			left = append(left, at)
		}
	}
	slices.Sort(left)
	for i, at := range left {
		place := ""
		if i < examples {
			e, err := p.index.read(at)
			if err != nil {
				return nil, err
			}
			place = e.Place
		}
		c.A.unpaired(place)
	}
	if p.tally.met == 0 {
		how := "by the values of " + message.List(p.columns)
		if p.key != "" {
			how = "by the key " + p.key
		}
		return nil, spec.Errorf("compare runs over the same table, or name a column by which rows can be paired with --key",
			"no row of %s (%s) is in %s (%s), %s", c.A.Name, message.Plural(int(c.A.Rows), "row"), c.B.Name, message.Plural(int(c.B.Rows), "row"), how)
	}
	if c.Pairs == 0 {
		return nil, spec.Errorf("run the jobs first", "no row has an answer on both sides: %s pending in %s, and %d in %s", message.Plural(int(c.A.Pending), "row"), c.A.Name, c.B.Pending, c.B.Name)
	}
	if p.list != nil {
		if err := p.list.commit(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// A sideRow is a row with its identity and what is kept of it.
type sideRow struct {
	id    identity
	row   *record.Row
	entry *entry
}

// rows ranges over the rows of a side, each with an identity of its own. seen reports whether
// an identity has come before.
func (p *pairer) rows(ctx context.Context, s *Side, f *Figures, seen func(identity) bool) iter.Seq2[sideRow, error] {
	return func(yield func(sideRow, error) bool) {
		repeats := make(map[identity]int)
		for row, err := range s.Rows(ctx) {
			if err != nil {
				yield(sideRow{}, err)
				return
			}
			f.Rows++
			id := identityOf(p.naming(row))
			if seen(id) {
				if p.key != "" {
					yield(sideRow{}, p.repeated(s, row))
					return
				}
				repeats[id]++
				id = id.nth(repeats[id])
			}
			if !yield(sideRow{id, row, p.entryOf(s, row)}, nil) {
				return
			}
		}
	}
}

// naming returns the values by which a row is paired.
func (p *pairer) naming(row *record.Row) []string {
	if p.key != "" {
		return []string{p.keyOf(row)}
	}
	values := make([]string, len(p.columns))
	for i, name := range p.columns {
		v, _ := row.Input.Value(name)
		values[i] = output.Canonical(v)
	}
	return values
}

func (p *pairer) keyOf(row *record.Row) string {
	if p.key == "" {
		return ""
	}
	v, _ := row.Input.Value(p.key)
	return output.Canonical(v)
}

// repeated refuses a key that two rows have.
func (p *pairer) repeated(s *Side, row *record.Row) error {
	what := fmt.Sprintf("the same %s: %q", p.key, message.OneLine(p.keyOf(row), 60))
	if p.keyOf(row) == "" {
		what = "no " + p.key
	}
	return spec.Errorf("name a column with --key that is another in each row", "two rows of %s have %s; the second is at %s", s.Name, what, row.Input.Place())
}

// entryOf returns what is kept of a row.
func (p *pairer) entryOf(s *Side, row *record.Row) *entry {
	e := &entry{
		Place: row.Input.Place(), Key: p.keyOf(row), Status: row.Status, Shown: row.Shown,
		Values: make([]string, len(p.fields)), Right: make([]verdict, len(p.fields)), Known: make([]string, len(p.fields)),
		Cost: row.Cost, Priced: row.Priced, Usage: row.Usage,
	}
	if r := row.Result; r != nil {
		e.Model = cmp.Or(r.ModelVersion, r.Model)
		if n := len(r.Spent); !row.Copied && (n == 0 || r.Spent[n-1].Counts()) {
			e.Latency = r.LatencyMS
		}
	}
	side := 0
	if s == p.config.B {
		side = 1
	}
	for i, field := range p.fields {
		v, _ := row.Value(s.Prefix + field)
		e.Values[i] = output.Canonical(v)
		if column := p.expected[side][field]; column != "" {
			v, _ := row.Input.Value(column)
			e.Known[i] = output.Canonical(v)
		}
		e.Right[i] = p.judge(side, row, i, e)
	}
	return e
}

// judge says whether the answer of field i is right. A run's own evaluation knows best, unless
// it is that of a file, and the user has named another column since.
func (p *pairer) judge(side int, row *record.Row, i int, e *entry) verdict {
	isFile := [2]*Side{p.config.A, p.config.B}[side].file != nil
	if column := p.verdicts[side][i]; column != "" && !(isFile && p.named[p.fields[i]]) {
		return verdictOf(row, column)
	}
	switch {
	case e.Known[i] == "" || row.Status == batch.Pending:
		return unknown
	case row.Status == batch.OK && sameAnswer(e.Values[i], e.Known[i]):
		return right
	}
	return wrong
}

// verdictOf returns what a run's own evaluation says of an answer.
func verdictOf(row *record.Row, column string) verdict {
	value, _ := row.Value(column)
	switch output.Canonical(value) {
	case "true":
		return right
	case "false":
		return wrong
	}
	return unknown
}

// unpaired counts a row that the other side does not have.
func (f *Figures) unpaired(place string) {
	f.Unpaired++
	if len(f.Examples) < examples && place != "" {
		f.Examples = append(f.Examples, place)
	}
}
