package report

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/terminal"
)

// Prices shows a table of prices.
type Prices struct {
	Table *price.Table
	At    time.Time // whose prices are shown
	File  string    // where prices are from that are not Google's; empty if there are none
	All   bool      // shows models too that have no price at that time
}

func (p Prices) String() string {
	var b strings.Builder
	title := fmt.Sprintf("Google's list prices in USD per million tokens on %s, from the table of %s", p.At.Format(time.DateOnly), p.Table.Generated())
	fmt.Fprint(&b, terminal.Paragraph(title+"\n"))
	if p.File != "" {
		fmt.Fprintf(&b, "and those of %s\n", terminal.Line(p.File, faultWidth))
	}
	fmt.Fprintln(&b)
	w := newTable(&b)
	w.MaxLabel = 33 // nearly all models' names
	fmt.Fprintln(w, "MODEL\tINPUT\tCACHED\tOUTPUT\tBATCH IN\tBATCH OUT")
	for _, m := range p.Table.Models() {
		now := m.At(p.At)
		switch {
		case now.Priced():
			writePrices(w, &m, now)
		case p.All:
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\n", terminal.Name(m.ID))
			fmt.Fprintf(w, "  %s\n", terminal.Line(m.Status, faultWidth))
		}
	}
	w.Flush()
	fmt.Fprintln(&b, "\nWhere nothing else is said, prices are from Google's list, with high confidence.\ngenbatch prices MODEL shows everything known of one model.")
	return b.String()
}

// writePrices writes a model's prices of a period: a line for each size of prompt.
func writePrices(w io.Writer, m *price.Model, p *price.Period) {
	if p.PerRequest != nil {
		fmt.Fprintf(w, "%s\t%s a request\n", terminal.Name(m.ID), *p.PerRequest)
	}
	for _, t := range p.Tiers {
		name := terminal.Name(m.ID)
		switch {
		case len(p.Tiers) == 1:
		case t.MaxPromptTokens > 0:
			name += fmt.Sprintf(" (to %s prompt tokens)", Count(t.MaxPromptTokens))
		default:
			name += " (above)"
		}
		standard, batched := t.Rates[price.Standard], t.Rates[price.Batch]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", name, rateText(standard, price.InputText), rateText(standard, price.CachedInput),
			outputRate(standard), rateText(batched, price.InputText), outputRate(batched))
	}
	var notes []string
	if p.Until != "" {
		notes = append(notes, "until "+p.Until)
	}
	if m.Custom != nil || m.Confidence != "high" {
		notes = append(notes, origin(m))
	}
	if len(notes) > 0 {
		fmt.Fprintf(w, "  %s\n", strings.Join(notes, "; "))
	}
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

// outputRate writes the price of what a model mainly puts out.
func outputRate(r *price.Rates) string {
	for _, k := range []price.Kind{price.OutputImage, price.OutputAudio, price.OutputText} {
		if text := rateText(r, k); text != "-" {
			if k != price.OutputText {
				return text + " " + strings.TrimPrefix(kindName(k), "output ")
			}
			return text
		}
	}
	return "-"
}

// rateText writes the price of a million tokens, and a dash if it is not known.
func rateText(r *price.Rates, k price.Kind) string {
	if r == nil {
		return "-"
	}
	if usd, ok := r.PerMillion(k); ok {
		return usd.String()
	}
	return "-"
}

// A ModelPrice shows everything known of one model's prices.
type ModelPrice struct{ Entry *price.Entry }

func (p ModelPrice) String() string {
	var b strings.Builder
	e := p.Entry
	fmt.Fprintln(&b, terminal.Name(e.ID))
	tw := newTable(&b)
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
	for i := range e.Periods {
		writePeriod(tw, &e.Periods[i])
	}
	writeFees(tw, "", e.Grounding)
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
	return b.String()
}

// writePeriod writes the prices of a time.
func writePeriod(w io.Writer, p *price.Period) {
	when := cmp.Or(p.From, "any day") + " to " + cmp.Or(p.Until, "further notice")
	if p.From == "" && p.Until == "" {
		when = "every day"
	}
	if p.As != "" {
		when += ", as " + p.As
	}
	for _, t := range p.Tiers {
		size := ""
		if t.MaxPromptTokens > 0 {
			size = fmt.Sprintf(", prompts to %s tokens", Count(t.MaxPromptTokens))
		} else if len(p.Tiers) > 1 {
			size = ", longer prompts"
		}
		fmt.Fprintf(w, "  %s%s\t\n", when, size)
		for _, s := range price.Services {
			if text := ratesText(t.Rates[s]); text != "" {
				fmt.Fprintf(w, "    %s\t%s\n", s, text)
			}
		}
	}
	if p.PerRequest != nil {
		if len(p.Tiers) == 0 {
			fmt.Fprintf(w, "  %s\t\n", when)
		}
		fmt.Fprintf(w, "    a request\t%s USD\n", *p.PerRequest)
	}
	writeFees(w, "  ", p.Grounding)
}

// writeFees writes what searches cost.
func writeFees(w io.Writer, indent string, g *price.Grounding) {
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

// ratesText lists the prices of a service. It leaves out the kinds of tokens that cost as
// much as text.
func ratesText(r *price.Rates) string {
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

// likeText returns the kind of tokens whose price k has too, if a model has one price for
// all modalities.
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
