package overview

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// A quantile is off by the width of an interval at most, and bars count every value once.
func TestHistogram(t *testing.T) {
	for _, most := range []int64{1, 3, 40, 999, 1_000_000} {
		var h Histogram
		var all []int64
		for i := range int64(2000) {
			v := (i * 7919) % (most + 1)
			h.Add(v)
			all = append(all, v)
		}
		slices.Sort(all)
		for _, share := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
			want := all[int(share*float64(len(all)))-1]
			if got := h.Quantile(share); float64(max(got-want, want-got)) > 0.045*float64(want)+0.5 {
				t.Errorf("up to %d, share %g: %d; want about %d", most, share, got, want)
			}
		}
		if h.Min != all[0] || h.Max != all[len(all)-1] || h.Count != 2000 {
			t.Errorf("up to %d: %d values from %d to %d", most, h.Count, h.Min, h.Max)
		}
		for _, bars := range []int{1, 7, 40} {
			var n int64
			list := h.Bars(bars)
			for i, b := range list {
				n += b.Count
				if i > 0 && b.From != list[i-1].To+1 {
					t.Errorf("a bar from %d follows one to %d", b.From, list[i-1].To)
				}
				var want int64
				for _, v := range all {
					if v >= b.From && v <= b.To {
						want++
					}
				}
				if b.Count != want {
					t.Errorf("%d values from %d to %d; want %d", b.Count, b.From, b.To, want)
				}
			}
			if n != h.Count || len(list) > bars {
				t.Errorf("%d bars have %d values", len(list), n)
			}
		}
	}
	var none Histogram
	if none.Quantile(0.5) != 0 || none.Bars(9) != nil {
		t.Error("no values have a distribution")
	}
}

// Chosen items are spread evenly, and no more of them are made than is needed for that.
func TestSampler(t *testing.T) {
	for _, n := range []int{0, 1, 10, 11, 1_000_000} {
		s, made := NewSampler[int](10), 0
		for i := range n {
			s.Add(func() int { made++; return i })
		}
		got := s.Chosen(10)
		if n <= 10 && len(got) != n || n > 10 && len(got) < 5 || len(got) > 10 {
			t.Errorf("%d of %d are chosen", len(got), n)
		}
		for i := 1; i < len(got); i++ {
			if got[i]-got[i-1] != got[1]-got[0] {
				t.Errorf("of %d: %v", n, got)
			}
		}
		if made > 200 {
			t.Errorf("%d of %d were made", made, n)
		}
		if few := s.Chosen(3); len(few) > 3 {
			t.Errorf("of %d: %v", n, few)
		}
	}
}

// What is a row's own does not divide a cause, and what is an answer of the server does.
func TestCauses(t *testing.T) {
	f := New()
	n := int64(0)
	add := func(status batch.Status, problem string) {
		n++
		f.Add(&Row{Input: &batch.Row{Number: n, Source: "/in/rows.csv", Line: n + 1}, Key: fmt.Sprint("k", n), Status: status, Problem: problem})
	}
	for i := range 12 {
		add(batch.Failed, fmt.Sprintf("HTTP 503: overloaded (request 9f%dab, retry in %d.5s)", i, i))
	}
	add(batch.Failed, "HTTP 503: overloaded (request 77, retry in 1s); asked again after HTTP 504, as a stream")
	add(batch.Failed, "HTTP 500: overloaded (request 77, retry in 1s)")
	add(batch.Skipped, "rows.csv:17: the record has 3 fields, and not 4")
	add(batch.Skipped, "other/rows2.csv:171: the record has 5 fields, and not 4")
	add(batch.Invalid, `the answer "perhaps" is none of the labels`)
	add(batch.Invalid, `the answer "I think so" is none of the labels`)
	add(batch.OK, "")
	add(batch.Pending, "")
	got := f.Figures()
	var list []string
	for _, c := range got.Causes {
		list = append(list, fmt.Sprintf("%d %s %s", c.Rows, c.Status, c.Text))
		if c.Remedy == "" {
			t.Errorf("no remedy for %s", c.Status)
		}
	}
	want := []string{
		"13 failed HTTP 503: overloaded (request 9f0ab, retry in 0.5s)",
		`2 invalid the answer "perhaps" is none of the labels`,
		"2 skipped rows.csv:17: the record has 3 fields, and not 4",
		"1 failed HTTP 500: overloaded (request 77, retry in 1s)",
	}
	if !slices.Equal(list, want) {
		t.Errorf("%q\nwant %q", list, want)
	}
	if e := got.Causes[0].Examples; len(e) != mostExamples || e[1] != (Example{Row: 2, Key: "k2"}) {
		t.Errorf("examples: %+v", e)
	}
}

// However many causes there are, those that are kept are bounded, and no row is lost.
func TestManyCauses(t *testing.T) {
	f := New()
	letters := func(i int) string { return string([]rune{rune('a' + i%26), rune('a' + i/26%26), rune('a' + i/676)}) }
	for i := range 2000 {
		f.Add(&Row{Input: &batch.Row{Number: int64(i)}, Status: batch.Rejected, Problem: "refused: " + letters(i)})
	}
	got := f.Figures()
	rows := got.Others
	for _, c := range got.Causes {
		rows += c.Rows
	}
	if len(got.Causes) != mostCauses || rows != 2000 {
		t.Errorf("%d causes of %d rows", len(got.Causes), rows)
	}
}

// Moments stay bounded, whatever time results took, and each result is in one.
func TestPace(t *testing.T) {
	begin := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, step := range []time.Duration{time.Millisecond, time.Second, time.Hour} {
		var p Pace
		for i := range 5000 {
			p.add(begin.Add(time.Duration(i)*step), i%10 != 0)
		}
		moments := p.Moments()
		var ok, notOK int64
		for i, m := range moments {
			ok, notOK = ok+m.OK, notOK+m.NotOK
			if i > 0 && m.At.Sub(moments[i-1].At) < p.Width() {
				t.Errorf("moments of %v at %v and %v", p.Width(), moments[i-1].At, m.At)
			}
		}
		if ok != 4500 || notOK != 500 || len(moments) > mostMoments || len(moments) < 5 {
			t.Errorf("steps of %v: %d moments with %d and %d results", step, len(moments), ok, notOK)
		}
	}
}
