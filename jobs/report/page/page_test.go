package page

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

// A reader is a Model that answers texts about lamps, and refuses the others.
type reader struct{}

func (reader) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	body := string(r.Body)
	usage := batch.Usage{PromptTokenCount: 40, CandidatesTokenCount: 1, ThoughtsTokenCount: 9, TotalTokenCount: 50}
	label := "good"
	switch {
	case strings.Contains(body, "refuse"):
		return batch.Outcome{Consequence: batch.Settled, Status: batch.Rejected, Err: &batch.Error{Kind: batch.KindAnswer, Message: "it is about " + body[len(body)-20:]}}
	case strings.Contains(body, "late"):
		label = "bad"
	}
	response, _ := json.Marshal(map[string]any{
		"candidates": []any{map[string]any{
			"content":      map[string]any{"parts": []any{map[string]any{"text": "it is " + label, "thought": true}, map[string]any{"text": label}}},
			"finishReason": "STOP",
		}},
		"usageMetadata": usage, "modelVersion": r.Model,
	})
	return batch.Outcome{Consequence: batch.Answered, Status: batch.OK, Response: response, FinishReason: "STOP", ModelVersion: r.Model, Usage: &usage}
}

// run runs a job over reviews, of which every tenth is refused.
func run(t *testing.T, rows int) (jobs.Spec, *jobs.Summary) {
	t.Helper()
	dir := t.TempDir()
	var in bytes.Buffer
	fmt.Fprintln(&in, "id,body,truth")
	for i := range rows {
		text := fmt.Sprintf("lamp %d came late", i)
		switch {
		case i%10 == 9:
			text = fmt.Sprintf("refuse %d", i)
		case i%2 == 0:
			text = fmt.Sprintf("lamp %d is bright", i)
		}
		fmt.Fprintf(&in, "a%d,%s,good\n", i, text)
	}
	if err := os.WriteFile(filepath.Join(dir, "in.csv"), in.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := jobs.Spec{
		Input: jobs.List{filepath.Join(dir, "in.csv")}, Output: filepath.Join(dir, "out.csv"), Model: "gemini-2.5-flash", Key: "id",
		Classify: &jobs.Classify{Text: "{{.body}}", Labels: jobs.Labels{{Name: "good"}, {Name: "bad"}}},
		Expected: jobs.Expected{"": {Column: "truth"}},
	}
	j, err := jobs.Open(s, jobs.Options{Model: reader{}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	summary, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, summary
}

// written returns a page, and its text without markup, with single spaces.
func written(t *testing.T, r *Report) (html, text string) {
	t.Helper()
	var b bytes.Buffer
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	html = b.String()
	body := html[strings.Index(html, "<body>"):strings.LastIndex(html, `<script type="application/json"`)]
	text = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")
	return html, strings.Join(strings.Fields(text), " ")
}

// The figures of a page are those of the summary and of the status.
func TestFigures(t *testing.T) {
	s, summary := run(t, 60)
	r, err := New(t.Context(), s, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(&r.Totals)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := json.Marshal(summary.Job); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the totals are\n%s\nand those of the summary\n%s", got, want)
	}
	status, err := jobs.StatusOf(s)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(report.Status{Status: status})
	if err != nil {
		t.Fatal(err)
	}
	var known struct {
		Rows, Requests, Retries int64
		Status                  map[string]int64
		Cost                    float64 `json:"cost_usd"`
		Models                  []struct {
			Thoughts int64 `json:"thoughts_tokens"`
		}
	}
	if err := json.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	cost, _ := r.CostUSD()
	if c := float64(cost) / 1e12; c != known.Cost || r.Totals.Rows != known.Rows {
		t.Errorf("%d rows for %g; status has %d for %g", r.Totals.Rows, c, known.Rows, known.Cost)
	}
	_, page := written(t, r)
	for _, want := range []string{
		"54 of 60 rows ok, 6 not ok.",
		fmt.Sprintf("rows ok %d of %d", known.Status["ok"], known.Rows),
		fmt.Sprintf("rejected %d", known.Status["rejected"]),
		"cost of these rows $" + report.Money(cost),
		fmt.Sprintf("requests %d %d of them retries", known.Requests, known.Retries),
		fmt.Sprintf("%d of it thinking", known.Models[0].Thoughts),
		"accuracy " + report.SharePercent(summary.Job.Evaluations[0].Accuracy) + " 95% interval " + report.Interval(summary.Job.Evaluations[0].Interval),
		"6 rows not ok, by cause rejected 6 rows 100.0%",
		"Rows 10 (a9) , 20 (a19) ,",
		"good 30 55.6%", "bad 24 44.4%",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
	if n := len(r.rows); n != 60 || r.rows[0].Status != batch.Rejected || r.rows[6].Status != batch.OK {
		t.Errorf("%d rows, the first of status %s", n, r.rows[0].Status)
	}
}

// A page needs nothing but itself, and lets nothing run but its own script.
func TestPolicy(t *testing.T) {
	s, _ := run(t, 10)
	r, err := New(t.Context(), s, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	html, _ := written(t, r)
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(html)
	if policy == nil || !strings.HasPrefix(policy[1], "default-src &#39;none&#39;; style-src &#39;sha256-") || strings.Contains(policy[1], "unsafe") || strings.Contains(policy[1], "http") {
		t.Errorf("the policy is %q", policy)
	}
	for _, tag := range regexp.MustCompile(`<(script|style)\b[^>]*>`).FindAllString(html, -1) {
		if !slices.Contains([]string{"<style>", "<script>", `<script type="application/json" id="charts">`}, tag) {
			t.Errorf("the page has %s", tag)
		}
	}
	if found := regexp.MustCompile(`\s(on\w+|style|src|href|action)="[^#d][^"]*"`).FindString(html[strings.Index(html, "<body>"):strings.LastIndex(html, "<script>")]); found != "" {
		t.Errorf("the page has %s", found)
	}
}

// Without the input, rows are those of the journal.
func TestWithoutInput(t *testing.T) {
	s, _ := run(t, 20)
	if err := os.Remove(s.Input[0]); err != nil {
		t.Fatal(err)
	}
	r, err := New(t.Context(), s, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, page := written(t, r)
	for _, want := range []string{"18 of 20 rows ok, 2 not ok.", "The input cannot be read:", "rejected 2 rows"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q: %s", want, page)
		}
	}
}

// A page has 5 MB at the most, whatever rows hold: here rows of huge texts that take four
// times as much as HTML, and more images than there is room for.
func TestBudget(t *testing.T) {
	huge := strings.Repeat("<&'\"", 1<<12)
	image := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 90<<10)...)
	request, err := json.Marshal(map[string]any{"contents": []any{map[string]any{"parts": []any{map[string]any{"text": huge}}}}})
	if err != nil {
		t.Fatal(err)
	}
	var b builder
	r := &Report{Overview: &jobs.Overview{Totals: jobs.Totals{Rows: 1_000_000}}, made: time.Now()}
	columns := make([]batch.Column, 12)
	values := make([]any, 12)
	for i := range columns {
		columns[i].Name, values[i] = huge[:1000], huge
	}
	const rows = 200
	for i := range int64(rows) {
		r.rows = append(r.rows, b.newRow(&jobs.Detail{
			Row: &jobs.Row{
				Input: &batch.Row{Number: i, Source: huge, Columns: columns, Values: values}, Status: batch.Invalid, Error: huge[:3000], Note: huge[:3000], Text: huge,
				Request: &batch.Request{Body: request, Media: []batch.Media{{Data: image, Size: int64(len(image)), MIMEType: "image/png"}, {Data: image, Size: int64(len(image)), MIMEType: "image/svg+xml"}}},
				Result:  &batch.Result{ModelVersion: huge, FinishReason: huge},
			}, Key: huge,
		}))
	}
	r.fit()
	html, _ := written(t, r)
	if len(html) > 5_000_000 {
		t.Errorf("the page has %d bytes", len(html))
	}
	shown := strings.Count(html, `<li id="row-`)
	if shown < rows/2 || !strings.Contains(html, fmt.Sprintf("%d of ", shown)) {
		t.Errorf("%d rows are shown", shown)
	}
	if n := strings.Count(html, `<img src="data:image/png;base64,`); n == 0 || n > 10 || strings.Contains(html, "data:image/svg") {
		t.Errorf("%d images are shown", n)
	}
	if n := strings.Count(html, " more</p>"); n < shown {
		t.Errorf("%d texts say that they were cut", n)
	}
}

// Texts that are short leave their room to the long ones.
func TestFit(t *testing.T) {
	texts := []*text{newText("abc", 99), newText(strings.Repeat("d", 100), 100), newText(strings.Repeat("<", 100), 100), newText(strings.Repeat("é", 20), 100)}
	fit(texts, 243)
	sizes := make([]int, len(texts))
	for i, x := range texts {
		sizes[i] = htmlLen(x.Text)
	}
	if !slices.Equal(sizes, []int{3, 100, 100, 40}) || texts[2].more != 75 || texts[1].more != 0 {
		t.Errorf("%v, %d left out", sizes, texts[2].more)
	}
	fit(texts, 15)
	for _, x := range texts {
		if htmlLen(x.Text) > 4 || strings.ContainsRune(x.Text, '\ufffd') {
			t.Errorf("%q", x.Text)
		}
	}
}

// Save replaces pages, and nothing else unless it is told to; and in no case what a job needs.
func TestSave(t *testing.T) {
	s, _ := run(t, 10)
	r, err := New(t.Context(), s, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(s.Output)
	path := filepath.Join(dir, "page.html")
	for range 2 {
		if n, err := Save(r, path, false, s); err != nil || n < 1000 {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	foreign := filepath.Join(dir, "foreign.html")
	if err := os.WriteFile(foreign, []byte("<!doctype html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Save(r, foreign, false, s); err == nil {
		t.Error("a foreign file is replaced")
	} else if _, ok := errors.AsType[*jobs.OutputError](err); !ok {
		t.Errorf("%T: %[1]v", err)
	}
	if _, err := Save(r, foreign, true, s); err != nil {
		t.Error(err)
	}
	for _, needed := range []string{s.Output, s.Input[0], filepath.Join(s.StateDir(), "job.json"), filepath.Join(s.StateDir(), "new.html")} {
		if _, err := Save(r, needed, true, s); err == nil {
			t.Errorf("%s is replaced", needed)
		}
	}
	socket := filepath.Join(t.TempDir(), "s") // like a device, and without the rights that one takes
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Save(r, socket, true, s); err == nil || !strings.Contains(err.Error(), "can be replaced") {
		t.Errorf("a socket: %v", err)
	}
}
