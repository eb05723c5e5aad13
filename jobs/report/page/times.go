package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/overview"
	"github.com/genbatch/genbatch/jobs/report"
)

// A chart is figures over time. The page's script draws it with uPlot; without a script its
// Still is seen.
type chart struct {
	ID     string   `json:"id"`
	Unit   string   `json:"unit"`
	Series []series `json:"series"`
	// X are seconds since 1970. A gap between runs is a second without values.
	X []float64 `json:"x"`

	Title string        `json:"-"`
	Text  string        `json:"-"` // what it shows, for those who do not see it
	Still template.HTML `json:"-"`
}

// A series is a line of a chart. A nil value is a gap.
type series struct {
	Name   string     `json:"name"`
	Class  string     `json:"class"` // names its colour
	Values []*float64 `json:"values"`
	Step   bool       `json:"step"` // holds until it changes, as a limit does
}

// paceChart shows how many rows a second got their result, by the times in the journal.
func paceChart(p *overview.Pace) (c chart, ok bool) {
	moments := p.Moments()
	if len(moments) < 2 {
		return c, false
	}
	width := p.Width()
	per := func(n int64) *float64 { return new(float64(n) / width.Seconds()) }
	good, bad := series{Name: "ok", Class: "series-1"}, series{Name: "not ok", Class: "series-5"}
	put := func(at float64, a, b *float64) {
		c.X, good.Values, bad.Values = append(c.X, at), append(good.Values, a), append(bad.Values, b)
	}
	highest, failed := 0.0, int64(0)
	for i, m := range moments {
		if i > 0 {
			last := moments[i-1].At.Add(width)
			switch pause := m.At.Sub(last); {
			case pause > max(time.Minute, 5*width): // another run
				put(float64(last.Unix()), nil, nil)
			case pause > 0:
				put(float64(last.Unix()), new(0.0), new(0.0))
				if pause > width {
					put(float64(m.At.Add(-width).Unix()), new(0.0), new(0.0))
				}
			}
		}
		put(float64(m.At.Unix()), per(m.OK), per(m.NotOK))
		highest = max(highest, *per(m.OK + m.NotOK))
		failed += m.NotOK
	}
	c.ID, c.Title, c.Unit, c.Series = "pace", "Rows a second", "rows/s", []series{good}
	if failed > 0 {
		c.Series = append(c.Series, bad)
	}
	c.Text = fmt.Sprintf("From %s to %s, at most %s rows a second in %s.", when(moments[0].At), when(moments[len(moments)-1].At.Add(width)), number(highest), report.Duration(width))
	c.Still = c.still()
	return c, true
}

// mostPoints is how many moments the charts of runs have at most, over all runs.
const mostPoints = 1500

// historyCharts show what runs have recorded of themselves, one after the other.
func historyCharts(runs []jobs.RunHistory) (charts []chart) {
	total := 0
	for _, run := range runs {
		total += len(run.Samples)
	}
	if total < 2 {
		return nil
	}
	asked := chart{ID: "asked", Title: "Requests a minute", Unit: "requests/min", Text: "Requests that were made, and of them those that were refused for a quota or an overload, with the limit that was in force."}
	calls := chart{ID: "calls", Title: "Calls in flight", Unit: "calls", Text: "Calls under way, how many may be, and the rows that wait for their next attempt."}
	made, refused := series{Name: "made", Class: "series-1"}, series{Name: "refused", Class: "series-5"}
	rpm := series{Name: "limit", Class: "series-6", Step: true}
	flying, allowed := series{Name: "in flight", Class: "series-1"}, series{Name: "allowed", Class: "series-6", Step: true}
	waiting := series{Name: "waiting rows", Class: "series-2"}
	put := func(at float64, values ...*float64) {
		asked.X = append(asked.X, at)
		for i, s := range []*series{&made, &refused, &rpm, &flying, &allowed, &waiting} {
			s.Values = append(s.Values, values[i])
		}
	}
	step := (total + mostPoints - 1) / mostPoints
	for i, run := range runs {
		if i > 0 && len(asked.X) > 0 {
			put(asked.X[len(asked.X)-1]+1, make([]*float64, 6)...)
		}
		last := jobs.Sample{At: run.Begin}
		for k := range run.Samples {
			s := &run.Samples[k]
			took := s.At.Sub(last.At).Minutes()
			if took <= 0 || (k+1)%step != 0 && k < len(run.Samples)-1 {
				continue
			}
			put(float64(s.At.UnixMilli())/1000, new(float64(s.Attempts-last.Attempts)/took), new(float64(s.Refused-last.Refused)/took), figure(s.RPM),
				new(float64(s.InFlight)), figure(s.Concurrency), new(float64(s.Waiting)))
			last = *s
		}
	}
	calls.X = asked.X
	asked.Series, calls.Series = drawable(made, refused, rpm), drawable(flying, allowed, waiting)
	for _, c := range []chart{asked, calls} {
		if len(c.Series) > 0 && len(c.X) > 1 {
			c.Still = c.still()
			charts = append(charts, c)
		}
	}
	return charts
}

