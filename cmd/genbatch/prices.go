package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs"
)

func pricesCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "prices",
		Usage:     "print the price table in force, with dates and sources",
		ArgsUsage: "[MODEL]",
		Description: "Prices are in USD per million tokens. Gateways charge their own: what is shown here is\n" +
			"Google's list price, but for what --prices FILE says. Its format is in docs/prices.md.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "prices", Usage: "`FILE` of prices that count before the built-in ones", EnvVars: env("prices")},
			&cli.BoolFlag{Name: "all", Usage: "models too that have no price today"},
		},
		Action: func(c *cli.Context) error {
			table := price.Default()
			if file := c.String("prices"); file != "" {
				var err error
				if table, err = price.LoadFile(file); err != nil {
					return &jobs.SpecError{Err: err} // it says the remedy
				}
			}
			if name := c.Args().First(); name != "" {
				e, ok := table.Lookup(name, time.Now())
				if !ok {
					return &jobs.SpecError{Err: fmt.Errorf("no price is known for %q", name), Hint: "genbatch prices lists the models; --prices FILE adds your own"}
				}
				printModel(con.stdout, &e)
				return nil
			}
			printPrices(con.stdout, table, c.String("prices"), c.Bool("all"))
			return nil
		},
	}
}

func printPrices(w io.Writer, table *price.Table, file string, all bool) {
	now := time.Now()
	fmt.Fprintf(w, "Google's list prices in USD per million tokens on %s (table of %s)", now.Format(time.DateOnly), table.Generated())
	if file != "" {
		fmt.Fprintf(w, ", and those of %s", file)
	}
	fmt.Fprint(w, "\n\n")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "MODEL\tINPUT\tCACHED\tOUTPUT\tBATCH IN\tBATCH OUT\tUNTIL\tSOURCE")
	for _, m := range table.Models() {
		p := m.At(now)
		if !p.Priced() {
			if all {
				fmt.Fprintf(tw, "%s\t-\t-\t-\t-\t-\t%s\t\n", m.ID, m.Status)
			}
			continue
		}
		if p.PerRequest != nil {
			fmt.Fprintf(tw, "%s\t\t\t%s a request\t\t\t%s\t%s\n", m.ID, *p.PerRequest, p.Until, origin(&m))
		}
		for _, t := range p.Tiers {
			name := m.ID
			if len(p.Tiers) > 1 {
				if t.MaxPromptTokens > 0 {
					name += fmt.Sprintf(" (to %s prompt tokens)", count(t.MaxPromptTokens))
				} else {
					name += " (above)"
				}
			}
			standard, batch := t.Rates[price.Standard], t.Rates[price.Batch]
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, rate(standard, price.InputText), rate(standard, price.CachedInput),
				output(standard), rate(batch, price.InputText), output(batch), p.Until, origin(&m))
		}
	}
	tw.Flush()
	fmt.Fprintln(w, "\ngenbatch prices MODEL shows everything known of one model.")
}

// origin says in a few words where an entry's prices come from.
func origin(m *price.Model) string {
	c := m.Custom
	if c == nil {
		if m.Confidence == "" {
			return "list"
		}
		return "list, confidence " + m.Confidence
	}
	text := "your prices"
	if c.File != "" {
		text = filepath.Base(c.File)
	}
	if c.Date != "" {
		text += " of " + c.Date
	}
	if c.Multiplier != "" {
		text += ", " + c.Multiplier + " x list"
	}
	if c.SameAs != "" {
		text += ", as " + c.SameAs
	}
	return text
}

// output is the price of what the model mainly puts out.
func output(r *price.Rates) string {
	for _, k := range []price.Kind{price.OutputImage, price.OutputAudio, price.OutputText} {
		if text := rate(r, k); text != "-" {
			if k != price.OutputText {
				return text + " " + strings.TrimPrefix(kindName(k), "output ")
			}
			return text
		}
	}
	return "-"
}

