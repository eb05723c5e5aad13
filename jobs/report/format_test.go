package report

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs"
)

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -999: "-999"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 rows", 1: "1 row", 2000: "2,000 rows"} {
		if got := Many(n, "row"); got != want {
			t.Errorf("Many(%d) = %s, want %s", n, got, want)
		}
	}
	for f, want := range map[float64]string{0: "0.0", 0.25: "0.2", 9.94: "9.9", 42.4: "42", 1234.5: "1,235"} {
		if got := decimal(f); got != want {
			t.Errorf("decimal(%v) = %s, want %s", f, got, want)
		}
	}
	for n, want := range map[int64]string{0: "1.0 kB", 1500: "1.5 kB", 999_000: "999 kB", 162_500_000: "163 MB", 2_000_000_000: "2.0 GB", 5e15: "5,000 TB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
	for total, want := range map[int64]string{0: "1,500", 2000: "1,500/2,000"} {
		if got := fraction(1500, total); got != want {
			t.Errorf("fraction of %d = %s, want %s", total, got, want)
		}
	}
}

func TestCosts(t *testing.T) {
	for cost, want := range map[price.USD]string{0: "0.00", 1_500_000_000_000: "1.50", 12_340_000_000: "0.012", 1_230_000: "0.0000012"} {
		if got := Money(cost); got != want {
			t.Errorf("Money(%d) = %s, want %s", cost, got, want)
		}
	}
	if got := CostText(0, 3); got != "cost unknown" {
		t.Errorf("an unknown cost is shown as %s", got)
	}
	if got := CostText(1_500_000_000_000, 1200); got != "at least $1.50 (without 1,200 calls of unknown price)" {
		t.Errorf("a cost known in part is shown as %s", got)
	}
	spent := []jobs.ModelTotals{{Calls: 9, Cost: 1_500_000_000_000}}
	for _, tt := range []struct {
		name   string
		totals jobs.Totals
		text   string
		json   string
	}{
		{"nothing was done", jobs.Totals{}, "$0.00", "0"},
		{"all is known", jobs.Totals{Models: spent}, "$1.50", "1.5"},
		{"only cut attempts", jobs.Totals{Unreported: 2}, "unknown", "null"},
		{"some were cut, and their rows answered later", jobs.Totals{Models: spent, Unreported: 2}, "$1.50", "1.5"},
		{"rows of unknown cost", jobs.Totals{Models: spent, Bill: jobs.Bill{UnknownRows: 1200}}, "at least $1.50 (without 1,200 rows of unknown cost)", "null"},
		{"nothing else", jobs.Totals{Bill: jobs.Bill{UnknownRows: 1}}, "unknown", "null"},
	} {
		b, err := json.Marshal(totalJSON(&tt.totals))
		if got := TotalCost(&tt.totals); got != tt.text || err != nil || string(b) != tt.json {
			t.Errorf("%s: %s, and as JSON %s, %v; want %s and %s", tt.name, got, b, err, tt.text, tt.json)
		}
	}
}

// All digits of an amount are written, also where a float would round them.
func TestDollars(t *testing.T) {
	for cost, want := range map[price.USD]string{1: "0.000000000001", -price.Dollar / 2: "-0.5", math.MaxInt64: "9223372.036854775807"} {
		if got, err := json.Marshal(dollars(cost)); err != nil || string(got) != want {
			t.Errorf("%d is written as %s (%v), want %s", cost, got, err, want)
		}
	}
	if got, err := json.Marshal(wholeCost(price.Dollar, 1)); err != nil || string(got) != "null" {
		t.Errorf("a cost known in part is written as %s (%v), want null", got, err)
	}
}

func TestTimes(t *testing.T) {
	for d, want := range map[time.Duration]string{1500 * time.Millisecond: "1.5 s", 90 * time.Second: "1m30s", 47 * time.Hour: "47h0m0s", 60 * time.Hour: "2.5 days"} {
		if got := durationInDays(d); got != want {
			t.Errorf("durationInDays(%v) = %s, want %s", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 59 * time.Second: "59 s", 90 * time.Second: "1 min", 100 * time.Hour: "100 h"} {
		if got := oneUnit(d); got != want {
			t.Errorf("oneUnit(%v) = %s, want %s", d, got, want)
		}
	}
}
