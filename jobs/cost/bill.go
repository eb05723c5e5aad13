package cost

import (
	"maps"
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// A Bill divides what attempts cost, in several ways: by endpoint, status, service tier and
// part of the price, and by model in its [Totals]. Each of them adds up to the same whole.
type Bill struct {
	Endpoints map[string]Share       `json:"endpoints,omitempty"`
	Statuses  map[batch.Status]Share `json:"statuses,omitempty"` // by the status of the row that the attempts were made for
	Tiers     []TierTotals           `json:"tiers,omitempty"`    // sorted by name
	Parts     price.Parts            `json:"parts,omitzero"`     // of the calls with a known price

	// Retries is the share of the attempts that did not give a row its result: those that
	// were retried, all attempts of rows that failed, and the superseded results of rows
	// that were asked again.
	Retries Share `json:"retries,omitzero"`

	// UnknownRows counts rows whose cost is not known: an attempt has no known price, or the
	// last one never said what it used. The Cost of the rest is the least that all can have
	// cost.
	UnknownRows int64 `json:"unknown_cost_rows,omitzero"`
	// Unread counts the attempts that gave a row its answer with a usage that is missing or
	// cannot be right. Of the rows that have shared one, the first counts.
	Unread int64 `json:"unread_usages,omitzero"`

	// Kept is what the run did not have to pay again: the cost of the answers that were in
	// the journal before it. Whoever derives an output sets it.
	Kept price.USD `json:"-"`
}

// A Share is a part of the attempts that were, or may have been, billed. The zero value is
// none of them. An attempt that several rows have shared counts where the first of them does,
// and costs where each of them does.
type Share struct {
	Calls      int64     `json:"calls"`                            // attempts that reported what they used
	Cost       price.USD `json:"cost_picousd"`                     // of the calls with a known price
	Unknown    int64     `json:"unpriced_calls,omitzero"`          // calls without a known price
	Unreported int64     `json:"unreported_attempts,omitzero"`     // attempts that reported nothing; not among the Calls
	Most       price.USD `json:"unreported_most_picousd,omitzero"` // the most that the Unreported can have cost
}

// Add adds another share.
func (s *Share) Add(o Share) {
	s.Calls += o.Calls
	s.Cost += o.Cost
	s.Unknown += o.Unknown
	s.Unreported += o.Unreported
	s.Most += o.Most
}

// add adds one attempt. Its row has the status; retried says that it did not give the row
// its result.
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

// clone returns a copy that shares nothing with b.
func (b *Bill) clone() Bill {
	c := *b
	c.Endpoints, c.Statuses = maps.Clone(b.Endpoints), maps.Clone(b.Statuses)
	c.Tiers = slices.Clone(b.Tiers)
	return c
}

// Share returns the share that all attempts together make up: the whole of which the bill
// has the parts.
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
		return true // any later attempt was refused, and cost nothing
	}
	// The attempt that gave the result may have cost nothing. Then the last spent one
	// began before it. A latency is rounded down to a millisecond, hence the margin.
	begin := r.At.Add(-time.Duration(r.LatencyMS) * time.Millisecond)
	return !r.Spent[i].At.Before(begin.Add(-2 * time.Millisecond))
}
