package journal

import (
	"encoding/json"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// decodePlain decodes a body up to its response or blob. It expects the members in the
// order in which [encoder.add] writes them, and takes a ninth of the time of encoding/json
// (BenchmarkDecode), which matters because an output reads every line. rest is what
// follows. If ok is false, the caller leaves the body to encoding/json, for example
// because it has a field that is new in batch.Result (TestPlainLines). decodePlain keeps
// the strings and lists that r held before if the line has the same ones, which is
// mostly so from line to line.
func decodePlain(body []byte, r *batch.Result) (rest []byte, ok bool) {
	h, rest, ok := parseStart(body)
	if !ok {
		return nil, false
	}
	old := *r
	*r = batch.Result{Seq: h.seq, Fingerprint: h.fingerprint, Occurrence: h.occurrence, Status: batch.Statuses[h.status-1]}
	l := lineReader{s: rest, inner: true}
	r.Row = l.int("row")
	r.Key = l.text("key", old.Key)
	r.Error = l.text("error", old.Error)
	r.Note = l.text("note", old.Note)
	r.Endpoint = l.text("endpoint", old.Endpoint)
	r.Model = l.text("model", old.Model)
	r.FinishReason = l.text("finishReason", old.FinishReason)
	r.ModelVersion = l.text("modelVersion", old.ModelVersion)
	r.ResponseID = l.text("responseId", old.ResponseID)
	r.At = l.time("at")
	r.LatencyMS = l.int("latency_ms")
	r.Attempts = int(l.int("attempts"))
	r.Shared = int(l.int("shared"))
	r.Spent = readList(&l, "spent", old.Spent, (*lineReader).spend)
	r.Part = l.text("part", old.Part)
	return l.s, !l.bad
}

// A lineReader reads what a lineWriter has appended. Its methods return zero for a member
// that is missing, and set bad if anything unexpected stands there.
type lineReader struct {
	s     []byte // what has not been read
	inner bool   // a value of the current object or array has been read
	bad   bool
}

// take takes the byte c if it is the next one.
func (l *lineReader) take(c byte) bool {
	if len(l.s) == 0 || l.s[0] != c {
		return false
	}
	l.s = l.s[1:]
	return true
}

// need takes the byte c, which must be the next one.
func (l *lineReader) need(c byte) { l.bad = !l.take(c) || l.bad }

func (l *lineReader) open(c byte)  { l.need(c); l.inner = false }
func (l *lineReader) close(c byte) { l.need(c); l.inner = true }

// has takes the name of a member if it comes next.
func (l *lineReader) has(name string) bool {
	s, n := l.s, len(name)
	if l.inner && len(s) > 0 {
		if s[0] != ',' {
			return false
		}
		s = s[1:]
	}
	if len(s) < n+3 || s[0] != '"' || string(s[1:1+n]) != name || s[n+1] != '"' || s[n+2] != ':' {
		return false
	}
	l.s, l.inner = s[n+3:], true
	return true
}

func (l *lineReader) int(name string) int64 {
	if !l.has(name) {
		return 0
	}
	n, rest, ok := cutNumber(l.s, "")
	l.s, l.bad = rest, l.bad || !ok
	return n
}

// quoted takes a string and returns it with its quotes.
func (l *lineReader) quoted() []byte {
	for i := 1; i < len(l.s); i++ {
		switch l.s[i] {
		case '\\':
			i++
		case '"':
			text := l.s[:i+1]
			l.s = l.s[i+1:]
			l.bad = l.bad || text[0] != '"'
			return text
		}
	}
	l.bad = true
	return nil
}

// text takes a member that is a string. It returns old itself if the string is equal.
func (l *lineReader) text(name, old string) string {
	if !l.has(name) {
		return ""
	}
	// Otherwise most of the time would go to allocating strings that exist already.
	if n := len(old); n > 0 && len(l.s) > n+1 && l.s[0] == '"' && l.s[n+1] == '"' && string(l.s[1:n+1]) == old && plainText(l.s[1:n+1]) {
		l.s = l.s[n+2:]
		return old
	}
	quoted := l.quoted()
	if l.bad {
		return ""
	}
	if inside := quoted[1 : len(quoted)-1]; plainText(inside) {
		return string(inside)
	}
	text := new(string) // allocated only for the few strings that come here
	l.bad = json.Unmarshal(quoted, text) != nil
	return *text
}

// plainText reports whether all of s stands for itself in a JSON string.
func plainText[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '\\' || c == '"' {
			return false
		}
	}
	return true
}

func (l *lineReader) time(name string) (t time.Time) {
	if l.has(name) {
		if text := l.quoted(); l.bad || t.UnmarshalJSON(text) != nil {
			l.bad = true
		}
	}
	return t
}

// readList takes a member that is a list, and stores it in the memory of old. element
// takes one element, and gets the old element at the same place.
func readList[T any](l *lineReader, name string, old []T, element func(*lineReader, T) T) (values []T) {
	if !l.has(name) {
		return nil
	}
	values = old[:0]
	if old == nil {
		values = []T{}
	}
	for l.open('['); !l.bad && !l.take(']'); l.inner = true {
		if l.inner {
			l.need(',')
		}
		var before T
		if i := len(values); i < len(old) {
			before = old[i]
		}
		values = append(values, element(l, before))
	}
	l.inner = true
	return values
}

func (l *lineReader) spend(old batch.Spend) (s batch.Spend) {
	l.open('{')
	s.At = l.time("at")
	s.Model = l.text("model", old.Model)
	s.Tier = l.text("tier", old.Tier)
	s.Usage = l.usage("usage", old.Usage)
	s.Most = l.usage("most", old.Most)
	s.Batch = l.text("batch", old.Batch)
	if l.has("share") {
		l.open('{')
		s.Share = batch.Share{Row: int(l.int("row")), Of: int(l.int("of"))}
		l.close('}')
	}
	l.close('}')
	return s
}

func (l *lineReader) usage(name string, u *batch.Usage) *batch.Usage {
	if !l.has(name) {
		return nil
	}
	if u == nil {
		u = new(batch.Usage)
	}
	l.open('{')
	u.PromptTokenCount = l.int("promptTokenCount")
	u.CachedContentTokenCount = l.int("cachedContentTokenCount")
	u.ToolUsePromptTokenCount = l.int("toolUsePromptTokenCount")
	u.ThoughtsTokenCount = l.int("thoughtsTokenCount")
	u.CandidatesTokenCount = l.int("candidatesTokenCount")
	u.TotalTokenCount = l.int("totalTokenCount")
	u.PromptTokensDetails = readList(l, "promptTokensDetails", u.PromptTokensDetails, (*lineReader).detail)
	u.CacheTokensDetails = readList(l, "cacheTokensDetails", u.CacheTokensDetails, (*lineReader).detail)
	u.CandidatesTokensDetails = readList(l, "candidatesTokensDetails", u.CandidatesTokensDetails, (*lineReader).detail)
	u.ToolUsePromptTokensDetails = readList(l, "toolUsePromptTokensDetails", u.ToolUsePromptTokensDetails, (*lineReader).detail)
	u.TrafficType = l.text("trafficType", u.TrafficType)
	u.ServiceTier = l.text("serviceTier", u.ServiceTier)
	u.Searches = l.int("searches")
	u.MapSearches = l.int("mapSearches")
	l.close('}')
	return u
}

func (l *lineReader) detail(old batch.ModalityTokens) (d batch.ModalityTokens) {
	l.open('{')
	d.Modality = l.text("modality", old.Modality)
	d.TokenCount = l.int("tokenCount")
	l.close('}')
	return d
}
