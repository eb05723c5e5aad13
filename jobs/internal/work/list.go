// Package work says what is to become of each row of a job. It renders the row to a
// request, looks up what the journal has for it, and decides its [Fate].
//
// A run, a plan, a sample and an output all ask about the rows of a job, and have to
// agree on the answer. So all of them go through a [List].
//
// The order of the rows matters, because identical requests are told apart by their
// number: the n-th row with one fingerprint is occurrence n-1. Therefore each pass reads
// all rows from the first one, and a list of some rows leaves out the others only after
// they have been numbered.
package work

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/internal/pack"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// A Config says what a List is made of. Fields are required unless they say otherwise.
type Config struct {
	Input  *reader.Input
	Prompt *prompt.Prompt
	Media  *media.Parts // nil if no column has media

	Limit  int                   // how many rows of the input belong to the job; 0 means all
	Dedupe bool                  // rows with the same request share the call of the first one
	Key    string                // the column that names rows in messages; may be empty
	Retry  map[batch.Status]bool // statuses that are asked again although they are settled; may be nil

	// RowsPerCall is how many rows may share a call; 0 and 1 mean none.
	RowsPerCall int

	AllowSame  bool // rows may all ask the same; see CheckMeant
	AllowEmpty bool // rows without a text are asked, too

	// Reserved are the result columns. A row that has one of them is bad.
	Reserved []batch.Column

	// Refuse returns why the API is known to refuse a request, or nil. It is not asked
	// about a row with a result, which keeps it whatever is known by now.
	Refuse func(*batch.Request) error
}

// RawKey is the column that names the rows of a job whose rows are requests themselves, unless
// it says another: files for the Batch API have it.
const RawKey = "key"

// A List is the rows of a job in input order. Every iterator and every method reads the
// input anew. A List is for one goroutine at a time, except for Count.
type List struct {
	Config  // read-only
	journal *journal.Journal
	chosen  map[batch.ID]bool // the rows of the list, by their SingleID; nil means all
	names   []string          // see Names

	pilot   bool  // the answers of the list are those of a pilot; see Way
	piloted []int // see SetPiloted
}

// NewList returns the list of all rows, and finds the input's columns. Its errors are of
// type [*spec.Error].
func NewList(c Config) (*List, error) {
	names, err := columnNames(c.Input)
	if err != nil {
		return nil, err
	}
	return &List{Config: c, names: names}, nil
}

// Use tells the list where to look up results. It must be called before Items, All,
// Sample, Pilot and Status.
func (l *List) Use(j *journal.Journal) { l.journal = j }

// choose returns the list of the rows with these identities, as of [Item.SingleID]. l stays as it
// is.
func (l *List) choose(ids map[batch.ID]bool) *List {
	part := *l
	part.chosen = ids
	return &part
}

// Rows ranges over the input's rows up to the limit, whether they are chosen or not. If
// the input breaks, the error is the second value, and the last.
func (l *List) Rows() iter.Seq2[*batch.Row, error] { return rowsUpTo(l.Input, l.Limit) }

// rowsUpTo ranges over an input's rows up to a limit; 0 means all.
func rowsUpTo(in *reader.Input, limit int) iter.Seq2[*batch.Row, error] {
	return func(yield func(*batch.Row, error) bool) {
		n := 0
		for row, err := range in.Rows() {
			if limit > 0 && n == limit {
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

// Items ranges over the rows of the list. If the input breaks, the error is the second
// value, and the last. A list of chosen rows leaves out bad rows, which have no identity.
func (l *List) Items() iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		p := l.newPass()
		for row, err := range l.Media.Ahead(l.Rows()) {
			if err != nil {
				yield(Item{}, err)
				return
			}
			it := p.item(row)
			if isAway(it.Err) {
				yield(Item{}, it.Err)
				return
			}
			if l.chosen != nil && (it.Request == nil || !l.chosen[it.SingleID()]) {
				continue
			}
			if it.Request != nil && it.Entry.Status == "" {
				if err := l.refuse(it.Request, row); err != nil {
					it.Request, it.Err, it.Fate = nil, err, Bad
				}
			}
			if !yield(it, nil) {
				return
			}
		}
	}
}

// Models ranges over the models that rows of the list ask, each of them once. If the input
// breaks, the error is the second value, and the last.
func (l *List) Models() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		seen := make(map[string]bool)
		for it, err := range l.Items() {
			switch {
			case err != nil:
				yield("", err)
				return
			case it.Request == nil || seen[it.Request.Model]:
				continue
			}
			seen[it.Request.Model] = true
			if !yield(it.Request.Model, nil) || !l.Prompt.Varies("model") {
				return
			}
		}
	}
}

// All ranges over all rows of the input, also those past the limit and those that are not
// chosen. Afterwards the journal knows which of its results no row asks for. Refuse is
// not asked.
func (l *List) All() iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		p := l.newPass()
		for row, err := range l.Media.Ahead(rowsUpTo(l.Input, 0)) {
			if err != nil {
				yield(Item{}, err)
				return
			}
			it := p.item(row)
			if isAway(it.Err) {
				yield(Item{}, it.Err)
				return
			}
			if !yield(it, nil) {
				return
			}
		}
	}
}

