package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
)

func planCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "say what a run would do and cost; sends nothing",
		ArgsUsage: "[JOB.yaml]",
		Flags:     flagsOf(settings(), talkFlags()...),
		Action: func(c *cli.Context) error {
			job, err := view(c, con)
			if err != nil {
				return err
			}
			defer job.Close()
			p, err := job.Plan()
			if err != nil {
				return err
			}
			if c.Bool("json") {
				writeJSON(con.stdout, planJSON(p))
				return nil
			}
			printPlan(con, job, p)
			return nil
		},
	}
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

func printPlan(con *console, job *jobs.Job, p *jobs.Plan) {
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
	fmt.Fprintf(w, ", %s settled, %s bad\n", count(p.Settled), count(p.Bad))
	if p.Orphaned > 0 {
		fmt.Fprintf(w, "orphaned\t%s answers that no row asks for any more; they stay until genbatch prune --orphaned\n", count(p.Orphaned))
	}
	if p.Ask() > 0 {
		fmt.Fprintf(w, "input\tabout %s\n", tokens(p.InputTokens))
		fmt.Fprintf(w, "output\t%s\n", planOutput(p))
		fmt.Fprintf(w, "cost\t%s\n", planCost(p))
		if spec.RPM > 0 {
			at := time.Duration(float64(p.Ask()) / float64(spec.RPM) * float64(time.Minute))
			fmt.Fprintf(w, "time\tat least %s at %d requests a minute\n", duration(at), spec.RPM)
		}
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
			fmt.Fprintf(con.stdout, "\nThe first request, for %s, to %s:\n%s\n", p.FirstAt, spec.Model, pretty.Bytes())
		}
	}
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
	if p.Answered > 0 {
		text = fmt.Sprintf("about $%s", money(p.InputCost+p.OutputCost))
	}
	if p.MaxOutputTokens > 0 {
		return text + fmt.Sprintf(", at most $%s without retries", money(p.InputCost+p.MaxOutputCost))
	}
	return text + "; nothing bounds it: --max-output-tokens would"
}

func planJSON(p *jobs.Plan) map[string]any {
	m := map[string]any{
		"type": "plan", "rows": p.Rows, "new": p.New, "changed": p.Changed, "orphaned": p.Orphaned, "again": p.Again, "settled": p.Settled, "bad": p.Bad, "bad_rows": p.BadRows,
		"input_tokens": p.InputTokens, "max_output_tokens": p.MaxOutputTokens, "answers_known": p.Answered,
		"spent_usd": usd(p.Price, p.Unpriced), "first_request": p.First,
	}
	if p.Answered > 0 {
		m["output_tokens"] = p.OutputTokens
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
