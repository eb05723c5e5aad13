package journal

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// appendMiddle appends those fields of a result that stand between the status and the
// response. It writes them as encoding/json would without escapes for HTML
// (TestAppendMiddle), in a quarter of the time (BenchmarkAppend). The time matters
// because every answer goes through here before it counts.
func appendMiddle(b []byte, r *batch.Result) ([]byte, error) {
	w := lineWriter{b: b}
	w.int("row", r.Row)
	w.text("key", r.Key)
	w.text("error", r.Error)
	w.text("note", r.Note)
	w.name("endpoint").quote(r.Endpoint)
	w.name("model").quote(r.Model)
	w.text("finishReason", r.FinishReason)
	w.text("modelVersion", r.ModelVersion)
	w.text("responseId", r.ResponseID)
	w.time("at", r.At)
	w.int("latency_ms", r.LatencyMS)
	w.int("attempts", int64(r.Attempts))
	w.count("shared", int64(r.Shared))
	if len(r.Spent) > 0 {
		w.name("spent").open('[')
		for i := range r.Spent {
			w.spend(&r.Spent[i])
		}
		w.close(']')
	}
	w.text("part", r.Part)
	return w.b, w.err
}

// A lineWriter appends members of JSON objects. It puts a comma before each value except
// the first.
type lineWriter struct {
	b     []byte
	inner bool // the object or array that is being written has a value already
	err   error
}

// comma begins a value: it appends a comma if one is needed.
func (w *lineWriter) comma() {
	if w.inner {
		w.b = append(w.b, ',')
	}
	w.inner = true
}

// name begins a member. The names of a result's fields need no escapes.
func (w *lineWriter) name(name string) *lineWriter {
	w.comma()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
	return w
}

func (w *lineWriter) open(c byte)  { w.b, w.inner = append(w.b, c), false }
func (w *lineWriter) close(c byte) { w.b, w.inner = append(w.b, c), true }

func (w *lineWriter) int(name string, n int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

// text appends a member that is a string, unless the string is empty.
func (w *lineWriter) text(name, s string) {
	if s != "" {
		w.name(name).quote(s)
	}
}

// quote appends a string. It leaves a string that needs escapes to encoding/json.
func (w *lineWriter) quote(s string) {
	if plainText(s) {
		w.b = append(append(append(w.b, '"'), s...), '"')
		return
	}
	var quoted bytes.Buffer
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		w.err = err
	}
	w.b = append(w.b, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
}

func (w *lineWriter) time(name string, t time.Time) {
	w.name(name)
	text, err := t.AppendText(append(w.b, '"'))
	if err != nil {
		w.err = err
		return
	}
	w.b = append(text, '"')
}

func (w *lineWriter) spend(s *batch.Spend) {
	w.comma()
	w.open('{')
	w.time("at", s.At)
	w.name("model").quote(s.Model)
	w.text("tier", s.Tier)
	w.usage("usage", s.Usage)
	w.usage("most", s.Most)
	w.text("batch", s.Batch)
	if s.Share != (batch.Share{}) {
		w.name("share").open('{')
		w.int("row", int64(s.Share.Row))
		w.int("of", int64(s.Share.Of))
		w.close('}')
	}
	w.close('}')
}

func (w *lineWriter) usage(name string, u *batch.Usage) {
	if u == nil {
		return
	}
	w.name(name).open('{')
	w.count("promptTokenCount", u.PromptTokenCount)
	w.count("cachedContentTokenCount", u.CachedContentTokenCount)
	w.count("toolUsePromptTokenCount", u.ToolUsePromptTokenCount)
	w.count("thoughtsTokenCount", u.ThoughtsTokenCount)
	w.count("candidatesTokenCount", u.CandidatesTokenCount)
	w.count("totalTokenCount", u.TotalTokenCount)
	w.details("promptTokensDetails", u.PromptTokensDetails)
	w.details("cacheTokensDetails", u.CacheTokensDetails)
	w.details("candidatesTokensDetails", u.CandidatesTokensDetails)
	w.details("toolUsePromptTokensDetails", u.ToolUsePromptTokensDetails)
	w.text("trafficType", u.TrafficType)
	w.text("serviceTier", u.ServiceTier)
	w.count("searches", u.Searches)
	w.count("mapSearches", u.MapSearches)
	w.close('}')
}

// count appends a member that is a number, unless the number is 0.
func (w *lineWriter) count(name string, n int64) {
	if n != 0 {
		w.int(name, n)
	}
}

func (w *lineWriter) details(name string, list []batch.ModalityTokens) {
	if len(list) == 0 {
		return
	}
	w.name(name).open('[')
	for _, d := range list {
		w.comma()
		w.open('{')
		w.name("modality").quote(d.Modality)
		w.int("tokenCount", d.TokenCount)
		w.close('}')
	}
	w.close(']')
}
