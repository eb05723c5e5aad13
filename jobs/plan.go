package jobs

import (
	"encoding/json"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Plan says what a run would do. Nothing was sent for it.
type Plan struct {
	Rows    int64 // of the input
	New     int64 // never asked, and not taken for changed ones
	Changed int64 // to be asked anew, for what they ask is another thing than before; see Plan
	Again   int64 // asked before, and to be asked again: failed, or named by retry
	Settled int64 // need no call
	Bad     int64 // cannot be read or rendered
	Copied  int64 // share the call of an identical row, with dedupe

	// Orphaned counts answers in the journal that no row of the input asks for any
	// more. They stay, and are used again if their rows come back.
	Orphaned int64

	BadRows []string // the first of them, with place and cause

	InputTokens int64     // of the rows to be asked, estimated
	InputCost   price.USD // of them
	Priced      bool      // whether the model's price is known

	Outlook

	// MaxOutputTokens is the most that the rows to be asked can put out; 0: nothing
	// bounds them.
	MaxOutputTokens int64
	MaxOutputCost   price.USD

	First      json.RawMessage // the first request to be sent
	FirstModel string          // to which model
	FirstAt    string          // the place of its row

	Price    price.USD // spent so far on the rows of the input
	Unpriced int64     // calls of unknown price among those

	Tier string // that costs are foretold for, the first of the job's; empty: it names none
}

// An Outlook is what a plan takes from the answers of this job so far.
type Outlook struct {
	// Answered is how many answers are known, the basis of OutputTokens, the expected
	// output of the rows to be asked, thinking included. 0: none is known yet, and
	// OutputTokens is 0.
	Answered     int64
	OutputTokens int64
	OutputCost   price.USD

	// Forecast is what the rows to be asked will cost; nil: too few answers are known.
	Forecast *Forecast
	// Standard, Flex and Batch are what the same answers would cost at the prices of
	// these services, as shares of what Forecast takes them to cost; 0: not known.
	Standard, Flex, Batch float64

	PerCall time.Duration // how long calls took on the average; 0: none was made

	Pace []Pace // of the models to be asked
}

// Ask returns how many rows would be asked.
func (p *Plan) Ask() int64 { return p.New + p.Changed + p.Again }

const badRowsShown = 5

// Plan reads input and journal and says what a run would do.
//
// A new row is called changed when it stands in the place of an orphaned answer: when
// that answer was for a row with the same key, or, in a job without a key, for the row
// with the same number. By number it is a guess, which takes a row that was put in the
// place of a deleted one for that row. It bears on these counts alone, never on what
// is asked.
func (j *Job) Plan() (*Plan, error) {
	if err := j.openJournal(); err != nil {
		return nil, err
	}
	if err := j.checkFlight(); err != nil {
		return nil, err
	}
	j.warnSchema()
	j.warnExamples()
	j.warnExpected()
	var (
		p        Plan
		known    cost.Totals // of settled rows
		basis    = basis{tier: j.spec.PlanTier()}
		again    cost.Totals // of the others that were asked before
		answered = make(seenModels)

		shares    planShares
		unbounded bool
	)
	bound, err := j.maxOutputTokens()
	if err != nil {
		return nil, err
	}
	for it, err := range j.items() {
		if err != nil {
			return nil, err
		}
		p.Rows++
		switch {
		case it.copied:
			p.Copied++
			continue
		case it.req == nil:
			p.Bad++
			if len(p.BadRows) < badRowsShown {
				p.BadRows = append(p.BadRows, it.err.Error())
			}
			continue
		case it.known && j.settled(it.entry):
			p.Settled++
			x, err := j.reply(&it, &known)
			if err != nil {
				return nil, err
			}
			basis.add(j.prices, it.req, x.result)
			answered.add(it.req, x.result)
			continue
		case it.known:
			p.Again++
			if _, err := j.reply(&it, &again); err != nil {
				return nil, err
			}
		default:
			p.New++
		}
		basis.tokens += float64(it.req.InputTokens)
		most := bound
		if j.prompt.Set().Covers("generationConfig.maxOutputTokens") {
			most = boundOf(it.req.Body)
		}
		p.InputTokens += int64(it.req.InputTokens)
		p.MaxOutputTokens += most
		unbounded = unbounded || most == 0
		shares.of(it.req.Model).add(int64(it.req.InputTokens), most)
		if p.First == nil {
			p.First, p.FirstModel, p.FirstAt = it.req.Body, it.req.Model, it.row.Place()
		}
	}
	if err := j.countOrphans(&p); err != nil {
		return nil, err
	}
	basis.tell(&p)
	if unbounded { // the bound of the others bounds nothing
		p.MaxOutputTokens = 0
	}
	p.Tier = j.spec.PlanTier()
	spent, unpriced := known.CostUSD()
	more, unpricedToo := again.CostUSD()
	p.Price, p.Unpriced = spent+more, unpriced+unpricedToo
	if p.Answered = answered[""].calls; p.Answered > 0 {
		p.OutputTokens = shares.expect(answered)
	}
	p.InputTokens = shares.correct(answered, j.counted)
	j.priceOf(&p, shares)
	p.Pace = j.pace(shares)
	return &p, nil
}

// maxOutputTokens is the bound that the job sets to each answer; 0: none.
func (j *Job) maxOutputTokens() (int64, error) {
	if j.spec.MaxOutputTokens > 0 {
		return int64(j.spec.MaxOutputTokens), nil
	}
	config, _ := apijson.Field(j.spec.Request, "generationConfig").(map[string]any)
	text, err := json.Marshal(apijson.Field(config, "maxOutputTokens"))
	if err != nil {
		return 0, err
	}
	var n int64
	if err := json.Unmarshal(text, &n); err != nil {
		return 0, spec.Errorf("write a whole number", "request.generationConfig.maxOutputTokens is %s", text)
	}
	return n, nil
}
