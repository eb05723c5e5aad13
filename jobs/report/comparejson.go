package report

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/compare"
)

// pairedJSON is [Comparison] as JSON.
type pairedJSON struct {
	Type     string   `json:"type"`
	ExitCode int      `json:"exit_code"`
	Failures []string `json:"failures"`

	A sorted[figuresJSON] `json:"a"`
	B sorted[figuresJSON] `json:"b"`

	Key     string   `json:"key,omitempty"`
	Columns []string `json:"paired_by"`
	Pairs   int64    `json:"pairs"`
	Changed int64    `json:"changed"`

	ChangedFile string `json:"changed_file,omitempty"`

	CostPerRowRatio *float64            `json:"cost_per_row_ratio"` // B / A
	StatusChanged   []flowJSON          `json:"status_changed"`
	Fields          []sorted[fieldJSON] `json:"fields"`
}

// figuresJSON is [compare.Figures] as JSON.
type figuresJSON struct {
	Name          string                 `json:"name"`
	File          bool                   `json:"file_alone"`
	Simulated     bool                   `json:"simulated"`
	Rows          int64                  `json:"rows"`
	Unpaired      int64                  `json:"unpaired_rows"`
	Examples      []string               `json:"unpaired_examples,omitempty"`
	Pending       int64                  `json:"pending_rows"`
	Status        map[batch.Status]int64 `json:"status"`
	KnownCostUSD  dollars                `json:"known_cost_usd"`
	CostUSD       *dollars               `json:"cost_usd"`
	CostPerRowUSD *dollars               `json:"cost_per_row_usd"`
	Unpriced      int64                  `json:"unpriced_rows"`
	Models        map[string]int64       `json:"models"`
	usedJSON
}

// usedJSON is what the final answers used and how long they took.
type usedJSON struct {
	PromptTokens   int64    `json:"prompt_tokens"`
	CachedTokens   int64    `json:"cached_tokens"`
	ToolTokens     int64    `json:"tool_tokens"`
	ThoughtsTokens int64    `json:"thoughts_tokens"`
	OutputTokens   int64    `json:"output_tokens"`
	MedianLatency  *float64 `json:"median_latency_ms"` // null if it is not known
	P95Latency     *float64 `json:"p95_latency_ms"`
}

// flowJSON is [compare.Flow] as JSON.
type flowJSON struct {
	A    string `json:"a"`
	B    string `json:"b"`
	Rows int64  `json:"rows"`
}

// fieldJSON is [compare.Field] as JSON.
type fieldJSON struct {
	Name     string             `json:"name"`
	Changed  int64              `json:"changed"`
	Churn    *float64           `json:"churn"`
	Interval *[2]float64        `json:"churn_interval_95"`
	Flows    []flowJSON         `json:"flows"` // null: the values are texts
	Examples []exampleJSON      `json:"examples,omitempty"`
	Known    *sorted[knownJSON] `json:"known,omitempty"`
}

// exampleJSON is [compare.Example] as JSON.
type exampleJSON struct {
	Key      string `json:"key,omitempty"`
	Place    string `json:"place"`
	A        string `json:"a"`
	B        string `json:"b"`
	Expected string `json:"expected,omitempty"`
}

// knownJSON is [compare.Known] as JSON.
type knownJSON struct {
	Column   string `json:"expected,omitempty"`
	Sentence string `json:"sentence"`
	Better   string `json:"better,omitempty"` // a or b; empty: no difference can be told

	rightJSON

	AccuracyA  *float64    `json:"accuracy_a"`
	AccuracyB  *float64    `json:"accuracy_b"`
	Difference *float64    `json:"difference"`
	Interval   *[2]float64 `json:"difference_interval_95"`
	MidP       *float64    `json:"mcnemar_mid_p"`

	F1   *f1JSON       `json:"macro_f1,omitempty"`
	Lost []exampleJSON `json:"lost_examples,omitempty"`
}

