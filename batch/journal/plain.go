package journal

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/plainjson"
)

// The fields of a line, as decodePlain knows them by their places.
var (
	lineFields = []string{
		"seq", "fingerprint", "occurrence", "row", "key", "status", "error", "note", "endpoint", "model",
		"finishReason", "modelVersion", "responseId", "at", "latency_ms", "attempts", "spent", "response",
	}
	spendFields = []string{"at", "model", "tier", "usage", "most"}
	usageFields = []string{
		"promptTokenCount", "cachedContentTokenCount", "toolUsePromptTokenCount", "thoughtsTokenCount", "candidatesTokenCount", "totalTokenCount",
		"searches", "mapSearches", "promptTokensDetails", "cacheTokensDetails", "candidatesTokensDetails", "toolUsePromptTokensDetails",
		"trafficType", "serviceTier",
	}
	detailFields = []string{"modality", "tokenCount"}
)

// decodePlain decodes a line without its response, as this package writes it, in a
// quarter of the time that encoding/json takes (BenchmarkDecode): an output reads every
// line. What it does not know is left to encoding/json, a field that is new in
// batch.Result included (TestPlainLines). What r held before is used again where it is
// the same, as names and lists mostly are from line to line.
func decodePlain(line []byte, r *batch.Result) bool {
	p := plainReader{plainjson.New(line)}
	old := *r
	*r = batch.Result{}
	known := 0
	fields := p.Object(lineFields, func(field int) {
		known++
		switch lineFields[field] {
		case "seq":
			r.Seq = p.Int()
		case "fingerprint":
			if text := p.Skip(); len(text) < 2 || text[0] != '"' || r.Fingerprint.UnmarshalText(text[1:len(text)-1]) != nil {
				p.GiveUp()
			}
		case "occurrence":
			r.Occurrence = int(p.Int())
		case "row":
			r.Row = p.Int()
		case "key":
			r.Key = p.String()
		case "status":
			r.Status = batch.Status(p.text(string(old.Status)))
		case "error":
			r.Error = p.String()
		case "note":
			r.Note = p.String()
		case "endpoint":
			r.Endpoint = p.text(old.Endpoint)
		case "model":
			r.Model = p.text(old.Model)
		case "finishReason":
			r.FinishReason = p.text(old.FinishReason)
		case "modelVersion":
			r.ModelVersion = p.text(old.ModelVersion)
		case "responseId":
			r.ResponseID = p.String()
		case "at":
			r.At = p.time()
		case "latency_ms":
			r.LatencyMS = p.Int()
		case "attempts":
			r.Attempts = int(p.Int())
		case "spent":
			r.Spent = emptied(old.Spent)
			p.Array(func() { r.Spent = append(r.Spent, p.spend(spare(old.Spent, len(r.Spent)))) })
		default:
			p.GiveUp()
		}
	})
	return p.Plain() && fields == known
}

type plainReader struct{ *plainjson.Scanner }

// text takes a string. It returns old if that is the same.
func (p plainReader) text(old string) string {
	text := p.Skip()
	switch {
	case len(text) < 2 || text[0] != '"':
		p.GiveUp()
	case string(text[1:len(text)-1]) == old && strings.IndexByte(old, '\\') < 0:
		return old
	case bytes.IndexByte(text, '\\') < 0:
		return string(text[1 : len(text)-1])
	}
	var s string
	if json.Unmarshal(text, &s) != nil {
		p.GiveUp()
	}
	return s
}

// emptied returns an empty list, which is not nil, in the memory of an old one.
func emptied[T any](old []T) []T {
	if old == nil {
		return []T{}
	}
	return old[:0]
}

// spare returns an old element of a list, the zero value if it has none.
func spare[T any](old []T, i int) (v T) {
	if i < len(old) {
		v = old[i]
	}
	return v
}

func (p plainReader) time() time.Time {
	var t time.Time
	if t.UnmarshalJSON(p.Skip()) != nil {
		p.GiveUp()
	}
	return t
}

func (p plainReader) spend(old batch.Spend) (s batch.Spend) {
	known := 0
	fields := p.Object(spendFields, func(field int) {
		known++
		switch spendFields[field] {
		case "at":
			s.At = p.time()
		case "model":
			s.Model = p.text(old.Model)
		case "tier":
			s.Tier = p.text(old.Tier)
		case "usage":
			s.Usage = p.usage(old.Usage)
		case "most":
			s.Most = p.usage(old.Most)
		}
	})
	if fields != known {
		p.GiveUp()
	}
	return s
}

func (p plainReader) usage(u *batch.Usage) *batch.Usage {
	if u == nil {
		u = new(batch.Usage)
	}
	old := *u
	*u = batch.Usage{}
	counts := [...]*int64{
		&u.PromptTokenCount, &u.CachedContentTokenCount, &u.ToolUsePromptTokenCount, &u.ThoughtsTokenCount,
		&u.CandidatesTokenCount, &u.TotalTokenCount, &u.Searches, &u.MapSearches,
	}
	details := [...]*[]batch.ModalityTokens{
		&u.PromptTokensDetails, &u.CacheTokensDetails, &u.CandidatesTokensDetails, &u.ToolUsePromptTokensDetails,
	}
	oldDetails := [...][]batch.ModalityTokens{
		old.PromptTokensDetails, old.CacheTokensDetails, old.CandidatesTokensDetails, old.ToolUsePromptTokensDetails,
	}
	known := 0
	fields := p.Object(usageFields, func(field int) {
		known++
		switch {
		case field < len(counts):
			*counts[field] = p.Int()
		case field < len(counts)+len(details):
			*details[field-len(counts)] = p.details(oldDetails[field-len(counts)])
		case usageFields[field] == "trafficType":
			u.TrafficType = p.text(old.TrafficType)
		default:
			u.ServiceTier = p.text(old.ServiceTier)
		}
	})
	if fields != known {
		p.GiveUp()
	}
	return u
}

func (p plainReader) details(old []batch.ModalityTokens) []batch.ModalityTokens {
	list := emptied(old)
	p.Array(func() {
		var d batch.ModalityTokens
		p.Object(detailFields, func(field int) {
			if field == 0 {
				d.Modality = p.text(spare(old, len(list)).Modality)
			} else {
				d.TokenCount = p.Int()
			}
		})
		list = append(list, d)
	})
	return list
}
