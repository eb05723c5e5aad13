// Package work makes work of a job's rows: it renders each to a request, looks up what
// the journal knows of it, and says what is to become of it. Whatever asks about the
// rows of a job (a run, a plan, a sample, an output) goes through a [List].
package work

import (
	"context"
	"fmt"
	"iter"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// A Config says what a List needs. All fields but those that say otherwise are
// required.
type Config struct {
	Input  *reader.Input
	Prompt *prompt.Prompt
	Media  *media.Parts // nil: no column has media

	Limit  int                   // only the first rows; 0: all
	Dedupe bool                  // rows with the same request share a call
	Key    string                // the column that names rows in messages; may be empty
	Retry  map[batch.Status]bool // statuses that are asked again although they are settled; may be nil

	// Reserved are the result columns, which the input must not have.
	Reserved []batch.Column

	// Refuse returns why a request is known to be refused, or nil. What has an answer
	// keeps it, whatever is known of its request by now.
	Refuse func(*batch.Request) error
}

// A List is the rows of a job in input order. Each of its iterators reads the input
// anew. It is for one goroutine at a time, but for Count.
type List struct {
	Config
	journal *journal.Journal
	only    map[batch.ID]bool // nil: all rows
	names   []string          // the input's columns, as far as they are known
}

// NewList returns a list, and learns the input's columns. Its errors are spec.Errors.
func NewList(c Config) (*List, error) {
	l := &List{Config: c}
	var err error
	l.names, err = columnNames(c.Input)
	return l, err
}

// Use has the list look up results in a journal. It comes before every method that
// yields items.
func (l *List) Use(j *journal.Journal) { l.journal = j }

// Only returns the list of the rows with these identities. The list that it was made
// of stays as it is.
func (l *List) Only(ids map[batch.ID]bool) *List {
	part := *l
	part.only = ids
	return &part
}

// Rows ranges over the input's rows, as far as the limit goes. A broken source is the
// second value, and the last.
func (l *List) Rows() iter.Seq2[*batch.Row, error] {
	return func(yield func(*batch.Row, error) bool) {
		n := 0
		for row, err := range l.Input.Rows() {
			if l.Limit > 0 && n == l.Limit {
				return
			}
			n++
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&row, nil) {
				return
			}
		}
	}
}

// Items ranges over the rows of the list. A broken source is the second value, and the
// last.
func (l *List) Items() iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		p := l.newPass()
		for row, err := range l.Rows() {
			if err != nil {
				yield(Item{}, err)
				return
			}
			it := p.item(row)
			if l.only != nil && (it.Request == nil || !l.only[it.Request.ID()]) {
				continue
			}
			if it.Request != nil && it.Entry.Status == "" {
				if err := l.Refuse(it.Request); err != nil {
					it.Request, it.Err, it.Fate = nil, fmt.Errorf("%s: %w", row.Place(), err), Bad
				}
			}
			if !yield(it, nil) {
				return
			}
		}
	}
}

// All ranges over all rows of the input, those past the limit and out of the sample
// too, so that the journal knows afterwards what nobody asks for. What is refused is
// not looked at.
func (l *List) All() iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		p := l.newPass()
		for row, err := range l.Input.Rows() {
			if err != nil {
				yield(Item{}, err)
				return
			}
			if !yield(p.item(&row), nil) {
				return
			}
		}
	}
}

// A pass is one reading of the rows.
type pass struct {
	*List
	results *journal.Pass
	clash   columnClash
}

func (l *List) newPass() *pass { return &pass{l, l.journal.Pass(), l.newClash()} }

// item returns a row with its request and its fate, apart from what is refused.
func (p *pass) item(row *batch.Row) Item {
	it := Item{Row: row}
	if it.Request, it.Err = p.request(row, &p.clash); it.Err != nil {
		return it
	}
	var known bool
	it.Request.Occurrence, it.Entry, known = p.results.Next(it.Request.Fingerprint)
	switch {
	case p.Dedupe && it.Request.Occurrence > 0 && !known:
		it.Fate = Copied
		it.Entry, _ = p.journal.Lookup(it.Request.Fingerprint, 0)
	case !known:
		it.Fate = New
	case it.Entry.Status.Settled() && !p.Retry[it.Entry.Status]:
		it.Fate = Settled
	default:
		it.Fate = Again
	}
	return it
}

// request returns what a row renders to. An error is the row's.
func (l *List) request(row *batch.Row, clash *columnClash) (*batch.Request, error) {
	if row.Err != nil {
		return nil, row.Err
	}
	model, body, err := l.Prompt.Render(row)
	var parts []batch.Media
	partTokens := 0
	if err == nil && l.Media != nil {
		body, parts, partTokens, err = l.Media.Add(row, body)
	}
	if err == nil {
		err = clash.check(row)
	}
	var f batch.Fingerprint
	switch {
	case err != nil:
	case l.Prompt.Canonical() && l.Media == nil: // media change the body
		f = batch.FingerprintOfCanonical(model, body)
	default:
		f, err = batch.FingerprintOf(model, body)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", row.Place(), err)
	}
	return &batch.Request{
		Row:         row.Number,
		Key:         l.keyOf(row),
		Model:       model,
		Fingerprint: f,
		Body:        body,
		Media:       parts,
		InputTokens: prompt.EstimateTokens(body) + partTokens,
	}, nil
}

// Check reads the whole input and returns its first bad row as a spec.Error: --strict.
// It needs no journal.
func (l *List) Check() error {
	clash := l.newClash()
	for row, err := range l.Rows() {
		if err == nil {
			var req *batch.Request
			if req, err = l.request(row, &clash); err == nil {
				if err = l.Refuse(req); err != nil {
					err = fmt.Errorf("%s: %w", row.Place(), err)
				}
			}
		}
		if err != nil {
			return spec.Errorf("mend the row, or run without --strict to have it skipped", "%w", err)
		}
	}
	return nil
}

// CheckKeys reads the input once and refuses a key that names two rows.
func (l *List) CheckKeys() error {
	first := make(map[string]string)
	for row, err := range l.Rows() {
		if err != nil {
			return &spec.Error{Err: err}
		}
		key := l.keyOf(row)
		if key == "" {
			continue
		}
		if place, taken := first[key]; taken {
			return spec.Errorf("choose a column that names each row once", "%s: the %s %q stands at %s already", row.Place(), l.Key, key, place)
		}
		first[key] = row.Place()
	}
	return nil
}

// keyOf returns the row's name, or "" when it has none.
func (l *List) keyOf(row *batch.Row) string {
	if l.Key == "" {
		return ""
	}
	if v, ok := row.Value(l.Key); ok && v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

// Count reads the input once and returns how many rows the list has. It may run beside
// the other methods.
func (l *List) Count(ctx context.Context) (int64, error) {
	if l.only != nil {
		return int64(len(l.only)), nil
	}
	var n int64
	for _, err := range l.Rows() {
		if err != nil {
			return n, err
		}
		if n++; n%1024 == 0 && ctx.Err() != nil {
			break
		}
	}
	return n, ctx.Err()
}
