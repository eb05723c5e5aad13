package gemini

import (
	"encoding/json"

	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
	"github.com/genbatch/genbatch/internal/plainjson"
)

// The fields of the API's objects. The functions below know them by their places here, and
// give up at the other spelling of a name, which comes behind them.
var (
	chunkFields     = wire.BothSpellings("candidates", "usageMetadata", "modelVersion", "responseId", "promptFeedback", "error")
	candidateFields = wire.BothSpellings("content", "finishReason", "index", "finishMessage", "groundingMetadata", "urlContextMetadata")
	contentFields   = []string{"parts"}
	partFields      = wire.BothSpellings("text", "thought", "functionCall")
	usageFields     = wire.BothSpellings(
		"promptTokenCount", "cachedContentTokenCount", "toolUsePromptTokenCount", "thoughtsTokenCount", "candidatesTokenCount", "totalTokenCount",
		"promptTokensDetails", "cacheTokensDetails", "candidatesTokensDetails", "toolUsePromptTokensDetails", "trafficType", "serviceTier",
	)
	detailFields = wire.BothSpellings("modality", "tokenCount")
)

// readPlain reads an answer of the form that nearly all of them have, and returns nil
// for any other. The result is the same as that of encoding/json (TestPlainAnswers). It
// takes a fifth of the time (BenchmarkParse), which was the largest part of a run's own
// work.
func readPlain(body []byte) *plainReading {
	a := new(plainReading)
	r := plainReader{plainjson.New(body), a}
	r.chunk(&a.chunk)
	if !r.Plain() {
		return nil
	}
	a.compact = r.Compact()
	return a
}

// A plainReading is a chunk and its compact text. The text shares memory with the body
// if the body is compact. The other fields are memory for the objects of which nearly
// every answer has exactly one.
type plainReading struct {
	chunk   chunk
	compact json.RawMessage

	candidates [1]candidate
	parts      [1]part
	usage      wire.Usage
}

type plainReader struct {
	*plainjson.Scanner
	memory *plainReading
}

func (r plainReader) chunk(c *chunk) {
	r.Object(chunkFields, func(field int) {
		switch field {
		case 0:
			c.Candidates = r.memory.candidates[:0]
			r.Array(func() {
				c.Candidates = append(c.Candidates, candidate{})
				r.candidate(&c.Candidates[len(c.Candidates)-1])
			})
		case 1:
			c.UsageMetadata = &r.memory.usage
			r.usage(c.UsageMetadata)
		case 2:
			c.ModelVersion = r.String()
		case 3:
			c.ResponseID = r.String()
		default: // a blocked prompt or an error: rare
			r.GiveUp()
		}
	})
}

func (r plainReader) candidate(c *candidate) {
	r.Object(candidateFields, func(field int) {
		switch field {
		case 0:
			r.Object(contentFields, func(int) {
				c.Content.Parts = []part{}
				if c == &r.memory.candidates[0] {
					c.Content.Parts = r.memory.parts[:0]
				}
				r.Array(func() { c.Content.Parts = append(c.Content.Parts, r.part()) })
			})
		case 1:
			c.FinishReason = wire.Enum(r.OneOf("STOP", "MAX_TOKENS"))
		case 2:
			n := wire.Count(r.Int())
			c.Index = &n
		case 3:
			c.FinishMessage = r.String()
		default: // the candidate reports searches: rare
			r.GiveUp()
		}
	})
}

func (r plainReader) part() (p part) {
	thought := false
	r.Object(partFields, func(field int) {
		switch field {
		case 0:
			p.text = r.String()
		case 1:
			thought = r.Bool()
		default:
			r.GiveUp()
		}
	})
	switch {
	case p.text == "": // the part holds something else, which must be looked at
		r.GiveUp()
	case thought:
		p.kind = "thought"
	default:
		p.kind = "text"
	}
	return p
}

func (r plainReader) usage(u *wire.Usage) {
	counts := [...]*wire.Count{
		&u.PromptTokenCount, &u.CachedContentTokenCount, &u.ToolUsePromptTokenCount,
		&u.ThoughtsTokenCount, &u.CandidatesTokenCount, &u.TotalTokenCount,
	}
	details := [...]*[]wire.Detail{
		&u.PromptTokensDetails, &u.CacheTokensDetails, &u.CandidatesTokensDetails, &u.ToolUsePromptTokensDetails,
	}
	fields := r.Object(usageFields, func(field int) {
		switch {
		case field < len(counts):
			*counts[field] = wire.Count(r.Int())
		case field < len(counts)+len(details):
			*details[field-len(counts)] = r.details()
		case usageFields[field] == "trafficType":
			u.TrafficType = wire.Enum(r.OneOf("ON_DEMAND"))
		case usageFields[field] != "serviceTier":
			r.GiveUp()
		default:
			u.ServiceTier = wire.Enum(r.OneOf("standard", "flex", "priority"))
		}
	})
	u.Reported = fields > 0
}

func (r plainReader) details() []wire.Detail {
	list := []wire.Detail{}
	r.Array(func() {
		var d wire.Detail
		r.Object(detailFields, func(field int) {
			switch field {
			case 0:
				d.Modality = wire.Enum(r.OneOf("TEXT", "IMAGE"))
			case 1:
				d.TokenCount = wire.Count(r.Int())
			default:
				r.GiveUp()
			}
		})
		list = append(list, d)
	})
	return list
}
