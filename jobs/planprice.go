package jobs

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A planShare is what a plan would ask one model.
type planShare struct {
	model       string
	rows        int64
	input, most int64 // tokens
	output      int64 // to be expected, thinking included
}

func (s *planShare) add(input, most int64) {
	s.rows++
	s.input += input
	s.most += most
}

// planShares are those of all models, in the order in which rows name them.
type planShares []*planShare

func (l *planShares) of(model string) *planShare {
	for _, s := range *l {
		if s.model == model {
			return s
		}
	}
	s := &planShare{model: model}
	*l = append(*l, s)
	return s
}

// A seen is what the answered rows of one model were estimated to have, and had in
// truth. Media are among both.
type seen struct {
	estimate, prompt int64
	output           int64 // thinking included
	calls            int64
}

// seenModels are those of all models that were asked, by name; the empty name is all
// of them together.
type seenModels map[string]seen

// add adds a settled row.
func (m seenModels) add(req *batch.Request, r *batch.Result) {
	if r == nil {
		return
	}
	row := seen{}
	for _, s := range r.Spent {
		if s.Usage == nil {
			continue
		}
		row.estimate += int64(req.InputTokens)
		row.prompt += s.Usage.PromptTokenCount
		row.output += s.Usage.CandidatesTokenCount + s.Usage.Thoughts()
		row.calls++
	}
	for _, name := range []string{req.Model, ""} {
		all := m[name]
		all.estimate += row.estimate
		all.prompt += row.prompt
		all.output += row.output
		all.calls += row.calls
		m[name] = all
	}
}

// of is what was seen of a model, or of all where that one has no answer yet: models
// differ in how they count, media above all, and in how much they think.
func (m seenModels) of(model string) seen {
	if s := m[model]; s.calls > 0 {
		return s
	}
	return m[""]
}

// correct scales the input by what answered prompts had in truth, for their
// estimate, and returns the new sum.
func (l planShares) correct(known, counted seenModels) (sum int64) {
	for _, s := range l {
		k := known.of(s.model)
		if c := counted.of(s.model); known[s.model].calls == 0 && c.calls > 0 {
			k = c
		}
		if k.estimate > 0 {
			s.input = int64(float64(s.input) * float64(k.prompt) / float64(k.estimate))
		}
		sum += s.input
	}
	return sum
}

// expect fills in the output to be expected of each share, and returns the sum.
func (l planShares) expect(known seenModels) (sum int64) {
	for _, s := range l {
		if k := known.of(s.model); k.calls > 0 {
			s.output = k.output * s.rows / k.calls
		}
		sum += s.output
	}
	return sum
}

// priceOf fills in what the plan's tokens cost, each row's by its own model. The
// expected output is the same for each row of a model, since more is not known of one.
func (j *Job) priceOf(p *Plan, shares planShares) {
	p.Priced = true
	for _, s := range shares {
		input, known := j.priceEach(s, 0)
		all, _ := j.priceEach(s, s.output)
		most, _ := j.priceEach(s, s.most)
		p.Priced = p.Priced && known
		p.InputCost += input
		p.OutputCost += all - input
		p.MaxOutputCost += j.dearest(most, s) - input
	}
	if p.MaxOutputTokens == 0 {
		p.MaxOutputCost = 0
	}
}

// priceEach prices a share with so much output. A tier of prices belongs to one
// request's prompt, so the mean request is priced: rounded down for some of them,
// and up for the others.
func (j *Job) priceEach(s *planShare, output int64) (price.USD, bool) {
	mean := func(up int64) (price.USD, bool) {
		u := &batch.Usage{PromptTokenCount: (s.input + up) / s.rows, CandidatesTokenCount: (output + up) / s.rows}
		return cost.Of(j.prices, &batch.Spend{At: time.Now(), Model: s.model, Tier: j.spec.PlanTier(), Usage: u}, s.model)
	}
	low, ok := mean(0)
	high, _ := mean(s.rows - 1)
	share := float64(s.input%s.rows) / float64(s.rows)
	return low*price.USD(s.rows) + price.USD(share*float64((high-low)*price.USD(s.rows))), ok
}

// boundOf is the bound that a body sets to its answer; 0: none.
func boundOf(body []byte) int64 {
	b, err := apijson.ParseBody(body)
	if err != nil {
		return 0
	}
	return max(0, apijson.WholeNumber(b.Config["maxOutputTokens"]))
}

// dearest returns the most that the plan's rows can cost in any tier that the job
// names, where first is what they cost in the first one.
func (j *Job) dearest(first price.USD, s *planShare) price.USD {
	most := first
	for _, tier := range j.spec.Tiers() {
		// A tier's prices are the same multiple for all rows of one prompt size, so the
		// mean request stands for all.
		q := price.Query{Model: s.model, At: time.Now(), Prompt: s.input / s.rows, Output: max(1, s.most/s.rows)}
		q.Tier = j.spec.PlanTier()
		base, ok1 := j.prices.Most(q)
		q.Tier = tier
		cost, ok2 := j.prices.Most(q)
		if ok1 && ok2 && base > 0 {
			most = max(most, price.USD(float64(first)*(float64(cost)/float64(base))))
		}
	}
	return most
}
