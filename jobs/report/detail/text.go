// Package detail shows single rows of a job with all that is known of them: [Shown] as text for
// people, and [Row] as JSON for programs. Its amounts, and what is null, are as in package report.
package detail

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

// Shown shows single rows of a job with all that is known of them.
type Shown struct {
	Shown *jobs.Shown
	Full  bool // long texts are not cut
}

// How many lines of a text are shown, unless all are wanted.
const (
	valueLines  = 3  // of a column, or a field of the request
	promptLines = 12 // of a text that the model was given
	answerLines = 24
)

// String returns the rows as text, each line of which has 80 columns at most.
func (r Shown) String() string {
	s := newSheet(r.Full)
	if r.Shown.Simulated {
		s.b.WriteString(report.Simulated)
	}
	for _, d := range r.Shown.Rows {
		writeDetail(s, d, r.Shown)
	}
	s.paragraph(r.Notes())
	return s.String()
}

// Notes says what is not among the rows, and why: rows that the limit leaves out, or an input
// that cannot be read. It is empty if there is nothing to say.
func (r Shown) Notes() string {
	var notes []string
	shown := r.Shown
	all := report.Rows(&jobs.Totals{Rows: shown.Total, Status: shown.Status})
	switch n := int64(len(shown.Rows)); {
	case shown.Matched == 0:
		notes = append(notes, fmt.Sprintf("No row is selected, of %s.", all))
	case n < shown.Matched:
		of := report.Many(shown.Matched, "row")
		if shown.Matched == shown.Total {
			of = all
		}
		notes = append(notes, fmt.Sprintf("Shown: %s of %s. More with --limit, others with --row, --key, --status, --label and --where.", report.Count(n), of))
	}
	if shown.InputError != nil {
		notes = append(notes, fmt.Sprintf("The input cannot be read: %s. So the rows are those that the journal has results of, numbered as they were then, without their columns and requests.", strings.TrimSuffix(message.Plain(shown.InputError), ".")))
	}
	if len(shown.Damage) > 0 {
		notes = append(notes, fmt.Sprintf("The journal is damaged in %s, and rows whose results stood there are pending: %s", report.Many(int64(len(shown.Damage)), "place"), shown.Damage[0].Error()))
	}
	return strings.Join(notes, "\n")
}

func writeDetail(s *sheet, d *jobs.Detail, shown *jobs.Shown) {
	title := fmt.Sprintf("row %d", d.Input.Number)
	if d.Input.Source != "" {
		title += fmt.Sprintf(", %s:%d", filepath.Base(d.Input.Source), d.Input.Line) // errors have the whole path
	}
	if d.Key != "" {
		title += fmt.Sprintf(", %s %s", cmp.Or(d.KeyColumn, "key"), terminal.Name(d.Key))
	}
	s.title(fmt.Sprintf("%s: %s", title, d.Status))
	if d.Error != "" {
		s.item("error", d.Error, promptLines)
	}
	if why := pendingText(d, shown); why != "" {
		s.item("why", why, promptLines)
	}
	if next := Next(d); next != "" {
		s.item("next", next, promptLines)
	}
	if d.Note != "" {
		s.item("note", d.Note, promptLines)
	}
	if d.Copied {
		s.item("copied", "from an earlier row with the same request, which has paid for it", valueLines)
	}
	s.flush()
	writeInput(s, d)
	writeRequest(s, d)
	writeAnswer(s, d)
	writeMade(s, d)
	writeEarlier(s, d)
}

// pendingText says why a row has no outcome.
func pendingText(d *jobs.Detail, shown *jobs.Shown) string {
	if d.Status != batch.Pending {
		return ""
	}
	text := "it was not asked yet"
	switch {
	case d.Batch != nil:
		text = "it is in the batch job " + batchText(d.Batch)
	case d.Result != nil:
		text = fmt.Sprintf("it was asked on %s, and the run ended before there was an outcome", when(d.Result.At))
	case d.Copied:
		text = "it shares the request of an earlier row, which has no answer yet"
	}
	if shown.Running != nil {
		text += fmt.Sprintf("; process %d on %s runs the job", shown.Running.PID, shown.Running.Host)
	}
	return text
}

// batchText names a batch job, and says how it stands as far as its record knows.
func batchText(b *jobs.Batch) string {
	text := cmp.Or(b.Name, b.ID)
	if !b.Created.IsZero() {
		text += ", created " + when(b.Created)
	}
	return text + ", " + b.State
}

// Next says what is to be done about a row that is not ok.
func Next(d *jobs.Detail) string {
	switch {
	case d.Status == batch.OK:
	case d.Status == batch.Pending && d.Batch != nil:
		return "genbatch run collects the batch job when it is done"
	case d.Status == batch.Pending:
		return "genbatch run asks it"
	case d.Status == batch.Failed:
		return "genbatch run asks it again"
	case d.Status == batch.Skipped:
		return "mend the row; the next run asks it then"
	default:
		return fmt.Sprintf("genbatch run --retry %s asks it again", d.Status)
	}
	return ""
}

