package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report/internal/request"
)

// A Plan shows what a run would do and cost.
type Plan struct {
	Plan    *jobs.Plan
	Spec    *jobs.Spec // of the job, for its limits and tiers
	Counted int64      // prompts whose tokens the endpoint has counted to correct the estimate
}

func (p Plan) String() string {
	var b strings.Builder
	r := p.Plan
	writeSimulated(&b, r.Simulated)
	w := newTable(&b)
	p.writeRows(w)
	if r.Ask() > 0 {
		by := ""
		if p.Counted > 0 {
			by = ", by " + Many(p.Counted, "prompt") + " counted"
		}
		fmt.Fprintf(w, "input\tabout %s%s\n", Many(r.InputTokens, "token"), by)
		fmt.Fprintf(w, "output\t%s\n", p.outputText())
		fmt.Fprintf(w, "cost\t%s\n", p.costText())
		p.writeBatches(w)
		if text := p.capText(); text != "" {
			fmt.Fprintf(w, "cap\t%s\n", text)
		}
		if least, by := p.leastTime(); least > 0 {
			fmt.Fprintf(w, "time\tat least %s at %s\n", durationInDays(least), by)
		}
		if r.Batches == nil {
			p.writeDays(w)
		}
	}
	if r.Price > 0 || r.Unpriced > 0 {
		fmt.Fprintf(w, "spent so far\t%s\n", amount(r.Price, r.Unpriced))
	}
	if r.Elsewhere > 0 {
		fmt.Fprintf(w, "other ways\t%s, for $%s, to the same rows, asked with more or fewer of them a call; they stay until genbatch prune --orphaned\n", Many(r.Elsewhere, "answer"), Money(r.ElsewherePrice))
	}
	w.Flush()
	b.WriteString(waysTable{r, p.leastOfWay}.String())
	for _, bad := range r.BadRows {
		fmt.Fprint(&b, terminal.Paragraph("bad: "+terminal.Line(bad, faultWidth)+"\n"))
	}
	if more := r.Bad - int64(len(r.BadRows)); more > 0 {
		fmt.Fprintf(&b, "bad: %s more\n", Count(more))
	}
	if r.First != nil {
		of := terminal.Line(r.FirstAt, faultWidth)
		if r.FirstRows > 1 {
			of = fmt.Sprintf("%s with %s", of, Many(int64(r.FirstRows-1), "other row"))
		}
		title := fmt.Sprintf("The first request, for %s, to %s:\n", of, terminal.Name(r.FirstModel))
		fmt.Fprintf(&b, "\n%s%s", title, request.Text(r.First))
	}
	return b.String()
}

// writeRows writes how many rows there are, and how many of them are to be asked.
func (p Plan) writeRows(w io.Writer) {
	r := p.Plan
	fmt.Fprintf(w, "rows\t%s: %s to ask", Count(r.Rows), Count(r.Ask()))
	if r.Calls > 0 && r.Calls != r.Ask() {
		fmt.Fprintf(w, " in %s", Many(r.Calls, "call"))
	}
	switch {
	case r.Changed > 0 && r.Again > 0:
		fmt.Fprintf(w, " (%s of them changed, %s again)", Count(r.Changed), Count(r.Again))
	case r.Changed > 0:
		fmt.Fprintf(w, " (%s of them changed)", Count(r.Changed))
	case r.Again > 0:
		fmt.Fprintf(w, " (%s of them again)", Count(r.Again))
	}
	fmt.Fprintf(w, ", %s settled, %s bad", Count(r.Settled), Count(r.Bad))
	if r.Copied > 0 {
		fmt.Fprintf(w, ", %s copied from identical ones", Count(r.Copied))
	}
	fmt.Fprintln(w)
	if r.Orphaned > 0 {
		fmt.Fprintf(w, "orphaned\t%s that no row asks for any more; they stay until genbatch prune --orphaned\n", Many(r.Orphaned, "answer"))
	}
}

func (p Plan) outputText() string {
	r := p.Plan
	text := "not known before the first answers"
	if r.Answered > 0 {
		text = fmt.Sprintf("about %s, as in the %s answers so far, thinking included", Many(r.OutputTokens, "token"), Count(r.Answered))
	}
	if r.MaxOutputTokens > 0 {
		text += fmt.Sprintf(", at most %s", Many(r.MaxOutputTokens, "token"))
	}
	return text
}

func (p Plan) costText() string {
	r := p.Plan
	if !r.Priced {
		in := ""
		if r.Tier != "" {
			in = " in the " + r.Tier + " tier"
		}
		return "unknown: the price of this model" + in + " is not known (see genbatch prices, and --prices)"
	}
	text := fmt.Sprintf("about $%s for the input, plus the output", Money(r.InputCost))
	switch {
	case r.Forecast != nil:
		text = fmt.Sprintf("about $%s (90 %%: $%s to $%s, by %s)", Money(r.Forecast.Mean), Money(r.Forecast.Low), Money(r.Forecast.High), Many(r.Forecast.Answers, "answer"))
	case r.Answered > 0:
		text = fmt.Sprintf("about $%s", Money(r.InputCost+r.OutputCost))
	}
	if r.MaxOutputTokens > 0 {
		most := fmt.Sprintf(", at most $%s without retries", Money(r.InputCost+r.MaxOutputCost))
		if len(p.Spec.Tier) > 1 {
			return text + p.tierText() + most // which is that of the dearest tier
		}
		return text + most + p.tierText()
	}
	return text + p.tierText() + "; nothing bounds it: --max-output-tokens would"
}