// isAway reports whether a row is bad only because a store cannot be read now. The input is then
// broken: to take such rows for skipped would make an output that says so.
func isAway(err error) bool {
	_, away := errors.AsType[*media.StoreError](err)
	return away
}

// A pass is one reading of the input from its first row.
type pass struct {
	*List
	results *journal.Pass
	clash   columnClash
}

func (l *List) newPass() *pass { return &pass{l, l.journal.Pass(), l.newClash()} }

// item returns the next row with its request and its fate. It does not ask Refuse.
func (p *pass) item(row *batch.Row) Item {
	it := Item{Row: row}
	if it.Request, it.Err = p.request(row, &p.clash); it.Err != nil {
		return it
	}
	known := p.lookUp(&it)
	switch {
	case p.Dedupe && it.Request.Occurrence > 0 && !known:
		it.Fate = Copied
		_, it.Entry, _ = p.inWay(&it, p.RowsPerCall, 0)
	case !known:
		it.Fate = New
	default:
		it.Fate = p.fate(row, it.Entry)
	}
	return it
}

// fate returns what is to become of a row with a result.
func (p *pass) fate(row *batch.Row, e journal.Entry) Fate {
	if e.Status.Settled() && !p.Retry[p.statusNow(row, e)] && !p.spoilt(e) {
		return Settled
	}
	return Again
}

// statusNow returns the status of a settled row, by the job's own checks as they are now.
func (p *pass) statusNow(row *batch.Row, e journal.Entry) batch.Status {
	if p.Prompt.Judge.Own() == nil || !p.Retry[batch.Invalid] || e.Status != batch.OK && e.Status != batch.Invalid {
		return e.Status // which saves reading the result
	}
	r, err := p.journal.Read(e)
	if err != nil {
		return e.Status
	}
	return p.Prompt.Judge.StatusNow(row, r)
}

// spoilt reports whether an answer that was kept is none, by a pattern that the job may have
// got since.
func (p *pass) spoilt(e journal.Entry) bool {
	if !p.Prompt.MayFail() || e.Status != batch.OK && e.Status != batch.Truncated {
		return false
	}
	r, err := p.journal.Read(e)
	if err != nil {
		return false
	}
	a, err := pack.Parse(r)
	return err == nil && p.Prompt.Fails(a) != nil
}

// request returns what a row renders to, without its occurrence. An error says what is
// wrong with the row, and where it stands.
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
	var source *batch.Row
	if l.Prompt.Judge.Own().UsesRow() {
		source = row
	}
	return &batch.Request{
		Row:         row.Number,
		Source:      source,
		Key:         l.KeyOf(row),
		Model:       model,
		Fingerprint: f,
		Body:        body,
		Media:       parts,
		InputTokens: prompt.EstimateTokens(body) + partTokens,
	}, nil
}

// refuse returns why a row's request is not to be sent, and where the row stands, or nil:
// it asks about nothing, or the API is known to refuse it.
func (l *List) refuse(r *batch.Request, row *batch.Row) error {
	if !l.AllowEmpty && !l.hasMedia(row) && l.Prompt.IsEmpty(row) {
		return fmt.Errorf("%s: the row has no text to ask about; --allow-empty-text asks all the same", row.Place())
	}
	if err := l.Prompt.Foreign(r.Body); err != nil {
		return fmt.Errorf("%s: %w", row.Place(), err)
	}
	if err := l.Refuse(r); err != nil {
		return fmt.Errorf("%s: %w", row.Place(), err)
	}
	return nil
}

// Check reads the whole input and returns a [*spec.Error] for its first bad row, for
// --strict. It asks Refuse about every row and needs no journal.
func (l *List) Check() error {
	clash := l.newClash()
	for row, err := range l.Media.Ahead(l.Rows()) {
		if err == nil {
			var req *batch.Request
			if req, err = l.request(row, &clash); err == nil {
				err = l.refuse(req, row)
			}
		}
		if err != nil {
			return spec.Errorf("mend the row, or run without --strict to have it skipped", "%w", err)
		}
	}
	return nil
}

// CheckKeys reads the whole input and returns a [*spec.Error] if two rows have the same
// key. Rows may have none.
func (l *List) CheckKeys() error {
	first := make(map[string]string)
	for row, err := range l.Rows() {
		if err != nil {
			return &spec.Error{Err: err}
		}
		key := l.KeyOf(row)
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

// KeyOf returns the row's key as text, or "" if it has none.
func (l *List) KeyOf(row *batch.Row) string {
	if l.Key == "" {
		return ""
	}
	v, _ := row.Value(l.Key)
	return batch.Text(v)
}

// Count returns how many rows the list has. It may run beside the other methods. When
// ctx ends, it returns the rows that it has counted, with the error of ctx.
func (l *List) Count(ctx context.Context) (int64, error) {
	if l.chosen != nil {
		return int64(len(l.chosen)), nil
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

// CountAsked returns how many rows of the list a run would ask. The error is that of an input
// that breaks.
func (l *List) CountAsked() (n int64, err error) {
	for it, err := range l.Items() {
		if err != nil {
			return n, err
		}
		if it.Fate.Ask() {
			n++
		}
	}
	return n, nil
}
