package cost

import (
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/findings"
)

// Totals add up rows, and what the attempts made for them used and cost. The zero value is
// empty and ready to be added to. Totals are not safe for concurrent use.
type Totals struct {
	Rows   int64                  `json:"rows"`             // counted by AddStatus
	Status map[batch.Status]int64 `json:"status"`           // rows by status
	Labels LabelCounts            `json:"labels,omitempty"` // of a classification

	Judgement

	Problems map[string]int64 `json:"problems,omitempty"` // rows by the reason why they are not ok; see AddProblem
	Written  int64            `json:"-"`                  // rows of the output
	Cleaned  int64            `json:"cleaned,omitzero"`   // cells of the output that lost what its format cannot hold

	// Copied counts rows that share the answer of an identical row. Saved is what it would
	// have cost to ask them too.
	Copied int64     `json:"copied_rows,omitzero"`
	Saved  price.USD `json:"saved_picousd,omitzero"`

	// Attempts counts the calls that were made for the rows, also those that were refused and cost
	// nothing. One that several rows have shared is one.
	Attempts int64 `json:"attempts"`
	Retries  int64 `json:"retries"` // of the Attempts, those that asked rows again in the same run

	// Packed counts rows that have their answer from a call that several rows have shared. Packs
	// counts those calls, also the ones that brought an answer to none of their rows.
	Packed int64 `json:"packed_rows,omitzero"`
	Packs  int64 `json:"packs,omitzero"`

	Changed int64 `json:"changed_rows,omitzero"` // rows that are ok because their request was changed; see [batch.Change]

	Models []ModelTotals `json:"models,omitempty"` // by the model that answered, sorted by name

	// Unreported counts attempts that never reported what they used, mostly because they
	// were cut. They may have been billed, and are in no cost. One that several rows have shared
	// is one.
	Unreported int64 `json:"unreported_attempts,omitzero"`
	// UnreportedMost is the most that those attempts can have cost; see [Most]. An attempt
	// of which that is not known adds 0.
	UnreportedMost price.USD `json:"unreported_most_picousd,omitzero"`

	Bill Bill `json:"bill,omitzero"`
}

// A Judgement says how far the answers of an output can be believed.
type Judgement struct {
	// Evaluations compare columns of the output with known values, in the columns' order.
	Evaluations []*eval.Evaluation `json:"evaluations,omitempty"`

	// Review says which rows a person should look at. It is nil if the job does not mark them.
	Review *eval.Review `json:"review,omitempty"`

	// Findings are what should be known of the output, the most important first.
	Findings []findings.Finding `json:"findings,omitempty"`
}

// ModelTotals are the totals of one model. Tokens are counted as the API reported them.
type ModelTotals struct {
	Model     string `json:"model"`              // the name that the answers gave
	Simulated bool   `json:"simulated,omitzero"` // whether the model is the simulator's
	Calls     int64  `json:"calls"`              // attempts that reported what they used; a shared one is one

	PromptTokens   int64 `json:"prompt_tokens"` // including the cached ones
	CachedTokens   int64 `json:"cached_tokens"`
	ToolTokens     int64 `json:"tool_tokens"`
	ThoughtsTokens int64 `json:"thoughts_tokens"`
	OutputTokens   int64 `json:"output_tokens"`

	Searches  int64     `json:"searches,omitzero"`            // queries to Google Search and Google Maps
	SearchFee price.USD `json:"search_fees_picousd,omitzero"` // the part of Cost for searches, free ones not deducted

	Cost    price.USD `json:"cost_picousd"`            // of the calls with a known price
	Unknown int64     `json:"unpriced_calls,omitzero"` // calls without a known price
}

// CostUSD returns the cost of all calls with a known price, and the number of calls without
// one.
func (t *Totals) CostUSD() (cost price.USD, unpriced int64) {
	for _, m := range t.Models {
		cost += m.Cost
		unpriced += m.Unknown
	}
	return cost, unpriced
}

// SearchFees returns the number of searches, and the part of the cost that they make up.
func (t *Totals) SearchFees() (searches int64, fee price.USD) {
	for _, m := range t.Models {
		searches += m.Searches
		fee += m.SearchFee
	}
	return searches, fee
}

// Simulated reports whether any answer came from the simulator.
func (t *Totals) Simulated() bool {
	return slices.ContainsFunc(t.Models, func(m ModelTotals) bool { return m.Simulated })
}

// AddStatus counts a row by its status.
func (t *Totals) AddStatus(s batch.Status) {
	if t.Status == nil {
		t.Status = make(map[batch.Status]int64)
	}
	t.Rows++
	t.Status[s]++
}

// Reopen takes out the rows of a status, which are asked again, and their problems. What they
// have cost stays.
func (t *Totals) Reopen(s batch.Status) {
	t.Rows -= t.Status[s]
	delete(t.Status, s)
	maps.DeleteFunc(t.Problems, func(why string, _ int64) bool { return strings.HasPrefix(why, string(s)+": ") })
}

