package page

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/redact"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

// sampleRows is how many rows a page shows.
const sampleRows = 500

// What lists show at most. The rest is counted.
const (
	causesShown = 30
	labelsShown = 60
	matrixShown = 25 // labels of a confusion matrix
	modelsShown = 30
)

// A Report is the page of a job. Use New.
type Report struct {
	*jobs.Overview
	made time.Time
	rows []*row
}

// A builder makes the rows of a Report.
type builder struct {
	labels []string // the result columns that say what a classification gave
	held   int64    // bytes of images
}

// New looks at a job as it is now. The errors are those of [jobs.OverviewOf].
func New(ctx context.Context, job jobs.Spec, o jobs.Options) (*Report, error) {
	var b builder
	if job.Classify != nil {
		for _, q := range job.Classify.All() {
			b.labels = append(b.labels, cmp.Or(q.Name, "label"))
		}
	}
	v, rows, err := jobs.OverviewOf(ctx, job, o, sampleRows, b.newRow)
	if err != nil {
		return nil, err
	}
	r := &Report{Overview: v, made: time.Now(), rows: rows}
	r.fit()
	return r, nil
}

// fit cuts the rows to the room that the page has for them.
func (r *Report) fit() {
	var texts []*text
	for _, row := range r.rows {
		for _, p := range row.Parts {
			texts = append(texts, p.text)
		}
	}
	fit(texts, textBudget)
	showMedia(r.rows)
}

// WriteTo writes the page. It implements [io.WriterTo].
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	f, err := newFrame(filepath.Base(r.Spec.Output), r.made)
	if err != nil {
		return 0, err
	}
	f.Simulated = r.Simulated()
	c := content{frame: f, Report: r}
	if pace, ok := paceChart(&r.Figures.Pace); ok {
		f.Charts = append(f.Charts, pace)
	}
	f.Charts = append(f.Charts, historyCharts(r.History)...)
	c.BatchJobs, c.BatchLine = batchJobs(r.Overview, r.made)
	for {
		var b bytes.Buffer
		if err := write(&b, "report.html", &c); err != nil {
			return 0, err
		}
		if b.Len() <= pageBudget || len(c.rows) == 0 {
			return b.WriteTo(w)
		}
		fewer := *c.Report // rows with hundreds of names and facts that are huge, too
		fewer.rows = fewer.rows[:len(fewer.rows)/2]
		c.Report = &fewer
	}
}

// A content is a Report as its template reads it.
type content struct {
	*frame
	*Report

	BatchJobs []batchJob
	BatchLine template.HTML
}

// Sample are the rows that are shown.
func (c *content) Sample() []*row { return c.rows }

// Shown is how many they are.
func (c *content) Shown() string { return report.Count(int64(len(c.rows))) }

// Left is how many rows are not shown.
func (c *content) Left() int64 { return c.Totals.Rows - int64(len(c.rows)) }

// Outcome says in a sentence what became of the job.
func (c *content) Outcome() string {
	t := &c.Totals
	notOK := t.Rows - t.Status[batch.OK] - t.Status[batch.Pending]
	var text string
	switch {
	case t.Rows == 0:
		text = "No row has a result yet."
	case t.Status[batch.OK] == t.Rows:
		text = fmt.Sprintf("All %s are ok.", report.Many(t.Rows, "row"))
		if t.Rows == 1 {
			text = "The only row is ok."
		}
	default:
		text = fmt.Sprintf("%s of %s ok", report.Count(t.Status[batch.OK]), report.Many(t.Rows, "row"))
		if notOK > 0 {
			text += fmt.Sprintf(", %s not ok", report.Count(notOK))
		}
		if n := t.Status[batch.Pending]; n > 0 {
			text += fmt.Sprintf(", %s without a result so far", report.Count(n))
		}
		text += "."
	}
	if o := c.Running; o != nil {
		text += fmt.Sprintf(" A process on %s was running the job when this page was made.", safe(o.Host))
	}
	return text
}

// NotOK is how many rows have a result that is not ok.
func (c *content) NotOK() int64 {
	return c.Totals.Rows - c.Totals.Status[batch.OK] - c.Totals.Status[batch.Pending]
}

// A card is a figure that comes first, with what else there is to know of it.
type card struct{ Name, Value, Note string }

// Cards are the few figures that come first.
func (c *content) Cards() []card {
	t := &c.Totals
	cards := []card{{"rows ok", report.Count(t.Status[batch.OK]), "of " + report.Count(t.Rows)}}
	value, note, _ := strings.Cut(report.TotalCost(t), " (")
	cards = append(cards, card{"cost of these rows", value, strings.TrimSuffix(note, ")")})
	if cost, unpriced := t.CostUSD(); unpriced+t.Bill.UnknownRows == 0 && t.Rows > t.Status[batch.Pending] && cost > 0 {
		cards = append(cards, card{"cost of 1,000 rows", "$" + report.Money(cost*1000/price.USD(t.Rows-t.Status[batch.Pending])), ""})
	}
	for _, e := range t.Evaluations {
		if e.Accuracy != nil && len(cards) < 6 {
			cards = append(cards, card{"accuracy" + ofColumn(t, e), report.SharePercent(e.Accuracy), "95% interval " + report.Interval(e.Interval)})
		}
	}
	var in, out, thoughts int64
	for _, m := range t.Models {
		in, out, thoughts = in+m.PromptTokens+m.ToolTokens, out+m.OutputTokens, thoughts+m.ThoughtsTokens
	}
	if len(t.Models) > 0 {
		note := fmt.Sprintf("%s in, %s out", report.Count(in), report.Count(out+thoughts))
		if thoughts > 0 {
			note += fmt.Sprintf(", %s of it thinking", report.Count(thoughts))
		}
		cards = append(cards, card{"tokens", report.Count(in + out + thoughts), note})
	}
	requests := report.Count(t.Retries) + " of them retries"
	if t.Packs > 0 {
		requests += fmt.Sprintf("; %s shared by %s", report.Count(t.Packs), report.Many(t.Packed, "row"))
	}
	cards = append(cards, card{"requests", report.Count(t.Attempts), requests})
	if moments := c.Figures.Pace.Moments(); len(moments) > 0 {
		took := moments[len(moments)-1].At.Add(c.Figures.Pace.Width()).Sub(moments[0].At)
		cards = append(cards, card{"first to last result", report.Duration(took), ""})
	}
	var names []string
	for _, m := range t.Models[:min(len(t.Models), 3)] {
		names = append(names, safe(m.Model))
	}
	if len(names) == 0 {
		names = []string{safe(c.Spec.Model)}
	}
	return append(cards, card{"model", strings.Join(names, ", "), ""})
}