// tierText says which tier the cost is of.
func (p Plan) tierText() string {
	tiers := p.Spec.Tier
	switch len(tiers) {
	case 0:
		return ""
	case 1:
		return ", in the " + tiers[0] + " tier"
	}
	return fmt.Sprintf(", in the %s tier, and more as far as rows fall back to %s", tiers[0], strings.Join(tiers[1:], " or "))
}

// capText compares the forecast with what --max-cost leaves: it counts what was spent
// before, too. It is empty without a cap.
func (p Plan) capText() string {
	r := p.Plan
	most, err := price.ParseUSD(p.Spec.MaxCost)
	if err != nil || r.Forecast == nil {
		return ""
	}
	left := most - r.Price - r.ElsewherePrice
	switch f := r.Forecast; {
	case f.High <= left:
		return fmt.Sprintf("$%s is enough", most)
	case f.Mean <= left:
		return fmt.Sprintf("$%s may be reached", most)
	}
	return fmt.Sprintf("$%s will be reached, after about %.0f %% of the rows to ask", most, 100*max(0, float64(left))/float64(r.Forecast.Mean))
}

// planJSON is [Plan] as JSON.
type planJSON struct {
	Type string `json:"type"`
	planRowsJSON
	FirstRequest json.RawMessage `json:"first_request"`

	InputTokens     int64  `json:"input_tokens"`
	OutputTokens    *int64 `json:"output_tokens,omitempty"`
	MaxOutputTokens *int64 `json:"max_output_tokens"` // null: the rows have no limit
	AnswersKnown    int64  `json:"answers_known"`
	Simulated       bool   `json:"simulated"`
	planCostJSON

	LeastSeconds float64                 `json:"least_seconds,omitempty"`
	BoundBy      string                  `json:"bound_by,omitempty"` // what makes it take so long
	Models       []sorted[planModelJSON] `json:"models"`
	Batches      *sorted[batchesJSON]    `json:"batches,omitempty"`
	Ways         []sorted[wayJSON]       `json:"ways,omitempty"`
	LeftOut      []string                `json:"left_out,omitempty"` // tiers that are in no way, and why
}

// planRowsJSON counts the rows of a plan.
type planRowsJSON struct {
	Rows      int64    `json:"rows"`
	New       int64    `json:"new"`
	Changed   int64    `json:"changed"`
	Again     int64    `json:"again"`
	Settled   int64    `json:"settled"`
	Bad       int64    `json:"bad"`
	Copied    int64    `json:"copied"`
	Orphaned  int64    `json:"orphaned"`
	Elsewhere int64    `json:"elsewhere,omitzero"`
	Calls     int64    `json:"calls,omitzero"`
	BadRows   []string `json:"bad_rows"`
}

// planCostJSON is what a plan says of the cost. What is not known is left out.
type planCostJSON struct {
	Tier         string   `json:"tier,omitempty"`
	SpentUSD     *dollars `json:"spent_usd"`
	InputCostUSD *dollars `json:"input_cost_usd,omitempty"`
	CostUSD      *dollars `json:"cost_usd,omitempty"`
	MaxCostUSD   *dollars `json:"max_cost_usd,omitempty"`

	Forecast      *sorted[forecastJSON] `json:"forecast,omitempty"`
	StandardShare *float64              `json:"standard_share,omitempty"`
	FlexShare     *float64              `json:"flex_share,omitempty"`
	BatchShare    *float64              `json:"batch_share,omitempty"`

	Compared *sorted[comparisonJSON] `json:"compared,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (p Plan) MarshalJSON() ([]byte, error) {
	r := p.Plan
	record := planJSON{
		Type: "plan",
		planRowsJSON: planRowsJSON{
			Rows: r.Rows, New: r.New, Changed: r.Changed, Again: r.Again, Settled: r.Settled, Bad: r.Bad, Copied: r.Copied,
			Orphaned: r.Orphaned, Elsewhere: r.Elsewhere, Calls: r.Calls, BadRows: r.BadRows,
		},
		FirstRequest: r.First,
		InputTokens:  r.InputTokens, MaxOutputTokens: known(r.MaxOutputTokens), AnswersKnown: r.Answered, Simulated: r.Simulated,
		planCostJSON: planCostOf(r),
		Models:       p.models(), Ways: p.waysJSON(), LeftOut: r.LeftOut,
		Batches: batchesOf(r.Batches),
	}
	if r.Answered > 0 {
		record.OutputTokens = &r.OutputTokens
	}
	if least, by := p.leastTime(); least > 0 {
		record.LeastSeconds, record.BoundBy = least.Seconds(), by
	}
	return apijson.Marshal(sorted[planJSON]{record})
}

func planCostOf(r *jobs.Plan) planCostJSON {
	c := planCostJSON{Compared: comparisonOf(r.Compared), Tier: r.Tier, SpentUSD: wholeCost(r.Price, r.Unpriced), Forecast: forecastOf(r.Forecast)}
	if r.Forecast != nil {
		c.StandardShare, c.FlexShare, c.BatchShare = &r.Standard, &r.Flex, &r.Batch
	}
	if r.Priced {
		c.InputCostUSD = new(dollars(r.InputCost))
		if r.Answered > 0 {
			c.CostUSD = new(dollars(r.InputCost + r.OutputCost))
		}
		if r.MaxOutputTokens > 0 {
			c.MaxCostUSD = new(dollars(r.InputCost + r.MaxOutputCost))
		}
	}
	return c
}
