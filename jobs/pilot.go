package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
)

// forecastFile, in the state folder, is what the last pilot foretold.
const forecastFile = "forecast.json"

// A basis is what a plan takes from the answers so far.
type basis struct {
	known                 []observation
	tokens                float64 // estimated, of the rows to be asked
	standard, flex, batch price.USD
	tier                  string    // that the rows to be asked are priced at; empty: as they were served
	priced                price.USD // what is known, at that price
	calls                 int64
	latency               time.Duration
}

// add takes what a settled row cost, at the prices of today.
func (b *basis) add(prices *price.Table, req *batch.Request, r *batch.Result) {
	if r == nil || len(r.Spent) == 0 {
		return
	}
	b.calls++
	b.latency += time.Duration(r.LatencyMS) * time.Millisecond
	o := observation{tokens: float64(req.InputTokens)}
	for _, s := range r.Spent {
		if s.Usage == nil {
			continue
		}
		s.At = time.Now()
		if b.tier != "" {
			s.Tier = b.tier
		}
		amount, ok := cost.Of(prices, &s, r.Model)
		if !ok {
			return
		}
		o.cost += float64(amount)
		for tier, sum := range map[price.Service]*price.USD{price.Standard: &b.standard, price.Flex: &b.flex, price.Batch: &b.batch} {
			s.Tier = string(tier)
			cost, _ := cost.Of(prices, &s, r.Model)
			*sum += cost
		}
	}
	b.priced += price.USD(o.cost)
	b.known = append(b.known, o)
}

// tell fills in what the plan says by the answers so far.
func (b *basis) tell(p *Plan) {
	if f, ok := forecast(b.known, float64(p.Ask()), b.tokens); ok {
		p.Forecast = &f
	}
	if b.priced > 0 {
		p.Standard = float64(b.standard) / float64(b.priced)
		p.Flex, p.Batch = float64(b.flex)/float64(b.priced), float64(b.batch)/float64(b.priced)
	}
	if b.calls > 0 {
		p.PerCall = b.latency / time.Duration(b.calls)
	}
}

// Pilot asks n of the rows that a run would ask, from the shortest to the longest
// prompt, and keeps their answers. What they cost is the basis of the plan that it
// returns. The output is not written, even where no row is left. The plan is there
// whenever the error is one of [batch.Run]'s, of what was answered until then.
func (j *Job) Pilot(ctx context.Context, n int) (*Summary, *Plan, error) {
	if err := j.openJournal(); err != nil {
		return nil, nil, err
	}
	j.warnPrice()
	chosen, err := j.choosePilot(n)
	if err != nil {
		return nil, nil, err
	}
	all := j.sampled
	j.sampled = chosen
	s, runErr := j.ask(ctx)
	j.sampled = all
	if s == nil {
		return nil, nil, runErr
	}
	p, err := j.Plan()
	if err != nil {
		return s, nil, errors.Join(runErr, err)
	}
	if p.Forecast != nil {
		err = j.saveForecast(p)
	}
	return s, p, errors.Join(runErr, err)
}

// choosePilot picks rows to be asked: sorted by the length of the prompt and cut
// into n pieces, the one with the lowest fingerprint of each.
func (j *Job) choosePilot(n int) (map[batch.ID]bool, error) {
	type row struct {
		id     batch.ID
		tokens int
	}
	var rows []row
	for it, err := range j.items() {
		if err != nil {
			return nil, err
		}
		if it.req != nil && !it.copied && !(it.known && j.settled(it.entry)) {
			rows = append(rows, row{it.req.ID(), it.req.InputTokens})
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.tokens, b.tokens), a.id.Compare(b.id)) })
	n = min(n, len(rows))
	chosen := make(map[batch.ID]bool, n)
	for i := range n {
		piece := rows[i*len(rows)/n : (i+1)*len(rows)/n]
		lowest := slices.MinFunc(piece, func(a, b row) int { return a.id.Compare(b.id) })
		chosen[lowest.id] = true
	}
	return chosen, nil
}

// A savedForecast is forecast.json: what the whole job was to cost.
type savedForecast struct {
	Rows int64 `json:"rows"` // of the job
	Forecast
}

// saveForecast keeps a forecast, so that the bill can be held against it.
func (j *Job) saveForecast(p *Plan) error {
	f := savedForecast{Rows: p.Rows, Forecast: *p.Forecast}
	f.Mean, f.Low, f.High = f.Mean+p.Price, f.Low+p.Price, f.High+p.Price
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return j.fs.WriteFile(filepath.Join(j.spec.StateDir(), forecastFile), append(text, '\n'), 0o600)
}

// foretold returns what a pilot said that the whole job would cost; nil: there was
// none, or for another number of rows.
func (j *Job) foretold(rows int64) (*Forecast, error) {
	path := filepath.Join(j.spec.StateDir(), forecastFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var f savedForecast
	if json.Unmarshal(text, &f) != nil || f.Rows != rows {
		return nil, nil
	}
	return &f.Forecast, nil
}
