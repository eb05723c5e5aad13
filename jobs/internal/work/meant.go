package work

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// CheckMeant returns a [*spec.Error] if the job cannot be meant as it stands: its prompt
// uses nothing of a row, or comes to the same for the first rows although these differ, or
// can be made of none of them. It reads no more rows than it must to see that all is well.
// The log gets what is odd and is sent all the same.
func (l *List) CheckMeant(log *slog.Logger) error {
	if len(l.names) == 0 {
		return nil // there are no rows
	}
	if err := l.Prompt.CheckMeant(l.names); err != nil {
		return err
	}
	for _, text := range l.Prompt.Oddities(l.names) {
		log.Warn(text)
	}
	first, err := l.firstRows(log)
	if err != nil {
		return err
	}
	switch {
	case first.rendered == 0 && prompt.IsFault(first.err):
		return spec.Errorf("", "%w; it is so in all of the first %s", first.err, message.Plural(first.bad, "row"))
	case first.same && first.differ && !l.AllowSame && !l.Dedupe && l.Media == nil && l.Prompt.HasTemplates():
		return spec.Errorf("use a column that tells them apart; "+prompt.AllowSame,
			"the first %d rows of the input differ, and the prompt makes the same text of each of them", first.rendered)
	}
	return nil
}

// firstRows is what the first rows of an input come to.
type firstRows struct {
	rendered int   // how many have a request with a text
	same     bool  // they all ask the same
	differ   bool  // they are not all the same themselves
	bad      int   // how many cannot be rendered
	err      error // of the first of them
}

// firstRows looks at the first rows, until two of them ask different things.
func (l *List) firstRows(log *slog.Logger) (r firstRows, err error) {
	var one *batch.Row
	var model string
	var body []byte
	reworded := false
	r.same = true
	n := 0
	for row, err := range l.Rows() {
		if n++; n > peekRows {
			break
		}
		if err != nil {
			return r, &spec.Error{Err: err}
		}
		if row.Err != nil {
			continue
		}
		m, b, err := l.Prompt.Render(row)
		if err == nil {
			err = l.Prompt.Foreign(b)
		}
		if err != nil {
			if r.bad++; r.err == nil {
				r.err = fmt.Errorf("%s: %w", row.Place(), err)
			}
			continue
		}
		if l.Prompt.Changed(row) && !reworded {
			reworded = true
			log.Warn("this job was begun by an earlier genbatch, which writes some values of its rows otherwise (1e+06 for 1000000, [a b] for a list): it goes on so, since all would be asked and paid for again; --fresh begins it anew")
		}
		if l.Prompt.IsEmpty(row) {
			continue
		}
		if r.rendered++; one == nil {
			one, model, body = row, m, b
			continue
		}
		r.same = r.same && m == model && bytes.Equal(b, body)
		r.differ = r.differ || !sameValues(one, row)
		if (!r.same || !l.Prompt.HasTemplates()) && (reworded || l.Prompt.Wording() == prompt.Wording) {
			break
		}
	}
	return r, nil
}

// sameValues reports whether two rows have the same values.
func sameValues(a, b *batch.Row) bool {
	return slices.EqualFunc(a.Values, b.Values, func(x, y any) bool { return batch.Text(x) == batch.Text(y) })
}

// hasMedia reports whether a row has anything in its media columns.
func (l *List) hasMedia(row *batch.Row) bool {
	return slices.ContainsFunc(l.Media.Columns(), func(name string) bool {
		v, _ := row.Value(name)
		return batch.Text(v) != ""
	})
}
