package output

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file decides which rows a selection means.

// A query is a selection that is being looked for.
type query struct {
	*Deriver
	*record.Selection
	names      []batch.Column
	evaluators evaluators // none, if no values are known
	review     *reviewer  // nil if the job has no rows marked
	where      []condition
	byValue    bool  // the answer of each row has to be read
	most       int   // rows that are kept
	last       int64 // the highest number that is selected

	kept  []*fetched
	found record.Found
	rows  int64           // that were looked at
	seen  []bool          // which of Rows were found
	keys  map[string]bool // whether each of Keys was found
	other []string        // the first keys of rows, among which the nearest is looked for
}

// A condition is met by a row whose column has one of the values.
type condition struct {
	column string
	values []string
	met    bool // a row had the column
}

func (d *Deriver) newQuery(ctx context.Context, s *record.Selection) (*query, error) {
	q := &query{Deriver: d, Selection: s, names: d.Columns.Names(), last: math.MaxInt64, seen: make([]bool, len(s.Rows)), keys: make(map[string]bool)}
	q.found.Status = make(map[batch.Status]int64)
	q.review = d.startReview()
	if d.List != nil { // the labels that are right are the input's
		var err error
		if q.review, err = d.newReviewer(ctx); err != nil {
			return nil, interrupted(ctx, err)
		}
		q.evaluators = d.newEvaluators()
	}
	if len(s.Keys) > 0 && q.keyColumn() == "" {
		return nil, spec.Errorf(`add "key: COLUMN" to the job file, and name that; or choose by any column, with --where COLUMN=VALUE`, "the job has no key, by which rows are named")
	}
	for _, key := range s.Keys {
		q.keys[key] = false
	}
	for i, r := range s.Rows {
		if i == 0 {
			q.last = 0
		}
		q.last = max(q.last, r.Last)
	}
	for _, text := range s.Labels {
		if err := q.addLabel(text); err != nil {
			return nil, err
		}
	}
	for _, text := range s.Where {
		column, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, spec.Errorf("write COLUMN=VALUE, such as finish_reason=SAFETY", "the condition %q names no value", text)
		}
		if err := q.addCondition(column, value); err != nil {
			return nil, err
		}
	}
	q.byValue = len(s.Status) > 0 || len(q.where) > 0
	switch {
	case s.Limit > 0:
		q.most = s.Limit
	case s.Sample > 0 || len(s.Rows)+len(s.Keys) > 0:
		q.most = math.MaxInt
	default:
		q.most = shownRows
	}
	if s.Sample > 0 {
		q.most = min(q.most, s.Sample)
	}
	return q, nil
}

// keyColumn returns the column that names the rows, or "" if there is none.
func (q *query) keyColumn() string {
	switch {
	case q.List != nil:
		return q.List.Key
	case q.Spec.Raw != nil:
		return cmp.Or(q.Spec.Key, work.RawKey)
	}
	return q.Spec.Key
}

// addLabel adds what a text of Selection.Labels asks for: the label of a question, or the value
// of a result column, if a question is not meant.
func (q *query) addLabel(text string) error {
	column, value, isPair := strings.Cut(text, "=")
	k := q.Prompt.Classification()
	var all, of []string // labels, and the questions that have this one
	if k != nil {
		for _, question := range k.Questions {
			name := q.Spec.Prefix + question.Column()
			switch {
			case slices.Contains(question.Labels(), text):
				of = append(of, name)
			case isPair && name == column && !slices.Contains(question.Labels(), value):
				return spec.Errorf(nearOf(value, question.Labels()), "the question %s has no label %q", name, value)
			}
			all = append(all, question.Labels()...)
		}
	}
	switch {
	case len(of) == 1:
		return q.addCondition(of[0], text)
	case len(of) > 1:
		return spec.Errorf(fmt.Sprintf("name the question, as in --label %s=%s", of[0], text), "several questions have the label %q: %s", text, message.List(of))
	case isPair && q.hasResult(column):
		return q.addCondition(column, value)
	case k == nil:
		return spec.Errorf("choose by a column of the output, with --where COLUMN=VALUE", "the job gives no labels")
	}
	return spec.Errorf(nearOf(text, all), "the job has no label %q", text)
}