func rate(r *price.Rates, k price.Kind) string {
	if r == nil {
		return "-"
	}
	if usd, ok := r.PerMillion(k); ok {
		return usd.String()
	}
	return "-"
}

func printModel(w io.Writer, e *price.Entry) {
	fmt.Fprintln(w, e.ID)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(e.Aliases) > 0 {
		fmt.Fprintf(tw, "  also\t%s\n", strings.Join(e.Aliases, ", "))
	}
	if e.Status != "" {
		fmt.Fprintf(tw, "  status\t%s\n", e.Status)
	}
	if e.Custom != nil {
		fmt.Fprintf(tw, "  prices\tfrom %s\n", origin(&e.Model))
	}
	for _, text := range e.Warnings {
		fmt.Fprintf(tw, "  note\t%s\n", text)
	}
	for _, p := range e.Periods {
		days := cmp.Or(p.From, "any day") + " to " + cmp.Or(p.Until, "further notice")
		if p.From == "" && p.Until == "" {
			days = "every day"
		}
		for _, t := range p.Tiers {
			size := ""
			if t.MaxPromptTokens > 0 {
				size = fmt.Sprintf(", prompts to %s tokens", count(t.MaxPromptTokens))
			} else if len(p.Tiers) > 1 {
				size = ", longer prompts"
			}
			fmt.Fprintf(tw, "  %s%s\t\n", days, size)
			for _, s := range price.Services {
				if text := rates(t.Rates[s]); text != "" {
					fmt.Fprintf(tw, "    %s\t%s\n", s, text)
				}
			}
		}
		if p.PerRequest != nil {
			if len(p.Tiers) == 0 {
				fmt.Fprintf(tw, "  %s\t\n", days)
			}
			fmt.Fprintf(tw, "    a request\t%s USD\n", *p.PerRequest)
		}
		printFees(tw, "  ", p.Grounding)
	}
	printFees(tw, "", e.Grounding)
	if e.Confidence != "" {
		fmt.Fprintf(tw, "  confidence\t%s\n", e.Confidence)
	}
	for _, s := range e.Sources {
		fmt.Fprintf(tw, "  source\t%s (%s, %s)\n", s.What, s.Date, s.Rank)
	}
	for _, note := range e.Notes {
		fmt.Fprintf(tw, "  note\t%s\n", note)
	}
	tw.Flush()
}

// printFees prints what searches cost.
func printFees(w io.Writer, indent string, g *price.Grounding) {
	if g == nil {
		return
	}
	for _, f := range []struct {
		name string
		fee  *price.Fee
	}{{"Google Search", g.Search}, {"Google Maps", g.Maps}} {
		if f.fee == nil {
			continue
		}
		unit := "search queries"
		if f.fee.PerPrompt {
			unit = "grounded prompts"
		}
		fmt.Fprintf(w, "%s  %s\t%s USD per 1,000 %s", indent, f.name, f.fee.PerThousand(), unit)
		if f.fee.Free != "" {
			fmt.Fprintf(w, "; free: %s", f.fee.Free)
		}
		fmt.Fprintln(w)
	}
}

// rates lists the prices of a service; kinds with the price of text are left out.
func rates(r *price.Rates) string {
	if r == nil {
		return ""
	}
	var parts []string
	for _, k := range price.Kinds {
		usd, ok := r.PerMillion(k)
		if !ok {
			continue
		}
		if base, ok := r.PerMillion(likeText(k)); ok && k != likeText(k) && base == usd {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s", kindName(k), usd))
	}
	return strings.Join(parts, ", ")
}

// likeText is the kind whose price a model without prices by modality has for k.
func likeText(k price.Kind) price.Kind {
	switch k {
	case price.InputImage, price.InputVideo, price.InputAudio:
		return price.InputText
	case price.CachedInputAudio:
		return price.CachedInput
	}
	return k
}

func kindName(k price.Kind) string { return strings.ReplaceAll(k.String(), "_", " ") }
