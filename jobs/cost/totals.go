// Package cost adds up what attempts used and what they cost, by model, endpoint, status
// and service tier, and prices a single attempt or the most that it can have cost.
package cost

import (
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/eval"
)

// Totals add up what attempts used and cost. The zero value is empty.
type Totals struct {
	Rows   int64                  `json:"rows"` // that have a result, or are skipped or pending
	Status map[batch.Status]int64 `json:"status"`
	Labels map[string]int64       `json:"labels,omitempty"` // of classify; an empty name counts rows with an empty list of them

	Evaluation *eval.Evaluation `json:"evaluation,omitempty"` // of an output that is compared with known labels

	Problems map[string]int64 `json:"problems,omitempty"` // why rows are not ok, and how many; the first kinds only
	Written  int64            `json:"-"`                  // rows of an output

	// Copied counts rows that have the answer of an identical one, and Saved what it
	// would have cost to ask them too.
	Copied int64     `json:"copied_rows,omitzero"`
	Saved  price.USD `json:"saved_picousd,omitzero"`

	Attempts int64 `json:"attempts"` // made for these rows
	Retries  int64 `json:"retries"`  // of them, those after a row's first in one run

	Changed int64 `json:"changed_rows,omitzero"` // that are ok only since their request was changed, see batch.Change

	Models []ModelTotals `json:"models,omitempty"` // sorted by name

	// Unreported counts attempts that never said what they used, mostly because they
	// were cut; they may have been billed, and are not in any cost.
	Unreported int64 `json:"unreported_attempts,omitzero"`
	// UnreportedMost is the most that those attempts can have cost, as far as that is
	// known: the text as sent, a token a byte, and the longest answer allowed.
	UnreportedMost price.USD `json:"unreported_most_picousd,omitzero"`

	Bill Bill `json:"bill,omitzero"`
}

// ModelTotals are the totals of one model. Tokens are as the API reported them.
type ModelTotals struct {
	Model     string `json:"model"`
	Simulated bool   `json:"simulated,omitzero"`
	Calls     int64  `json:"calls"` // that reported what they used

	PromptTokens   int64 `json:"prompt_tokens"` // the cached ones included
	CachedTokens   int64 `json:"cached_tokens"`
	ToolTokens     int64 `json:"tool_tokens"`
	ThoughtsTokens int64 `json:"thoughts_tokens"`
	OutputTokens   int64 `json:"output_tokens"`

	Searches  int64     `json:"searches,omitzero"`            // queries to Google Search and Google Maps
	SearchFee price.USD `json:"search_fees_picousd,omitzero"` // part of Cost, before what Google gives away

	Cost    price.USD `json:"cost_picousd"`            // of the calls whose price is known
	Unknown int64     `json:"unpriced_calls,omitzero"` // calls whose price is not known
}

// CostUSD returns the cost of all models, and of how many calls the price is
// unknown.
func (t *Totals) CostUSD() (cost price.USD, unpriced int64) {
	for _, m := range t.Models {
		cost += m.Cost
		unpriced += m.Unknown
	}
	return cost, unpriced
}

// SearchFees returns how many searches were made, and the part of the cost that
// they are.
func (t *Totals) SearchFees() (searches int64, fee price.USD) {
	for _, m := range t.Models {
		searches += m.Searches
		fee += m.SearchFee
	}
	return searches, fee
}

// Simulated reports whether answers came from the simulator.
func (t *Totals) Simulated() bool {
	return slices.ContainsFunc(t.Models, func(m ModelTotals) bool { return m.Simulated })
}

// AddStatus counts a row.
func (t *Totals) AddStatus(s batch.Status) {
	if t.Status == nil {
		t.Status = make(map[batch.Status]int64)
	}
	t.Rows++
	t.Status[s]++
}

// AddLabels counts the labels that a row was given.
func (t *Totals) AddLabels(labels []string) {
	if t.Labels == nil {
		t.Labels = make(map[string]int64)
	}
	if len(labels) == 0 {
		t.Labels[""]++
	}
	for _, l := range labels {
		t.Labels[l]++
	}
}

// AddProblem counts why a row is not ok.
func (t *Totals) AddProblem(s batch.Status, why string) {
	const most = 20
	if t.Problems == nil {
		t.Problems = make(map[string]int64)
	}
	why = string(s) + ": " + message.OneLine(why, 160)
	if _, known := t.Problems[why]; known || len(t.Problems) < most {
		t.Problems[why]++
	}
}

// AddResult adds a result's attempts, and returns what they cost; known is false
// when any attempt's price is unknown.
func (t *Totals) AddResult(r *batch.Result, prices *price.Table) (cost price.USD, known bool) {
	return t.AddSpent(r, prices, r.Status, true)
}

// AddSpent is AddResult for a row of which the status is another where a later
// result is its last.
func (t *Totals) AddSpent(r *batch.Result, prices *price.Table, status batch.Status, last bool) (cost price.USD, known bool) {
	t.Attempts += int64(r.Attempts)
	t.Retries += int64(max(0, r.Attempts-1))
	if r.Status == batch.OK && r.Note != "" {
		t.Changed++
	}
	known = true
	for i, s := range r.Spent {
		retried := !last || !gaveResult(r, i)
		if s.Usage == nil {
			most := most(prices, &s, r.Model)
			t.Unreported++
			t.UnreportedMost += most
			t.Bill.add(Share{Unreported: 1, Most: most}, r.Endpoint, status, retried)
			known = known && i < len(r.Spent)-1 // what the final attempt cost is not known
			continue
		}
		m := t.model(s.Model)
		m.Calls++
		m.PromptTokens += s.Usage.PromptTokenCount
		m.CachedTokens += s.Usage.CachedContentTokenCount
		m.ToolTokens += s.Usage.ToolUsePromptTokenCount
		m.ThoughtsTokens += s.Usage.Thoughts()
		m.OutputTokens += s.Usage.CandidatesTokenCount
		m.Searches += s.Usage.Searches + s.Usage.MapSearches
		parts, ok := prices.Parts(query(prices, &s, r.Model))
		if !ok {
			m.Unknown++
			t.tier(&s).count(false)
			t.Bill.add(Share{Calls: 1, Unknown: 1}, r.Endpoint, status, retried)
			known = false
			continue
		}
		c := parts.Total()
		m.Cost += c
		cost += c
		m.SearchFee += parts.Searches
		t.Bill.Parts.Add(&parts)
		t.Bill.add(Share{Calls: 1, Cost: c}, r.Endpoint, status, retried)
		t.tier(&s).add(c, prices, &s, r.Model)
	}
	return cost, known
}

func (t *Totals) model(name string) *ModelTotals {
	i, found := slices.BinarySearchFunc(t.Models, name, func(m ModelTotals, name string) int { return strings.Compare(m.Model, name) })
	if !found {
		t.Models = slices.Insert(t.Models, i, ModelTotals{Model: name, Simulated: IsSimulated(name)})
	}
	return &t.Models[i]
}

// clone returns a copy that shares nothing.
func (t *Totals) Clone() Totals {
	c := *t
	c.Status = maps.Clone(t.Status)
	c.Labels = maps.Clone(t.Labels)
	c.Problems = maps.Clone(t.Problems)
	c.Models = slices.Clone(t.Models)
	c.Bill = t.Bill.clone()
	return c
}

// IsSimulated reports whether a modelVersion is the simulator's.
func IsSimulated(model string) bool { return strings.HasSuffix(model, "-simulated") }
