package page

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
	"github.com/genbatch/genbatch/jobs/report/detail"
)

// A row is one of the sample.
type row struct {
	Number     int64
	Key, Place string
	Status     batch.Status
	Label      string // what a classification says; empty for other jobs
	Short      string // the answer, or why there is none, in a line
	Facts      []fact // how it came about
	Parts      []field
	MoreParts  int // that are not shown
	Media      []*medium

	usd     float64 // by which rows are sorted
	latency int64
	tokens  int64
}

// mostParts is how many texts of a row are shown.
const mostParts = 40

// A fact is a short thing to say, and what it is.
type fact struct{ Name, Value string }

// A field is a text of a row with its name. The name is empty if the text goes on with the one
// before.
type field struct {
	Name string
	*text
	Open bool // shown from the start
}

// Cost, Latency and Tokens are what the page's script sorts rows by.
func (r *row) Cost() string { return fmt.Sprintf("%.12f", r.usd) }

// Latency is in milliseconds.
func (r *row) Latency() int64 { return r.latency }

// Tokens are those of the final attempt, whatever their kind.
func (r *row) Tokens() int64 { return r.tokens }

// newRow keeps of a row what a page shows.
func (b *builder) newRow(d *jobs.Detail) *row {
	r := &row{Number: d.Input.Number, Key: short(d.Key), Status: d.Status, usd: float64(d.Cost) / float64(price.Dollar)}
	if d.Input.Source != "" {
		r.Place = short(fmt.Sprintf("%s:%d", filepath.Base(d.Input.Source), d.Input.Line))
	}
	column := func(name string) string {
		if i := slices.IndexFunc(d.Columns, func(c batch.Column) bool { return c.Name == d.Prefix+name }); i >= 0 && d.Values[i] != nil {
			return detail.Value(d.Values[i])
		}
		return ""
	}
	var labels []string
	for _, name := range b.labels {
		if label := column(name); label != "" {
			labels = append(labels, label)
		}
	}
	r.Label = short(strings.Join(labels, ", "))
	r.Short = short(cmp.Or(line(d.Error, shortText), r.Label, d.Text, string(d.Status)))
	r.addFacts(d)
	room := longestRow
	add := func(name, value string, open bool) {
		if value == "" {
			return
		}
		if len(r.Parts) == mostParts {
			r.MoreParts++
			return
		}
		t := newText(value, min(longestText, room))
		room = max(0, room-len(t.Text))
		r.Parts = append(r.Parts, field{begin(name, 60), t, open})
	}
	add("error", line(d.Error, longestLine), true)
	add("what to do", detail.Next(d), true)
	add("what was changed", line(d.Note, longestLine), true)
	if d.Request != nil && d.Request.Body != nil {
		for _, p := range detail.RequestParts(d.Request) {
			add(p.Name, p.Text, p.Prompt)
		}
		for i := range d.Request.Media {
			b.addMedium(r, ofRequest(&d.Request.Media[i]))
		}
	}
	add("thoughts", column("thoughts"), true)
	add("answer", indented(d.Text), true)
	if d.Result != nil {
		for _, m := range gemini.ParseDetails(d.Result.Response).Media {
			b.addMedium(r, ofAnswer(&m))
		}
	}
	for i, c := range d.Input.Columns {
		if i < len(d.Input.Values) {
			add(c.Name, detail.Value(d.Input.Values[i]), false)
		}
	}
	for i, c := range d.Columns {
		if name := strings.TrimPrefix(c.Name, d.Prefix); d.Values[i] != nil && !told[name] {
			add(c.Name, detail.Value(d.Values[i]), false)
		}
	}
	for i := range d.Earlier {
		e := &d.Earlier[i]
		add("earlier: "+string(e.Status), cmp.Or(e.Error, e.Text), false)
	}
	return r
}

// told are the result columns that a row's other parts show.
var told = map[string]bool{
	"response": true, "status": true, "error": true, "note": true, "thoughts": true, "finish_reason": true, "raw_response": true, "logprobs": true,
	"prompt_tokens": true, "cached_tokens": true, "tool_tokens": true, "thoughts_tokens": true, "output_tokens": true, "total_tokens": true,
	"cost_usd": true, "model_version": true, "response_id": true, "attempts": true, "latency_ms": true, "service_tier": true,
}

// addFacts says what the row used, and how it came about.
func (r *row) addFacts(d *jobs.Detail) {
	add := func(name, value string) {
		if value != "" {
			r.Facts = append(r.Facts, fact{name, short(value)})
		}
	}
	if u := d.Usage; u != nil {
		r.tokens = u.PromptTokenCount + u.ToolUsePromptTokenCount + u.CandidatesTokenCount + u.Thoughts()
		add("tokens", detail.Usage(u))
	}
	if !d.Copied && d.Result != nil {
		add("shared", detail.Shared(d.Result))
	}
	if d.Copied {
		add("copied", "from an earlier row with the same request, which has paid for it")
	}
	x := d.Result
	if x == nil {
		return
	}
	if !d.Copied {
		r.latency = x.LatencyMS
		add("cost", detail.Cost(d))
		add("attempts", detail.Attempts(x.Attempts, len(x.Spent)))
		add("last attempt", milliseconds(x.LatencyMS))
	}
	add("finish reason", x.FinishReason)
	add("model", cmp.Or(x.ModelVersion, x.Model))
	if n := len(x.Spent); n > 0 {
		add("tier", x.Spent[n-1].Tier)
	}
	if d.Batch != nil {
		add("batch job", cmp.Or(d.Batch.Name, d.Batch.ID))
	}
	add("at", when(x.At))
}

// indented returns JSON with one member a line, and any other text as it is.
func indented(s string) string {
	var b bytes.Buffer
	if t := strings.TrimSpace(s); len(t) > longestText || !strings.HasPrefix(t, "{") && !strings.HasPrefix(t, "[") || json.Indent(&b, []byte(t), "", "  ") != nil {
		return s
	}
	return b.String()
}

// milliseconds writes a time, from a second on in seconds.
func milliseconds(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return fmt.Sprintf("%.1f s", float64(ms)/1000)
}

// A medium is an image, sound or document of a row.
type medium struct {
	Name, Type string
	Size       int64
	URI        template.URL // the image itself; empty if it is not shown

	bytes func() ([]byte, error)
}

// Caption says what it is.
func (m *medium) Caption() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s, %s", m.Name, m.Type, report.Size(m.Size)))
}
