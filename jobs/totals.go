package jobs

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
)

// Totals add up what attempts used and cost. The zero value is empty.
type Totals struct {
	Rows   int64                  `json:"rows"` // that have a result, or are skipped or pending
	Status map[batch.Status]int64 `json:"status"`
	Labels map[string]int64       `json:"labels,omitempty"` // of classify; an empty name counts rows with an empty list of them

	Evaluation *Evaluation `json:"evaluation,omitempty"` // of an output that is compared with known labels

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

func (t *Totals) addStatus(s batch.Status) {
	if t.Status == nil {
		t.Status = make(map[batch.Status]int64)
	}
	t.Rows++
	t.Status[s]++
}

func (t *Totals) addLabels(labels []string) {
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

// addProblem counts why a row is not ok.
func (t *Totals) addProblem(s batch.Status, why string) {
	const most = 20
	if t.Problems == nil {
		t.Problems = make(map[string]int64)
	}
	why = string(s) + ": " + oneLine(why, 160)
	if _, known := t.Problems[why]; known || len(t.Problems) < most {
		t.Problems[why]++
	}
}

// addResult adds a result's attempts, and returns what they cost; known is false
// when any attempt's price is unknown.
func (t *Totals) addResult(r *batch.Result, prices *price.Table) (cost price.USD, known bool) {
	return t.addSpent(r, prices, r.Status, true)
}

// addSpent is addResult for a row of which the status is another where a later
// result is its last.
func (t *Totals) addSpent(r *batch.Result, prices *price.Table, status batch.Status, last bool) (cost price.USD, known bool) {
	t.Attempts += int64(r.Attempts)
	t.Retries += int64(max(0, r.Attempts-1))
	if r.Status == batch.OK && r.Note != "" {
		t.Changed++
	}
	known = true
	for i, s := range r.Spent {
		retried := !last || !gaveResult(r, i)
		if s.Usage == nil {
			most := mostOf(prices, &s, r.Model)
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
		parts, ok := prices.Parts(queryOf(prices, &s, r.Model))
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
		t.Models = slices.Insert(t.Models, i, ModelTotals{Model: name, Simulated: isSimulated(name)})
	}
	return &t.Models[i]
}

// clone returns a copy that shares nothing.
func (t *Totals) clone() Totals {
	c := *t
	c.Status = maps.Clone(t.Status)
	c.Labels = maps.Clone(t.Labels)
	c.Problems = maps.Clone(t.Problems)
	c.Models = slices.Clone(t.Models)
	c.Bill = t.Bill.clone()
	return c
}

// isSimulated reports whether a modelVersion is the simulator's.
func isSimulated(model string) bool { return strings.HasSuffix(model, "-simulated") }

// A Summary is what a run came to.
type Summary struct {
	Output    string        `json:"output,omitempty"` // empty: not written, since rows are pending
	Unchanged bool          `json:"unchanged,omitzero"`
	Elapsed   time.Duration `json:"-"`
	Seconds   float64       `json:"seconds"`
	Simulated bool          `json:"simulated,omitzero"`

	// ListPriced says that costs are Google's list prices although a gateway, which
	// charges its own, sends the bill.
	ListPriced bool `json:"list_priced,omitzero"`

	// Forecast is what a pilot said that the job would cost, all of it; nil: there was
	// no pilot, or the output was not written.
	Forecast *Forecast `json:"forecast,omitempty"`

	Learned []quota.Learned `json:"learned,omitempty"` // limits that the server taught

	Settled int64 `json:"settled_before"` // rows that needed no call in this run
	// Kept is what the answers of those cost when they were asked, and this run did not
	// pay again; 0 also where the output was not written, for then it is not known.
	Kept   price.USD `json:"kept_picousd,omitzero"`
	Bad    int64     `json:"bad"`    // rows that could not be read or rendered
	Copied int64     `json:"copied"` // rows that share the call of an identical one

	Asked []string     `json:"-"` // the service tiers that the job names, in its order; nil: none
	Input *InputStatus `json:"-"` // of a run that ended early: how far the job is; nil: it did not, or that takes too long

	Run Totals  `json:"run"`           // what this run asked
	Job *Totals `json:"job,omitempty"` // every row of the output, all runs; nil while rows are pending
}

// Left returns how many of the job's rows have no result, of so many in all; 0: all
// have one, or it is not known how many there are. Of a run that ended early it is
// what was counted then, since the run did not come to the settled rows at the end.
func (s *Summary) Left(total int64) int64 {
	switch {
	case s.Input != nil:
		return s.Input.Left
	case total == 0:
		return 0
	}
	return total - s.Settled - s.Bad - s.Copied - s.Run.Rows
}

// Pending returns how many rows the run left without a result.
func (s *Summary) Pending() int64 { return s.Run.Status[batch.Pending] }

// costOf prices one attempt. The model that answered decides; where a gateway
// calls it by a name of its own, the model that was asked does.
func costOf(t *price.Table, s *batch.Spend, asked string) (price.USD, bool) {
	return t.Cost(queryOf(t, s, asked))
}

func queryOf(t *price.Table, s *batch.Spend, asked string) price.Query {
	u := s.Usage
	q := price.Query{
		Model: s.Model, At: s.At, Tier: s.Tier,
		Prompt: u.PromptTokenCount, Cached: u.CachedContentTokenCount, Tool: u.ToolUsePromptTokenCount,
		Output: u.CandidatesTokenCount, Thoughts: u.Thoughts(),
		Searches: u.Searches, MapSearches: u.MapSearches,
		PromptDetails: splitOf(u.PromptTokensDetails), CachedDetails: splitOf(u.CacheTokensDetails),
		ToolDetails: splitOf(u.ToolUsePromptTokensDetails), OutputDetails: splitOf(u.CandidatesTokensDetails),
	}
	q.Model = pricedAs(t, s.Model, asked, s.At)
	return q
}

// pricedAs names the model whose price counts: the one that answered. It is the one
// that was asked where no price is known of a gateway's own name for what answered,
// or where the user's prices name the one that was asked, and not what answered:
// who writes such a file is billed by the name that is asked.
func pricedAs(t *price.Table, answered, asked string, at time.Time) string {
	if answered == asked {
		return asked
	}
	a, known := t.Lookup(answered, at)
	if !known {
		return asked
	}
	if own, ok := t.Lookup(asked, at); ok && own.Custom != nil && a.Custom == nil {
		return asked
	}
	return answered
}

func splitOf(details []batch.ModalityTokens) (s price.Split) {
	for _, d := range details {
		s.Add(d.Modality, d.TokenCount)
	}
	return s
}
