package journal

import (
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
// batch.Result included (TestPlainLines).
func decodePlain(line []byte, r *batch.Result) bool {
	p := plainReader{plainjson.New(line)}
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
			r.Status = batch.Status(p.String())
		case "error":
			r.Error = p.String()
		case "note":
			r.Note = p.String()
		case "endpoint":
			r.Endpoint = p.String()
		case "model":
			r.Model = p.String()
		case "finishReason":
			r.FinishReason = p.String()
		case "modelVersion":
			r.ModelVersion = p.String()
		case "responseId":
			r.ResponseID = p.String()
		case "at":
			r.At = p.time()
		case "latency_ms":
			r.LatencyMS = p.Int()
		case "attempts":
			r.Attempts = int(p.Int())
		case "spent":
			r.Spent = []batch.Spend{}
			p.Array(func() { r.Spent = append(r.Spent, p.spend()) })
		default:
			p.GiveUp()
		}
	})
	return p.Plain() && fields == known
}

type plainReader struct{ *plainjson.Scanner }

func (p plainReader) time() time.Time {
	var t time.Time
	if t.UnmarshalJSON(p.Skip()) != nil {
		p.GiveUp()
	}
	return t
}

func (p plainReader) spend() (s batch.Spend) {
	known := 0
	fields := p.Object(spendFields, func(field int) {
		known++
		switch spendFields[field] {
		case "at":
			s.At = p.time()
		case "model":
			s.Model = p.String()
		case "tier":
			s.Tier = p.String()
		case "usage":
			s.Usage = p.usage()
		case "most":
			s.Most = p.usage()
		}
	})
	if fields != known {
		p.GiveUp()
	}
	return s
}

func (p plainReader) usage() *batch.Usage {
	u := new(batch.Usage)
	counts := [...]*int64{
		&u.PromptTokenCount, &u.CachedContentTokenCount, &u.ToolUsePromptTokenCount, &u.ThoughtsTokenCount,
		&u.CandidatesTokenCount, &u.TotalTokenCount, &u.Searches, &u.MapSearches,
	}
	details := [...]*[]batch.ModalityTokens{
		&u.PromptTokensDetails, &u.CacheTokensDetails, &u.CandidatesTokensDetails, &u.ToolUsePromptTokensDetails,
	}
	known := 0
	fields := p.Object(usageFields, func(field int) {
		known++
		switch {
		case field < len(counts):
			*counts[field] = p.Int()
		case field < len(counts)+len(details):
			*details[field-len(counts)] = p.details()
		case usageFields[field] == "trafficType":
			u.TrafficType = p.String()
		default:
			u.ServiceTier = p.String()
		}
	})
	if fields != known {
		p.GiveUp()
	}
	return u
}

func (p plainReader) details() []batch.ModalityTokens {
	list := []batch.ModalityTokens{}
	p.Array(func() {
		var d batch.ModalityTokens
		p.Object(detailFields, func(field int) {
			if field == 0 {
				d.Modality = p.String()
			} else {
				d.TokenCount = p.Int()
			}
		})
		list = append(list, d)
	})
	return list
}
