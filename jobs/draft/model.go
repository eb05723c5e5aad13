package draft

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch/price"
)

// smallModel matches the names of the small and cheap models of a generation.
var smallModel = regexp.MustCompile(`^gemini-(\d+(?:\.\d+)?)-flash-lite$`)

// likelyModel returns the newest of the small models that the price table knows to be served
// today, or else the cheapest model. It is empty if the table has none.
func (d *Draft) likelyModel() string {
	best, newest := "", -1.0
	for _, e := range d.models() {
		if m := smallModel.FindStringSubmatch(e.ID); m != nil {
			if generation, err := strconv.ParseFloat(m[1], 64); err == nil && generation > newest {
				best, newest = e.ID, generation
			}
		}
	}
	if best == "" && len(d.models()) > 0 {
		return d.models()[0].ID
	}
	return best
}

// models returns the models of the price table that answer in text, have a price today, and
// are neither retired nor previews, the cheapest first.
func (d *Draft) models() (list []price.Entry) {
	for _, m := range d.prices.Models() {
		e, ok := d.prices.Lookup(m.ID, d.now)
		special := strings.Contains(m.ID, "preview") || strings.Contains(m.ID, "robotics") || strings.Contains(m.ID, "computer-use")
		if _, _, priced := rates(&e); ok && priced && e.Type == "text" && (e.Status == "available" || e.Status == "") && e.RoutedTo == "" && !special {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b price.Entry) int {
		inA, outA, _ := rates(&a)
		inB, outB, _ := rates(&b)
		return cmp.Compare(inA+outA, inB+outB)
	})
	return list
}

// rates returns what a million tokens of text cost in the smallest size of a model's prompts.
func rates(e *price.Entry) (in, out price.USD, ok bool) {
	r := e.Period.Quoted()
	if r == nil {
		return 0, 0, false
	}
	in, ok1 := r.PerMillion(price.InputText)
	out, ok2 := r.PerMillion(price.OutputText)
	return in, out, ok1 && ok2
}

// priceOf returns what a model costs, in words. It is empty if that is not known.
func priceOf(e *price.Entry) string {
	in, out, ok := rates(e)
	if !ok {
		return ""
	}
	return fmt.Sprintf("$%s in and $%s out per million tokens", dollars(in), dollars(out))
}

// dollars returns an amount with at least two decimals.
func dollars(amount price.USD) string {
	text := amount.String()
	if _, decimals, _ := strings.Cut(text, "."); len(decimals) < 2 {
		return amount.Format(2)
	}
	return text
}

// ModelNotes returns what the user should know of the draft's model: whether it is retired,
// or has no known price.
func (d *Draft) ModelNotes() []string {
	e, ok := d.prices.Lookup(d.Model, d.now)
	switch {
	case d.Model == "":
		return nil
	case !ok:
		return []string{fmt.Sprintf("the price table has no model %q; genbatch prices lists those that it knows", d.Model)}
	case !e.Period.Priced():
		return append(slices.Clone(e.Warnings), fmt.Sprintf("%s has no known price today; genbatch prices lists models that have one", d.Model))
	}
	return e.Warnings
}