// AddLabels counts the labels that one row was given, which may be none. The question has no
// name if it is the only one of a job that names none.
func (t *Totals) AddLabels(question string, labels []string) {
	if t.Labels == nil {
		t.Labels = make(LabelCounts)
	}
	rows := t.Labels[question]
	if rows == nil {
		rows = make(map[string]int64)
		t.Labels[question] = rows
	}
	if len(labels) == 0 {
		rows[""]++
	}
	for _, l := range labels {
		rows[l]++
	}
}

// AddProblem counts the reason why a row is not ok. The first 20 different reasons are
// counted; later ones are left out, since a reason may quote what is in the row.
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

// AddResult adds the attempts of a row's latest result. It returns what those with a known
// price cost. known is false if another attempt has no known price, or if the last one never
// reported what it used.
func (t *Totals) AddResult(r *batch.Result, prices *price.Table) (cost price.USD, known bool) {
	return t.addSpent(r, prices, r.Status, true)
}

// AddSuperseded is [Totals.AddResult] for a result that a later one of the same row has
// replaced. All its attempts count as retries, for a row of the given status.
func (t *Totals) AddSuperseded(r *batch.Result, prices *price.Table, status batch.Status) (cost price.USD, known bool) {
	return t.addSpent(r, prices, status, false)
}

func (t *Totals) addSpent(r *batch.Result, prices *price.Table, status batch.Status, last bool) (cost price.USD, known bool) {
	calls := max(0, r.Attempts-r.Shared)
	t.Attempts += int64(calls)
	if r.Shared == 0 { // whoever is the first row of its first call is the first of all
		t.Retries += int64(max(0, calls-1))
	} else {
		t.Retries += int64(calls)
	}
	if r.Status == batch.OK && r.Note != "" {
		t.Changed++
	}
	if last && r.Part != "" {
		t.Packed++
	}
	known = true
	for i := range r.Spent {
		s := &r.Spent[i]
		retried := !last || !gaveResult(r, i)
		calls := int64(0)
		if s.Counts() {
			calls = 1
		}
		if s.Share.Of > 0 {
			t.Packs += calls
		}
		if s.Usage == nil {
			most, _ := Most(prices, s, r.Model)
			t.Unreported += calls
			if i == len(r.Spent)-1 && r.FinishReason != "" {
				t.Bill.Unread += calls
			}
			t.UnreportedMost += most
			t.Bill.add(Share{Unreported: calls, Most: most}, r.Endpoint, status, retried)
			known = known && i < len(r.Spent)-1 // the final attempt's cost is the row's
			continue
		}
		m := t.model(s.Model)
		m.Calls += calls
		m.addTokens(s.Own())
		parts, ok := partsOf(prices, s, r.Model)
		if !ok {
			m.Unknown += calls
			t.tier(s).count(calls, false)
			t.Bill.add(Share{Calls: calls, Unknown: calls}, r.Endpoint, status, retried)
			known = false
			continue
		}
		c := parts.Total()
		m.Cost += c
		cost += c
		m.SearchFee += parts.Searches
		t.Bill.Parts.Add(&parts)
		t.Bill.add(Share{Calls: calls, Cost: c}, r.Endpoint, status, retried)
		t.tier(s).add(calls, c, prices, s, r.Model)
	}
	if !known && last {
		t.Bill.UnknownRows++
	}
	return cost, known
}

// addTokens adds what a row's share of a call used.
func (m *ModelTotals) addTokens(u *batch.Usage) {
	m.PromptTokens += u.PromptTokenCount
	m.CachedTokens += u.CachedContentTokenCount
	m.ToolTokens += u.ToolUsePromptTokenCount
	m.ThoughtsTokens += u.Thoughts()
	m.OutputTokens += u.CandidatesTokenCount
	m.Searches += u.Searches + u.MapSearches
}

// model returns the totals of the model with this name.
func (t *Totals) model(name string) *ModelTotals {
	i, found := slices.BinarySearchFunc(t.Models, name, func(m ModelTotals, name string) int { return strings.Compare(m.Model, name) })
	if !found {
		t.Models = slices.Insert(t.Models, i, ModelTotals{Model: name, Simulated: IsSimulated(name)})
	}
	return &t.Models[i]
}

// Clone returns a copy that later additions to t do not change. Both share what the Judgement
// points to, which is complete when it is set.
func (t *Totals) Clone() Totals {
	c := *t
	c.Status = maps.Clone(t.Status)
	c.Labels = maps.Clone(t.Labels)
	for question, rows := range t.Labels {
		c.Labels[question] = maps.Clone(rows)
	}
	c.Problems = maps.Clone(t.Problems)
	c.Models = slices.Clone(t.Models)
	c.Bill = t.Bill.clone()
	return c
}

// IsSimulated reports whether the modelVersion of an answer is one of the simulator's.
func IsSimulated(model string) bool { return strings.HasSuffix(model, "-simulated") }
