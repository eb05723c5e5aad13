package report

import "github.com/genbatch/genbatch/jobs"

// wayJSON is [jobs.Way] as JSON. What is not known is left out.
type wayJSON struct {
	RowsPerCall int    `json:"rows_per_call"`
	Tier        string `json:"tier"`
	Chosen      bool   `json:"chosen"`

	Rows         int64                 `json:"rows"`
	Calls        int64                 `json:"calls"`
	InputTokens  int64                 `json:"input_tokens"`
	OutputTokens *int64                `json:"output_tokens,omitempty"`
	AnswersKnown int64                 `json:"answers_known"` // in this way
	Of           string                `json:"of,omitempty"`  // what CostUSD is
	CostUSD      *dollars              `json:"cost_usd,omitempty"`
	Forecast     *sorted[forecastJSON] `json:"forecast,omitempty"`

	LeastSeconds float64              `json:"least_seconds,omitempty"`
	BoundBy      string               `json:"bound_by,omitempty"`
	Batches      *sorted[batchesJSON] `json:"batches,omitempty"`

	Measured *sorted[measuredJSON] `json:"measured,omitempty"`
}

// measuredJSON is [jobs.Measured] as JSON.
type measuredJSON struct {
	Rows              int64       `json:"rows"`
	Calls             int64       `json:"calls"`
	Same              *int64      `json:"same,omitempty"`
	Agreement         *float64    `json:"agreement,omitempty"`
	AgreementInterval *[2]float64 `json:"agreement_interval_95,omitempty"`

	Labelled         int64       `json:"labelled"`
	Right            *int64      `json:"right,omitempty"`
	Accuracy         *float64    `json:"accuracy,omitempty"`
	AccuracyInterval *[2]float64 `json:"accuracy_interval_95,omitempty"`
	Lost             *int64      `json:"lost,omitempty"` // right one at a time alone
	Won              *int64      `json:"won,omitempty"`  // right in this way alone
	MidP             *float64    `json:"mcnemar_mid_p,omitempty"`
}

func (p Plan) waysJSON() (all []sorted[wayJSON]) {
	for i := range p.Plan.Ways {
		w := &p.Plan.Ways[i]
		record := wayJSON{
			RowsPerCall: w.RowsPerCall, Tier: w.Tier, Chosen: w.Chosen,
			Rows: w.Rows, Calls: w.Calls, InputTokens: w.InputTokens, OutputTokens: known(w.OutputTokens), AnswersKnown: w.Answered,
			Of: w.Of, Forecast: forecastOf(w.Forecast), Batches: batchesOf(w.Batches), Measured: measuredOf(w),
		}
		if w.Of != "" {
			record.CostUSD = new(dollars(w.Cost))
		}
		if least, by := p.leastOfWay(w); least > 0 {
			record.LeastSeconds, record.BoundBy = least.Seconds(), by
		}
		all = append(all, sorted[wayJSON]{record})
	}
	return all
}

func measuredOf(w *jobs.Way) *sorted[measuredJSON] {
	m := w.Measured
	if m == nil {
		return nil
	}
	record := measuredJSON{Rows: m.Rows, Calls: m.Calls, Labelled: m.Labelled, AgreementInterval: m.Agreement, AccuracyInterval: m.Accuracy}
	if m.Agreement != nil {
		record.Same, record.Agreement = &m.Same, new(float64(m.Same)/float64(m.Rows))
	}
	if m.Accuracy != nil {
		record.Right, record.Accuracy = &m.Right, new(float64(m.Right)/float64(m.Labelled))
		if w.RowsPerCall > 1 {
			record.Lost, record.Won, record.MidP = &m.OnlyOne, &m.OnlyThis, &m.MidP
		}
	}
	return &sorted[measuredJSON]{record}
}
