package compare

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/writer"
)

// A changedFile is a table of the pairs that changed: the input columns that both sides have,
// and what each side answered. All of it is text, since the columns of two inputs, or the
// answers of two schemas, need not be of one type.
type changedFile struct {
	out    *writer.Output
	pairer *pairer
}

func newChangedFile(p *pairer) (*changedFile, error) {
	l := &changedFile{pairer: p}
	names := append(slices.Clone(p.columns), "status_a", "status_b")
	for i, field := range p.fields {
		if names = append(names, field+"_a", field+"_b"); p.judged[i] {
			names = append(names, field+"_right_a", field+"_right_b")
		}
	}
	for _, side := range []*Side{p.config.A, p.config.B} {
		if side.file != nil && durable.IsSame(side.Name, p.config.Changed) {
			return nil, spec.Errorf("write to another file", "%s is compared", side.Name)
		}
	}
	c := writer.Config{Path: p.config.Changed}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, spec.Errorf("leave out --changed", "the rows have a column %q, and so has the file of those that changed", name)
		}
		c.Columns = append(c.Columns, batch.Column{Name: name})
	}
	if err := writer.Check(c); err != nil {
		return nil, &spec.Error{Err: err}
	}
	var err error
	l.out, err = writer.Create(c)
	return l, err
}

// write writes a pair; row is that of B.
func (l *changedFile) write(row *record.Row, a, b *entry) error {
	var values []any
	for _, name := range l.pairer.columns {
		v, _ := row.Input.Value(name)
		values = append(values, batch.TextOfBytes(v))
	}
	values = append(values, string(a.Status), string(b.Status))
	for i, judged := range l.pairer.judged {
		values = append(values, a.Values[i], b.Values[i])
		if judged {
			values = append(values, a.Right[i].text(), b.Right[i].text())
		}
	}
	return l.out.Write(nil, values)
}

// text returns a verdict as it is written, or null.
func (v verdict) text() any {
	switch v {
	case right:
		return "true"
	case wrong:
		return "false"
	}
	return nil
}

func (l *changedFile) abort() { _ = l.out.Abort() } // nothing is lost with it, and committed it does nothing

func (l *changedFile) commit() error { return l.out.Commit() }