// nearOf returns a hint with the name that is most like one that is not there, and the others.
func nearOf(name string, names []string) string {
	hint := "there are " + message.List(names)
	if near := message.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q? ", near) + hint
	}
	return hint
}

func (q *query) hasResult(column string) bool {
	return slices.ContainsFunc(q.names, func(c batch.Column) bool { return c.Name == column })
}

// addCondition adds a condition, or a value to the one that there is for the column.
func (q *query) addCondition(column, value string) error {
	// Rows of an input without a header may have columns that the first ones lack.
	if q.List == nil || q.List.Input.KnownColumns() {
		if err := q.checkColumn(column); err != nil {
			return err
		}
	}
	for i := range q.where {
		if q.where[i].column == column {
			q.where[i].values = append(q.where[i].values, value)
			return nil
		}
	}
	q.where = append(q.where, condition{column: column, values: []string{value}})
	return nil
}

// checkColumn returns an error if the output is not known to have a column.
func (q *query) checkColumn(column string) error {
	var names []string
	if q.List != nil {
		names = slices.Clone(q.List.Names())
	}
	for _, c := range q.names {
		names = append(names, c.Name)
	}
	if slices.Contains(names, column) {
		return nil
	}
	return spec.Errorf(nearOf(column, names), "there is no column %q", column)
}

// isNamed reports whether a row is one of those that Rows and Keys name, if they name any.
func (q *query) isNamed(f *fetched) bool {
	if len(q.Selection.Rows) > 0 {
		in := false
		for i, r := range q.Selection.Rows {
			if r.First <= f.Row.Number && f.Row.Number <= r.Last {
				in, q.seen[i] = true, true
			}
		}
		if !in {
			return false
		}
	}
	if len(q.Keys) > 0 {
		key := q.keyOf(f)
		if _, named := q.keys[key]; !named {
			if len(q.other) < 10_000 {
				q.other = append(q.other, key)
			}
			return false
		}
		q.keys[key] = true
	}
	return true
}

// holds reports whether a row has one of the statuses, and meets the conditions.
func (q *query) holds(f *fetched) bool {
	if len(q.Status) > 0 && !slices.Contains(q.Status, f.reply.status) {
		return false
	}
	if len(q.where) == 0 {
		return true
	}
	q.price(f, new(cost.Totals))
	row := q.rowOf(f, q.names, q.evaluators, q.review)
	for i := range q.where {
		c := &q.where[i]
		v, ok := row.Value(c.column)
		c.met = c.met || ok
		if !slices.ContainsFunc(c.values, func(value string) bool { return has(v, value) }) {
			return false
		}
	}
	return true
}

// has reports whether a value is, or as a list has, the one with this text. Null is the empty
// text.
func has(v any, text string) bool {
	if batch.Text(v) == text {
		return true
	}
	raw, _ := v.(json.RawMessage)
	var list []any
	if json.Unmarshal(raw, &list) != nil {
		return false
	}
	return slices.ContainsFunc(list, func(item any) bool { return batch.Text(item) == text })
}

func (q *query) keyOf(f *fetched) string {
	if q.List != nil {
		return q.List.KeyOf(f.Row) // also of a row that has no request
	}
	return f.Request.Key
}

// missing returns an error if a row, key or column was named that there is not.
func (q *query) missing() error {
	for i, r := range q.Selection.Rows {
		if q.seen[i] {
			continue
		}
		which := fmt.Sprintf("row %d", r.First)
		if r.First != r.Last {
			which = fmt.Sprintf("row from %d to %d", r.First, r.Last)
		}
		has := message.Plural(int(q.rows), "row")
		switch {
		case q.List == nil:
			return spec.Errorf("", "the journal has no %s", which)
		case q.Spec.Sample > 0:
			return spec.Errorf("without --row, some of them are shown", "the job has no %s: it has %s, which are a sample of the input", which, has)
		}
		return spec.Errorf("rows count from 1, and bad ones count too", "the job has no %s: it has %s", which, has)
	}
	for _, key := range q.Keys {
		if q.keys[key] {
			continue
		}
		hint := ""
		if near := message.Nearest(key, q.other); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return spec.Errorf(hint, "no row has the %s %q", q.keyColumn(), key)
	}
	for _, c := range q.where {
		if c.met || q.found.Total == 0 {
			continue
		}
		if err := q.checkColumn(c.column); err != nil {
			return err
		}
	}
	return nil
}