// writeInput writes the row's own columns.
func writeInput(s *sheet, d *jobs.Detail) {
	for i, c := range d.Input.Columns {
		if i < len(d.Input.Values) {
			s.item(c.Name, Value(d.Input.Values[i]), valueLines)
		}
	}
	s.section("input", "")
}

// Value writes the value of a column. Bytes are counted, since nobody reads them.
func Value(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case []byte:
		if !utf8.Valid(v) {
			return report.Size(int64(len(v))) + " of bytes"
		}
	case json.RawMessage:
		return spaced(v)
	}
	return batch.TextOfBytes(v)
}

// spaced returns JSON with a blank behind each comma and colon, where a line can be broken.
func spaced(text json.RawMessage) string {
	var compact bytes.Buffer
	if json.Compact(&compact, text) != nil {
		return string(text)
	}
	var b strings.Builder
	inString, escaped := false, false
	for _, c := range compact.Bytes() {
		b.WriteByte(c)
		switch {
		case inString:
			inString = escaped || c != '"'
			escaped = !escaped && c == '\\'
		case c == '"':
			inString = true
		case c == ',' || c == ':':
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// writeRequest writes what the row asks.
func writeRequest(s *sheet, d *jobs.Detail) {
	if d.Request == nil || d.Request.Body == nil {
		return
	}
	for _, part := range RequestParts(d.Request) {
		lines := valueLines
		if part.Prompt {
			lines = promptLines
		}
		s.item(part.Name, part.Text, lines)
	}
	s.section("request", d.Request.Model)
}

// writeAnswer writes the answer, what was read from it, and the thoughts.
func writeAnswer(s *sheet, d *jobs.Detail) {
	column := func(name string) string {
		for i, c := range d.Columns {
			if c.Name == d.Prefix+name && d.Values[i] != nil {
				return Value(d.Values[i])
			}
		}
		return ""
	}
	if thoughts := column("thoughts"); thoughts != "" {
		s.block("thoughts", "", thoughts, promptLines)
	}
	if d.Text != "" {
		s.block("answer", column("finish_reason"), indented(d.Text), answerLines)
	} else if reason := column("finish_reason"); reason != "" {
		s.block("answer", reason, "(no text)", 1)
	}
	for i, c := range d.Columns {
		name, isOwn := strings.CutPrefix(c.Name, d.Prefix)
		if d.Values[i] == nil || isOwn && elsewhere[name] {
			continue
		}
		s.item(c.Name, Value(d.Values[i]), valueLines)
	}
	s.section("columns", "")
}

// elsewhere has the result columns that stand in another part of the text.
var elsewhere = map[string]bool{
	"response": true, "status": true, "error": true, "note": true, "finish_reason": true, "thoughts": true, "raw_response": true,
	"prompt_tokens": true, "cached_tokens": true, "tool_tokens": true, "thoughts_tokens": true, "output_tokens": true, "total_tokens": true,
	"cost_usd": true, "model_version": true, "response_id": true, "attempts": true, "latency_ms": true, "service_tier": true,
}

// indented returns JSON with one member a line, and any other text as it is.
func indented(text string) string {
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		var b bytes.Buffer
		if json.Indent(&b, []byte(trimmed), "", "  ") == nil {
			return b.String()
		}
	}
	return text
}

// writeMade writes how the result came about: its attempts, what they used, and what they cost.
func writeMade(s *sheet, d *jobs.Detail) {
	if u := d.Usage; u != nil {
		s.item("tokens", Usage(u), valueLines)
	}
	if r := d.Result; r != nil && !d.Copied {
		s.item("cost", Cost(d), valueLines)
		if shared := Shared(r); shared != "" {
			s.item("shared", shared, valueLines)
		}
		billed := len(r.Spent)
		for i := range d.Earlier {
			if e := &d.Earlier[i]; e.Status == batch.Pending { // attempts that r counts as well
				billed += len(e.Spent)
			}
		}
		s.item("attempts", Attempts(r.Attempts, billed), valueLines)
		if d.Usage == nil || len(r.Spent) > 1 { // a single attempt used what the row did
			writeAttempts(s, r, d.Spent)
		}
	}
	if r := d.Result; r != nil {
		what := "answered"
		if len(r.Response) == 0 {
			what = "ended"
		}
		text := fmt.Sprintf("%s by %s at %s; the last attempt took %s", when(r.At), cmp.Or(r.ModelVersion, r.Model), r.Endpoint, latency(r.LatencyMS))
		if n := len(r.Spent); n > 0 && r.Spent[n-1].Tier != "" {
			text += ", in the tier " + r.Spent[n-1].Tier
		}
		if r.ResponseID != "" {
			text += "; responseId " + r.ResponseID
		}
		s.item(what, text, valueLines)
	}
	if d.Batch != nil && d.Status != batch.Pending {
		s.item("batch job", batchText(d.Batch), valueLines)
	}
	s.section("usage", "")
}

// latency writes milliseconds, and from a second on seconds.
func latency(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return fmt.Sprintf("%.1f s", float64(ms)/1000)
}

// Usage writes the tokens of one attempt by their kinds.
func Usage(u *batch.Usage) string {
	parts := []string{"prompt " + report.Count(u.PromptTokenCount)}
	if u.CachedContentTokenCount > 0 {
		parts[0] += fmt.Sprintf(" (%s cached)", report.Count(u.CachedContentTokenCount))
	}
	for _, p := range []struct {
		name string
		n    int64
	}{
		{"tool", u.ToolUsePromptTokenCount}, {"thoughts", u.Thoughts()}, {"output", u.CandidatesTokenCount},
		{"searches", u.Searches + u.MapSearches}, {"total", u.TotalTokenCount},
	} {
		if p.n > 0 || p.name == "output" {
			parts = append(parts, p.name+" "+report.Count(p.n))
		}
	}
	text := strings.Join(parts, ", ")
	for _, m := range u.PromptTokensDetails {
		if m.Modality != "TEXT" {
			text += fmt.Sprintf("; prompt of %s %s", m.Modality, report.Count(m.TokenCount))
		}
	}
	return text
}

// Cost writes what a row cost, and for what.
func Cost(d *jobs.Detail) string {
	p := d.Parts
	var parts []string
	for _, part := range []struct {
		name string
		cost price.USD
	}{
		{"input", p.Input}, {"cached input", p.Cached}, {"tool", p.Tool}, {"output", p.Output}, {"thinking", p.Thinking},
		{"searches", p.Searches}, {"requests", p.Requests},
	} {
		if part.cost != 0 {
			parts = append(parts, fmt.Sprintf("%s $%s", part.name, part.cost))
		}
	}
	text := fmt.Sprintf("$%s", d.Cost)
	if !d.Priced {
		text = "not known"
		if total := p.Total(); total > 0 {
			text += fmt.Sprintf(", $%s at least", total)
		}
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}

// Shared says with how many rows the result's row has shared the call that gave it. It is empty if
// the row was alone.
func Shared(r *batch.Result) string {
	n := len(r.Spent)
	if n == 0 || r.Spent[n-1].Share.Of == 0 {
		return ""
	}
	return fmt.Sprintf("the call was for %s: these are the row's share of its tokens and cost", report.Many(int64(r.Spent[n-1].Share.Of), "row"))
}

// Attempts says how often a row was asked for a result, and how many of the attempts were
// billed, or may have been.
func Attempts(attempts, billed int) string {
	text := report.Count(int64(attempts))
	switch free := attempts - billed; {
	case free > 0 && billed == 0:
		text += ", none of which was billed"
	case free > 0:
		text += fmt.Sprintf(", %s of which %s not billed", report.Count(int64(free)), wasOrWere(free))
	}
	return text
}

// writeAttempts writes what each attempt used that was billed, or may have been.
func writeAttempts(s *sheet, r *batch.Result, costs []jobs.AttemptCost) {
	for i := range r.Spent {
		s.item("", attemptText(&r.Spent[i], &costs[i]), valueLines)
	}
}

func wasOrWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func attemptText(a *batch.Spend, c *jobs.AttemptCost) string {
	parts := []string{when(a.At), a.Model}
	if a.Tier != "" {
		parts = append(parts, a.Tier)
	}
	if a.Batch != "" {
		parts = append(parts, "in a batch job")
	}
	switch {
	case a.Usage == nil && c.Most > 0:
		parts = append(parts, fmt.Sprintf("did not report what it used, $%s at most", c.Most))
	case a.Usage == nil:
		parts = append(parts, "did not report what it used")
	case c.Known:
		parts = append(parts, Usage(a.Own()), fmt.Sprintf("$%s", c.Cost))
	default:
		parts = append(parts, Usage(a.Own()), "price not known")
	}
	if a.Share.Of > 0 {
		parts = append(parts, fmt.Sprintf("a share of %s", report.Many(int64(a.Share.Of), "row")))
	}
	return strings.Join(parts, ", ")
}

// writeEarlier writes the results that do not count, and what was asked before this one without
// a result, such as in a batch job before a correction.
func writeEarlier(s *sheet, d *jobs.Detail) {
	for i := range d.Earlier {
		e := &d.Earlier[i]
		s.item(string(e.Status), strings.TrimSuffix(fmt.Sprintf("%s, %s", when(e.At), e.FinishReason), ", "), valueLines)
		if e.Error != "" {
			s.item("error", e.Error, valueLines)
		}
		if e.Text != "" {
			s.item("answer", e.Text, valueLines)
		}
		if e.Status != batch.Pending { // those count in the result
			s.item("attempts", Attempts(e.Attempts, len(e.Spent)), valueLines)
		}
		writeAttempts(s, e.Result, e.Costs)
	}
	s.section("earlier", "what came before this result")
}

// when writes a time in the user's zone.
func when(t time.Time) string { return t.Local().Format(time.DateTime) }
