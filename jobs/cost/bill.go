package cost

import (
	"maps"
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// A Bill divides what attempts cost, in several ways. Each way adds up to the whole:
// the Endpoints, the Statuses, the Tiers, the Parts, and the Models of its [Totals].
type Bill struct {
	Endpoints map[string]Share       `json:"endpoints,omitempty"`
	Statuses  map[batch.Status]Share `json:"statuses,omitempty"` // of the rows that the attempts were made for
	Tiers     []TierTotals           `json:"tiers,omitempty"`    // sorted by name
	Parts     price.Parts            `json:"parts,omitzero"`     // of the calls whose price is known

	// Retries is the part of the attempts that did not give a row its result: those
	// that were tried again, all of rows that failed, and earlier results of rows that
	// were asked once more.
	Retries Share `json:"retries,omitzero"`

	// Kept is what the answers cost that were in the journal before the run, and need
	// not be paid again.
	Kept price.USD `json:"-"`
}

// A Share is a part of the attempts that were or may have been billed.
type Share struct {
	Calls      int64     `json:"calls"` // that reported what they used
	Cost       price.USD `json:"cost_picousd"`
	Unknown    int64     `json:"unpriced_calls,omitzero"`      // of the calls, those whose price is not known
	Unreported int64     `json:"unreported_attempts,omitzero"` // not among the calls
	Most       price.USD `json:"unreported_most_picousd,omitzero"`
}

// Add adds another share.
func (s *Share) Add(o Share) {
	s.Calls += o.Calls
	s.Cost += o.Cost
	s.Unknown += o.Unknown
	s.Unreported += o.Unreported
	s.Most += o.Most
}

// add adds one attempt.
func (b *Bill) add(s Share, endpoint string, status batch.Status, retried bool) {
	if b.Endpoints == nil {
		b.Endpoints, b.Statuses = make(map[string]Share), make(map[batch.Status]Share)
	}
	of := b.Endpoints[endpoint]
	of.Add(s)
	b.Endpoints[endpoint] = of
	row := b.Statuses[status]
	row.Add(s)
	b.Statuses[status] = row
	if retried {
		b.Retries.Add(s)
	}
}

// clone returns a copy that shares nothing.
func (b *Bill) clone() Bill {
	c := *b
	c.Endpoints, c.Statuses = maps.Clone(b.Endpoints), maps.Clone(b.Statuses)
	c.Tiers = slices.Clone(b.Tiers)
	return c
}

// Share returns the totals of all attempts, of which the bill has the parts.
func (t *Totals) Share() Share {
	s := Share{Unreported: t.Unreported, Most: t.UnreportedMost}
	for _, m := range t.Models {
		s.Add(Share{Calls: m.Calls, Cost: m.Cost, Unknown: m.Unknown})
	}
	return s
}

// gaveResult reports whether the i-th of a result's spent attempts gave it.
func gaveResult(r *batch.Result, i int) bool {
	switch {
	case i < len(r.Spent)-1 || r.Status == batch.Failed || r.Status == batch.Pending || r.Status == batch.Rejected:
		return false
	case r.FinishReason != "":
		return true // what came after it was refused, and cost nothing
	}
	// The last attempt may have cost nothing, and be none of the spent ones.
	begin := r.At.Add(-time.Duration(r.LatencyMS) * time.Millisecond)
	return !r.Spent[i].At.Before(begin.Add(-2 * time.Millisecond))
}