// rightJSON counts the pairs by who is right.
type rightJSON struct {
	Rows     int64 `json:"rows"`
	Both     int64 `json:"both_right"`
	OnlyA    int64 `json:"only_a_right"`
	OnlyB    int64 `json:"only_b_right"`
	Neither  int64 `json:"neither_right"`
	Shown    int64 `json:"examples"` // left out, as those that only one run can judge
	OneSided int64 `json:"unknown_to_one"`
}

// f1JSON is [compare.F1] as JSON.
type f1JSON struct {
	A          float64    `json:"a"`
	B          float64    `json:"b"`
	Difference float64    `json:"difference"`
	Interval   [2]float64 `json:"difference_interval_95"`
	Resamples  int        `json:"resamples"`
}

// MarshalJSON implements json.Marshaler.
func (r Comparison) MarshalJSON() ([]byte, error) {
	c := r.Comparison
	j := pairedJSON{
		Type: "comparison", ExitCode: r.ExitCode, Failures: append([]string{}, r.Failures...),
		A: figuresOf(&c.A), B: figuresOf(&c.B), Key: c.Key, Columns: c.Columns, Pairs: c.Pairs, Changed: c.Changed, ChangedFile: c.ChangedFile,
		StatusChanged: flowsOf(c.Status), Fields: make([]sorted[fieldJSON], len(c.Fields)),
	}
	if c.Key != "" {
		j.Columns = []string{c.Key}
	}
	if a, ok := c.A.CostPerRow(); ok && a > 0 {
		if b, ok := c.B.CostPerRow(); ok {
			j.CostPerRowRatio = new(float64(b) / float64(a))
		}
	}
	for i := range c.Fields {
		f := &c.Fields[i]
		j.Fields[i].fields = fieldJSON{f.Name, f.Changed, f.Churn, f.Interval, flowsOf(f.Flows), examplesOf(f.Examples), knownOf(f.Known)}
	}
	return apijson.Marshal(sorted[pairedJSON]{j})
}

func figuresOf(f *compare.Figures) sorted[figuresJSON] {
	j := figuresJSON{
		Name: f.Name, File: f.File, Simulated: f.Simulated, Rows: f.Rows, Unpaired: f.Unpaired, Examples: f.Examples, Pending: f.Pending, Status: f.Status,
		KnownCostUSD: dollars(f.Cost), CostUSD: wholeCost(f.Cost, f.Unpriced), Unpriced: f.Unpriced,
		Models: f.Models,
		usedJSON: usedJSON{
			f.Tokens.Prompt, f.Tokens.Cached, f.Tokens.Tool, f.Tokens.Thoughts, f.Tokens.Output, known(f.Latency.Median), known(f.Latency.P95),
		},
	}
	if mean, ok := f.CostPerRow(); ok {
		j.CostPerRowUSD = new(dollars(mean))
	}
	return sorted[figuresJSON]{j}
}

func flowsOf(flows []compare.Flow) []flowJSON {
	if flows == nil {
		return nil
	}
	j := make([]flowJSON, len(flows))
	for i, f := range flows {
		j[i] = flowJSON{f.A, f.B, f.Pairs}
	}
	return j
}

func examplesOf(examples []compare.Example) []exampleJSON {
	j := make([]exampleJSON, len(examples))
	for i, e := range examples {
		j[i] = exampleJSON(e)
	}
	return j
}

func knownOf(k *compare.Known) *sorted[knownJSON] {
	if k == nil {
		return nil
	}
	j := knownJSON{
		Column: k.Column, Sentence: Verdict(k), rightJSON: rightJSON{k.Rows, k.Both, k.OnlyA, k.OnlyB, k.Neither, k.Shown, k.OneSided},
		Interval: k.Interval, Lost: examplesOf(k.Lost),
	}
	if k.Rows > 0 {
		j.AccuracyA, j.AccuracyB, j.Difference, j.MidP = &k.AccuracyA, &k.AccuracyB, &k.Difference, &k.MidP
		j.Better = map[int]string{-1: "a", 1: "b"}[k.Better()]
	}
	if k.F1 != nil {
		j.F1 = new(f1JSON(*k.F1))
	}
	return &sorted[knownJSON]{j}
}
