package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs"
)

func planCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "say what a run would do and cost; sends nothing, but for --pilot",
		ArgsUsage: "[JOB.yaml]",
		Flags: flagsOf(settings(), append(talkFlags(),
			&cli.IntFlag{Name: "count-tokens", Usage: "have the endpoint count the tokens of `N` prompts of all lengths, to correct the estimate; Google's own endpoints alone"},
			&cli.IntFlag{Name: "pilot", Usage: "ask `N` rows for real, of all lengths, and keep their answers: the cost is foretold from what they cost"},
		)...),
		Action: func(c *cli.Context) error {
			if c.IsSet("pilot") {
				return pilot(c, con)
			}
			job, err := view(c, con)
			if err != nil {
				return err
			}
			defer job.Close()
			counted, err := countTokens(c, con, job)
			if err != nil {
				return err
			}
			p, err := job.Plan()
			if err != nil {
				return err
			}
			if c.Bool("json") {
				spec := job.Spec()
				writeJSON(con.stdout, withTime(planJSON(p), p, &spec))
				return nil
			}
			printPlan(con, job, p, counted)
			return nil
		},
	}
}

// pilot asks some rows, and prints the plan for the others.
func pilot(c *cli.Context, con *console) error {
	if c.IsSet("count-tokens") {
		return &jobs.SpecError{Err: fmt.Errorf("--pilot and --count-tokens are both given"), Hint: "a pilot's answers say what was counted: leave out --count-tokens"}
	}
	n := c.Int("pilot")
	if n <= 0 {
		return &jobs.SpecError{Err: fmt.Errorf("--pilot is %d", n), Hint: "write --pilot 50"}
	}
	spec, err := specOf(c)
	if err != nil {
		return err
	}
	log, err := newLog(c, con.stderr)
	if err != nil {
		return err
	}
	job, err := jobs.Open(*spec, jobs.Options{Stdin: con.stdin, Log: log})
	if err != nil {
		return err
	}
	defer job.Close()
	ctx, stop := untilSignal(c.Context, con)
	defer stop()
	summary, p, err := job.Pilot(ctx, n)
	if p == nil {
		return err
	}
	if c.Bool("json") {
		writeJSON(con.stderr, summaryJSON(summary, err, exitCode(summary, err)))
		writeJSON(con.stdout, withTime(planJSON(p), p, spec))
	} else {
		if !c.Bool("quiet") {
			fmt.Fprintf(con.stderr, "The pilot asked %s (%s); their answers are kept.\n", many(summary.Run.Rows, "row"), statusText(&summary.Run, 0))
		}
		printPlan(con, job, p, 0)
	}
	return err
}

// view opens a job for looking at.
func view(c *cli.Context, con *console) (*jobs.Job, error) {
	spec, err := specOf(c)
	if err != nil {
		return nil, err
	}
	log, err := newLog(c, con.stderr)
	if err != nil {
		return nil, err
	}
	return jobs.View(*spec, jobs.Options{Stdin: con.stdin, Log: log})
}

// countTokens has prompts counted, where that is asked for.
func countTokens(c *cli.Context, con *console, job *jobs.Job) (int64, error) {
	if !c.IsSet("count-tokens") {
		return 0, nil
	}
	n := c.Int("count-tokens")
	if n <= 0 {
		return 0, &jobs.SpecError{Err: fmt.Errorf("--count-tokens is %d", n), Hint: "write --count-tokens 20"}
	}
	ctx, stop := untilSignal(c.Context, con)
	defer stop()
	return job.CountTokens(ctx, n)
}

func printPlan(con *console, job *jobs.Job, p *jobs.Plan, counted int64) {
	spec := job.Spec()
	w := tabwriter.NewWriter(con.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "rows\t%s: %s to ask", count(p.Rows), count(p.Ask()))
	switch {
	case p.Changed > 0 && p.Again > 0:
		fmt.Fprintf(w, " (%s of them changed, %s again)", count(p.Changed), count(p.Again))
	case p.Changed > 0:
		fmt.Fprintf(w, " (%s of them changed)", count(p.Changed))
	case p.Again > 0:
		fmt.Fprintf(w, " (%s of them again)", count(p.Again))
	}
	fmt.Fprintf(w, ", %s settled, %s bad", count(p.Settled), count(p.Bad))
	if p.Copied > 0 {
		fmt.Fprintf(w, ", %s copied from identical ones", count(p.Copied))
	}
	fmt.Fprintln(w)
	if p.Orphaned > 0 {
		fmt.Fprintf(w, "orphaned\t%s answers that no row asks for any more; they stay until genbatch prune --orphaned\n", count(p.Orphaned))
	}
	if p.Ask() > 0 {
		by := ""
		if counted > 0 {
			by = ", by " + many(counted, "prompt") + " counted"
		}
		fmt.Fprintf(w, "input\tabout %s%s\n", tokens(p.InputTokens), by)
		fmt.Fprintf(w, "output\t%s\n", planOutput(p))
		fmt.Fprintf(w, "cost\t%s\n", planCost(p)+planTier(&spec))
		if other := planServices(p); other != "" {
			fmt.Fprintf(w, "otherwise\t%s\n", other)
		}
		if text := planCap(p, &spec); text != "" {
			fmt.Fprintf(w, "cap\t%s\n", text)
		}
		if at, by := planTime(p, &spec); at > 0 {
			fmt.Fprintf(w, "time\tat least %s at %s\n", days(at), by)
		}
		printDays(w, p, &spec)
	}
	if p.Price > 0 || p.Unpriced > 0 {
		fmt.Fprintf(w, "spent so far\t%s\n", strings.TrimPrefix(costText(p.Price, p.Unpriced), "cost "))
	}
	w.Flush()
	for _, bad := range p.BadRows {
		fmt.Fprintf(con.stdout, "bad: %s\n", bad)
	}
	if more := p.Bad - int64(len(p.BadRows)); more > 0 {
		fmt.Fprintf(con.stdout, "bad: %s more\n", count(more))
	}
	if p.First != nil {
		var pretty bytes.Buffer
		if json.Indent(&pretty, p.First, "", "  ") == nil {
			fmt.Fprintf(con.stdout, "\nThe first request, for %s, to %s:\n%s\n", p.FirstAt, p.FirstModel, pretty.Bytes())
		}
	}
}