func figure(n *int64) *float64 {
	if n == nil {
		return nil
	}
	return new(float64(*n))
}

// drawable leaves out series that are 0, or not known, all the time.
func drawable(all ...series) (list []series) {
	for _, s := range all {
		if slices.ContainsFunc(s.Values, func(v *float64) bool { return v != nil && *v > 0 }) {
			list = append(list, s)
		}
	}
	return list
}

// number writes a figure with the digits that count.
func number(f float64) string {
	if f >= 100 {
		return report.Count(int64(math.Round(f)))
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0")
}

// still draws a chart without a script.
func (c *chart) still() template.HTML {
	const width, height, foot, head = 720.0, 200.0, 24.0, 16.0
	first, last, highest := c.X[0], c.X[len(c.X)-1], 0.0
	for _, s := range c.Series {
		for _, v := range s.Values {
			if v != nil {
				highest = max(highest, *v)
			}
		}
	}
	d := draw(width, height, c.Title+". "+c.Text)
	for _, s := range c.Series {
		var path strings.Builder
		command := "M"
		for i, v := range s.Values {
			if v == nil {
				command = "M"
				continue
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", command, (c.X[i]-first)/max(last-first, 1)*width, height-foot-*v/max(highest, 1e-9)*(height-foot-head))
			command = "L"
		}
		d.printf(`<path class="%s-line" d="%s"/>`, s.Class, path.String())
	}
	d.line("axis", 0, height-foot, width, height-foot)
	d.text(0, 11, "start", number(highest)+" "+c.Unit)
	d.text(0, height-6, "start", clock(time.Unix(int64(first), 0)))
	d.text(width, height-6, "end", clock(time.Unix(int64(last), 0)))
	return d.end()
}

func clock(at time.Time) string { return at.Local().Format("2 Jan 15:04:05") }

// A batchJob is one on the time line.
type batchJob struct {
	Name, State, Model, Why string
	Rows, Answered          int64
	From, To                string
	Took                    string
}

// batchJobs lists the batch jobs, and draws when each was at work: from its creation until its
// results came, or until now.
func batchJobs(v *jobs.Overview, now time.Time) (list []batchJob, line template.HTML) {
	const most, width, height = 100, 720.0, 18.0
	all := v.Batches[max(0, len(v.Batches)-most):]
	if len(all) == 0 {
		return nil, ""
	}
	type span struct {
		jobs.Batch
		end time.Time
	}
	var spans []span
	var first, last time.Time
	for _, b := range all {
		end := v.Figures.Batches[b.ID]
		if b.Live || end.IsZero() && b.State != "dropped" {
			end = now
		}
		one := batchJob{Name: short(nameOf(&b)), State: b.State, Model: short(b.Model), Why: short(b.Why), Rows: b.Rows, Answered: b.Answered, From: "–", To: "–", Took: "–"}
		if !b.Created.IsZero() {
			one.From = when(b.Created)
			if !end.IsZero() {
				one.Took = report.Duration(end.Sub(b.Created))
				spans = append(spans, span{b, end})
				if first.IsZero() || b.Created.Before(first) {
					first = b.Created
				}
				if end.After(last) {
					last = end
				}
			}
		}
		if !b.Live && !end.IsZero() {
			one.To = when(end)
		}
		list = append(list, one)
	}
	if len(spans) == 0 {
		return list, ""
	}
	d := draw(width, height*float64(len(spans))+26, "When each batch job was at work; the table has the times")
	at := func(t time.Time) float64 {
		return t.Sub(first).Seconds() / max(last.Sub(first).Seconds(), 1e-9) * width
	}
	for i, s := range spans {
		class := "series-1"
		switch {
		case s.Live:
			class = "series-2"
		case s.Why != "":
			class = "series-5"
		}
		d.rect(class, at(s.Created), float64(i)*height+3, max(at(s.end)-at(s.Created), 2), height-6, fmt.Sprintf("%s: %s, %s", nameOf(&s.Batch), s.State, report.Many(s.Rows, "row")))
	}
	bottom := height*float64(len(spans)) + 2
	d.line("axis", 0, bottom, width, bottom)
	d.text(0, bottom+18, "start", clock(first))
	d.text(width, bottom+18, "end", clock(last))
	return list, d.end()
}

func nameOf(b *jobs.Batch) string {
	if b.Name == "" {
		return b.ID
	}
	return b.Name[strings.LastIndex(b.Name, "/")+1:]
}