// ofColumn names the column of an evaluation if there are several.
func ofColumn(t *jobs.Totals, e *jobs.Evaluation) string {
	if len(t.Evaluations) == 1 {
		return ""
	}
	return " of " + short(e.Column)
}

// Slices are the rows by status.
func (c *content) Slices() (parts []slice) {
	for _, s := range batch.Statuses {
		if n := c.Totals.Status[s]; n > 0 {
			parts = append(parts, slice{string(s), "status-" + string(s), n})
		}
	}
	return parts
}

// Stack draws them.
func (c *content) Stack() template.HTML { return stack(c.Slices(), max(c.Totals.Rows, 1)) }

// Notes are what has to be known to read the page right.
func (c *content) Notes() (notes []string) {
	if c.InputError != nil {
		notes = append(notes, fmt.Sprintf("The input cannot be read: %s. So the rows are those that the journal has results of, numbered as they were then, without their columns and requests.", short(strings.TrimSuffix(c.InputError.Error(), "."))))
	}
	if n := len(c.Damage); n > 0 {
		notes = append(notes, fmt.Sprintf("The journal is damaged in %s, and rows whose results stood there are pending: %s", report.Many(int64(n), "place"), short(c.Damage[0].Error())))
	}
	if c.Elsewhere > 0 {
		notes = append(notes, fmt.Sprintf("The journal also has %s to the same rows, which a pilot has asked with more or fewer of them a call. What they cost is not counted here; genbatch plan says how far they agree.", report.Many(c.Elsewhere, "answer")))
	}
	if c.Orphaned > 0 {
		notes = append(notes, fmt.Sprintf("The journal also has %s that no row asks for any more. What they cost is not counted here; genbatch status counts it.", report.Many(c.Orphaned, "answer")))
	}
	return notes
}

// Reasons are why rows are not ok, as far as they are shown.
func (c *content) Reasons() []reason {
	var list []reason
	for i := range c.Causes[:min(len(c.Causes), causesShown)] {
		list = append(list, c.newReason(i))
	}
	return list
}

// OtherReasons counts the rows of those that are not shown.
func (c *content) OtherReasons() int64 {
	n := c.Others
	for _, cause := range c.Causes[min(len(c.Causes), causesShown):] {
		n += cause.Rows
	}
	return n
}

// A reason is a cause as it is shown.
type reason struct {
	Status   batch.Status
	Text     string
	Rows     int64
	Remedy   string
	Examples []example
	More     int64 // rows beside those
}

// An example is a row of a reason. It is linked to if the page shows it.
type example struct {
	Number int64
	Name   string
	Shown  bool
}

func (c *content) newReason(i int) reason {
	cause := &c.Causes[i]
	r := reason{Status: cause.Status, Text: line(cause.Text, 400), Rows: cause.Rows, Remedy: cause.Remedy, More: cause.Rows - int64(len(cause.Examples))}
	for _, e := range cause.Examples {
		r.Examples = append(r.Examples, example{e.Row, c.nameOf(e.Row, e.Key), c.shows(e.Row)})
	}
	return r
}

// nameOf names a row by its number, and by its key if it has one.
func (c *content) nameOf(number int64, key string) string {
	if key == "" {
		return report.Count(number)
	}
	return fmt.Sprintf("%s (%s)", report.Count(number), short(key))
}

func (c *content) shows(number int64) bool {
	for _, r := range c.rows {
		if r.Number == number {
			return true
		}
	}
	return false
}

// Settings are those of the job, as JSON.
func (c *content) Settings() string {
	text, err := json.Marshal(c.Spec)
	var b bytes.Buffer
	if err == nil {
		err = json.Indent(&b, text, "", "  ")
	}
	if err != nil {
		return ""
	}
	t := newText(new(redact.Redactor).String(b.String()), 4*longestText)
	return strings.TrimSpace(t.Text + "\n" + t.More())
}

// MadeOf says how the page came about.
func (c *content) MadeOf() []fact {
	facts := []fact{
		{"made", c.When()}, {"by", c.Generator}, {"output", line(c.Spec.Output, 400)}, {"state folder", line(c.State, 400)},
		{"model that was asked", short(c.Spec.Model)},
	}
	if c.Spec.Endpoint != "" {
		facts = append(facts, fact{"endpoint", line(c.Spec.Endpoint, shortText)})
	}
	for i, path := range c.Spec.Input {
		if i == 5 {
			facts = append(facts, fact{"", fmt.Sprintf("and %d more", len(c.Spec.Input)-i)})
			break
		}
		facts = append(facts, fact{"input", line(path, 400)})
	}
	return facts
}