// planTier says which tier the cost is of.
func planTier(spec *jobs.Spec) string {
	switch len(spec.Tier) {
	case 0:
		return ""
	case 1:
		return ", in the " + spec.Tier[0] + " tier"
	}
	return fmt.Sprintf(", in the %s tier, and more as far as rows fall back to %s", spec.Tier[0], strings.Join(spec.Tier[1:], " or "))
}

func planOutput(p *jobs.Plan) string {
	text := "not known before the first answers"
	if p.Answered > 0 {
		text = fmt.Sprintf("about %s, as in the %s answers so far, thinking included", tokens(p.OutputTokens), count(p.Answered))
	}
	if p.MaxOutputTokens > 0 {
		text += fmt.Sprintf(", at most %s", tokens(p.MaxOutputTokens))
	}
	return text
}

func planCost(p *jobs.Plan) string {
	if !p.Priced {
		return "unknown: the price of this model is not known (see genbatch prices, and --prices)"
	}
	text := fmt.Sprintf("at least $%s for the input", money(p.InputCost))
	switch {
	case p.Forecast != nil:
		text = fmt.Sprintf("about $%s (90 %%: $%s to $%s, by %s)", money(p.Forecast.Mean), money(p.Forecast.Low), money(p.Forecast.High), many(p.Forecast.Answers, "answer"))
	case p.Answered > 0:
		text = fmt.Sprintf("about $%s", money(p.InputCost+p.OutputCost))
	}
	if p.MaxOutputTokens > 0 {
		return text + fmt.Sprintf(", at most $%s without retries", money(p.InputCost+p.MaxOutputCost))
	}
	return text + "; nothing bounds it: --max-output-tokens would"
}

// planServices compares with the prices of slower services.
func planServices(p *jobs.Plan) string {
	if p.Forecast == nil {
		return ""
	}
	var parts []string
	for _, s := range []struct {
		name  string
		share float64
	}{{"the standard tier", p.Standard}, {"flex", p.Flex}, {"the Batch API", p.Batch}} {
		if current := cmp.Or(p.Tier, "standard"); s.name == current || s.name == "the "+current+" tier" {
			continue
		}
		if s.share > 0 {
			parts = append(parts, fmt.Sprintf("about $%s with %s", money(price.USD(s.share*float64(p.Forecast.Mean))), s.name))
		}
	}
	return strings.Join(parts, ", ")
}

// planCap holds the forecast against --max-cost, which counts what was spent too.
func planCap(p *jobs.Plan, spec *jobs.Spec) string {
	limit, err := price.ParseUSD(spec.MaxCost)
	if err != nil || p.Forecast == nil { // without --max-cost, too
		return ""
	}
	left := limit - p.Price
	switch f := p.Forecast; {
	case f.High <= left:
		return fmt.Sprintf("$%s is enough", limit)
	case f.Mean <= left:
		return fmt.Sprintf("$%s may be reached", limit)
	}
	return fmt.Sprintf("$%s will be reached, after about %.0f %% of the rows to ask", limit, 100*max(0, float64(left))/float64(p.Forecast.Mean))
}

func planJSON(p *jobs.Plan) map[string]any {
	m := map[string]any{
		"type": "plan", "rows": p.Rows, "new": p.New, "changed": p.Changed, "orphaned": p.Orphaned, "again": p.Again, "settled": p.Settled, "bad": p.Bad, "copied": p.Copied, "bad_rows": p.BadRows,
		"input_tokens": p.InputTokens, "max_output_tokens": p.MaxOutputTokens, "answers_known": p.Answered,
		"spent_usd": usd(p.Price, p.Unpriced), "first_request": p.First,
	}
	if p.Tier != "" {
		m["tier"] = p.Tier
	}
	if p.Answered > 0 {
		m["output_tokens"] = p.OutputTokens
	}
	if p.Forecast != nil {
		m["forecast"] = forecastJSON(p.Forecast)
		m["standard_share"], m["flex_share"], m["batch_share"] = p.Standard, p.Flex, p.Batch
	}
	if p.Priced {
		m["input_cost_usd"] = rawNumber(p.InputCost.String())
		if p.Answered > 0 {
			m["cost_usd"] = rawNumber((p.InputCost + p.OutputCost).String())
		}
		if p.MaxOutputTokens > 0 {
			m["max_cost_usd"] = rawNumber((p.InputCost + p.MaxOutputCost).String())
		}
	}
	return m
}
