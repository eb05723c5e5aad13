package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs"
)

// Rows says how many rows there are, and how many of them have which status, such as
// "3 rows (2 ok, 1 failed)".
func Rows(t *jobs.Totals) string {
	return fmt.Sprintf("%s (%s)", Many(t.Rows, "row"), statusText(t, 0))
}

// Simulated says that answers were made up, so that nobody takes them for real ones.
const Simulated = "SIMULATED: the answers below were made up by the simulator, and the cost is what\nreal ones would have cost.\n"

func writeSimulated(w io.Writer, simulated bool) {
	if simulated {
		fmt.Fprint(w, Simulated)
	}
}

// statusText lists how many rows have which status, and how many have none yet.
func statusText(t *jobs.Totals, left int64) string {
	var parts []string
	for _, s := range batch.Statuses {
		if n := t.Status[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", Count(n), s))
		}
	}
	if left > 0 {
		parts = append(parts, fmt.Sprintf("%s left", Count(left)))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// writeCleaned writes how many cells lost what the format of the output cannot hold.
func writeCleaned(w io.Writer, t *jobs.Totals) {
	if t.Cleaned > 0 {
		fmt.Fprintf(w, "  cleaned\t%s held NUL or wrong bytes, left out: CSV has none\n", Many(t.Cleaned, "cell"))
	}
}

// TotalCost writes a cost, and how many rows it lacks. What is not known must not look like a
// cost of nothing, nor a part like the whole.
func TotalCost(t *jobs.Totals) string {
	cost, unpriced := t.CostUSD()
	switch rows := t.Bill.UnknownRows; {
	case cost == 0 && (rows > 0 || t.Unreported > 0):
		return "unknown"
	case rows > 0:
		return fmt.Sprintf("at least $%s (without %s of unknown cost)", Money(cost), Many(rows, "row"))
	}
	return amount(cost, unpriced)
}

// totalJSON is a cost as JSON: null unless all of it is known.
func totalJSON(t *jobs.Totals) *dollars {
	cost, unpriced := t.CostUSD()
	if cost == 0 {
		unpriced += t.Unreported
	}
	return wholeCost(cost, unpriced+t.Bill.UnknownRows)
}

// ByCount sorts names by their counts, the greatest first.
func ByCount(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// totalsJSON is [jobs.Totals] as JSON.
type totalsJSON struct {
	Rows        int64                  `json:"rows"`
	Status      map[batch.Status]int64 `json:"status"`
	Problems    map[string]int64       `json:"problems,omitempty"`
	ChangedRows int64                  `json:"changed_rows"`
	CopiedRows  int64                  `json:"copied_rows,omitempty"`
	SavedUSD    *dollars               `json:"saved_usd,omitempty"` // by copying

	requestsJSON

	CostUSD       *dollars            `json:"cost_usd"`
	UnpricedCalls int64               `json:"unpriced_calls"`
	Models        []sorted[modelJSON] `json:"models"`
	unreportedJSON
	billJSON
	answersJSON
}

// requestsJSON counts calls.
type requestsJSON struct {
	Requests   int64 `json:"requests"`
	Retries    int64 `json:"retries"`
	Packs      int64 `json:"packs,omitempty"`       // calls that rows have shared
	PackedRows int64 `json:"packed_rows,omitempty"` // that have their answers from them
}

// answersJSON is what the answers of an output say, and how far they can be believed.
type answersJSON struct {
	Labels      jobs.LabelCounts   `json:"labels,omitempty"`
	Evaluation  *jobs.Evaluation   `json:"evaluation,omitempty"` // of the only column that is compared
	Evaluations []*jobs.Evaluation `json:"evaluations,omitempty"`
	Review      *jobs.Review       `json:"review,omitempty"`
	Findings    []jobs.Finding     `json:"findings,omitempty"`
}

// unreportedJSON counts attempts that never said what they used.
type unreportedJSON struct {
	UnreportedAttempts int64   `json:"unreported_attempts"`
	UnreportedMostUSD  dollars `json:"unreported_most_usd"`         // a bound; see the likely one
	UnknownCostRows    int64   `json:"unknown_cost_rows,omitempty"` // rows whose cost is not known, for these and other reasons
	// Of totals alone; nil: nothing is missing, or it is not known.
	UnreportedLikelyUSD *dollars `json:"unreported_likely_usd,omitempty"`
}

// modelJSON is [jobs.ModelTotals] as JSON.
type modelJSON struct {
	Model          string   `json:"model"`
	Simulated      bool     `json:"simulated"`
	Calls          int64    `json:"calls"`
	PromptTokens   int64    `json:"prompt_tokens"`
	CachedTokens   int64    `json:"cached_tokens"`
	ToolTokens     int64    `json:"tool_tokens"`
	ThoughtsTokens int64    `json:"thoughts_tokens"`
	OutputTokens   int64    `json:"output_tokens"`
	Searches       int64    `json:"searches"`
	SearchFeesUSD  dollars  `json:"search_fees_usd"`
	CostUSD        *dollars `json:"cost_usd"`
	UnpricedCalls  int64    `json:"unpriced_calls"`
}

// shortName bounds a name that a server gave. The journal has all of it.
func shortName(name string) string {
	const longest = 256 // bytes
	if len(name) <= longest {
		return name
	}
	return strings.ToValidUTF8(name[:longest], "") + "…"
}

func totalsOf(t *jobs.Totals) totalsJSON {
	_, unpriced := t.CostUSD()
	r := totalsJSON{
		Rows: t.Rows, Status: t.Status, Problems: t.Problems, ChangedRows: t.Changed,
		requestsJSON: requestsJSON{t.Attempts, t.Retries, t.Packs, t.Packed},
		CostUSD:      totalJSON(t), UnpricedCalls: unpriced, Models: make([]sorted[modelJSON], len(t.Models)),
		unreportedJSON: unreportedJSON{t.Unreported, dollars(t.UnreportedMost), t.Bill.UnknownRows, nil},
		billJSON:       billOf(t),
		answersJSON:    answersJSON{Labels: t.Labels, Review: t.Review, Findings: t.Findings},
	}
	if len(t.Evaluations) == 1 {
		r.Evaluation = t.Evaluations[0]
	} else {
		r.Evaluations = t.Evaluations
	}
	if t.Copied > 0 {
		r.CopiedRows, r.SavedUSD = t.Copied, new(dollars(t.Saved))
	}
	if likely, ok := likelyUnreported(t); ok && t.Unreported > 0 {
		r.UnreportedLikelyUSD = new(dollars(likely))
	}
	for i, m := range t.Models {
		r.Models[i].fields = modelJSON{
			Model: shortName(m.Model), Simulated: m.Simulated, Calls: m.Calls,
			PromptTokens: m.PromptTokens, CachedTokens: m.CachedTokens, ToolTokens: m.ToolTokens,
			ThoughtsTokens: m.ThoughtsTokens, OutputTokens: m.OutputTokens,
			Searches: m.Searches, SearchFeesUSD: dollars(m.SearchFee),
			CostUSD: wholeCost(m.Cost, m.Unknown), UnpricedCalls: m.Unknown,
		}
	}
	return r
}
