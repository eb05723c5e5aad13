package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"

	"github.com/genbatch/genbatch/batch"
)

// A Count is a number of tokens. The zero value is a missing one.
type Count int64

// Impossible is the Count of a value that cannot be one: a negative number, a fraction, one
// beyond the API's own range of 32 bits, a boolean.
const Impossible Count = -1

// UnmarshalJSON implements [json.Unmarshaler]. It takes what the JSON form of protobuf takes
// for an integer: digits, as a number or as a string, and a number with an exponent.
func (c *Count) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*c = 0
		return nil
	}
	f, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 64)
	*c = Impossible
	if err == nil && f >= 0 && f <= math.MaxInt32 && f == math.Trunc(f) { // not for NaN
		*c = Count(f)
	}
	return nil
}

// Usage is a usageMetadata.
type Usage struct {
	PromptTokenCount           Count    `json:"promptTokenCount"`
	CachedContentTokenCount    Count    `json:"cachedContentTokenCount"`
	ToolUsePromptTokenCount    Count    `json:"toolUsePromptTokenCount"`
	ThoughtsTokenCount         Count    `json:"thoughtsTokenCount"`
	CandidatesTokenCount       Count    `json:"candidatesTokenCount"`
	TotalTokenCount            Count    `json:"totalTokenCount"`
	PromptTokensDetails        []Detail `json:"promptTokensDetails"`
	CacheTokensDetails         []Detail `json:"cacheTokensDetails"`
	CandidatesTokensDetails    []Detail `json:"candidatesTokensDetails"`
	ToolUsePromptTokensDetails []Detail `json:"toolUsePromptTokensDetails"`
	TrafficType                Enum     `json:"trafficType"`
	ServiceTier                Enum     `json:"serviceTier"`

	Reported bool `json:"-"` // whether it has any field
}

// A Detail counts the tokens of one modality.
type Detail struct {
	Modality   Enum  `json:"modality"`
	TokenCount Count `json:"tokenCount"`
}

// UnmarshalJSON implements [json.Unmarshaler]. What is no object counts as an empty one.
func (u *Usage) UnmarshalJSON(b []byte) error {
	type plain Usage // without this method
	if err := json.Unmarshal(b, (*plain)(u)); err != nil && !Tolerable(err) {
		*u = Usage{}
	}
	var fields map[string]Present
	u.Reported = json.Unmarshal(b, &fields) == nil && len(fields) > 0
	return nil
}

// The names of the enums, by number.
var (
	modalityNumbers = []string{"MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"}
	trafficNumbers  = []string{"TRAFFIC_TYPE_UNSPECIFIED", "ON_DEMAND", "PROVISIONED_THROUGHPUT"}
)

// Tier returns the service tier or traffic type that served the call, or an empty string.
func (u *Usage) Tier() string {
	if u.ServiceTier != "" {
		return string(u.ServiceTier)
	}
	return u.TrafficType.Name(trafficNumbers)
}

// counts returns the counts in the order of their parts.
func (u *Usage) counts() [6]*Count {
	return [...]*Count{
		&u.PromptTokenCount, &u.CachedContentTokenCount, &u.ToolUsePromptTokenCount,
		&u.ThoughtsTokenCount, &u.CandidatesTokenCount, &u.TotalTokenCount,
	}
}

// details returns the divisions of the prompt, its cached part, the answer and what tools
// fed back.
func (u *Usage) details() [4]*[]Detail {
	return [...]*[]Detail{
		&u.PromptTokensDetails, &u.CacheTokensDetails, &u.CandidatesTokensDetails, &u.ToolUsePromptTokensDetails,
	}
}

// Merge takes over what a later chunk of a stream reports. A stream reports running totals,
// so they are never added up. Some events lack a count, and early ones estimate the prompt
// too high (recorded: 169, then 79). So the last count is right, and not the largest.
func (u *Usage) Merge(later *Usage) {
	u.Reported = u.Reported || later.Reported
	from := later.counts()
	for i, to := range u.counts() {
		if *from[i] != 0 {
			*to = *from[i]
		}
	}
	lists := later.details()
	for i, to := range u.details() {
		if len(*lists[i]) > 0 {
			*to = *lists[i]
		}
	}
	if later.TrafficType != "" {
		u.TrafficType = later.TrafficType
	}
	if later.ServiceTier != "" {
		u.ServiceTier = later.ServiceTier
	}
}

// Counts returns what was used, or nil if that is not known: nothing is reported, a count is
// impossible, or the counts contradict each other.
func (u *Usage) Counts() *batch.Usage {
	if !u.Reported {
		return nil
	}
	for _, c := range u.counts() {
		if *c < 0 || *c > math.MaxInt32 {
			return nil
		}
	}
	parts := u.PromptTokenCount + u.ThoughtsTokenCount + u.CandidatesTokenCount // some totals leave tools out
	switch {
	case u.TotalTokenCount > 0 && u.TotalTokenCount < parts, u.CachedContentTokenCount > u.PromptTokenCount:
		return nil
	}
	wholes := [...]Count{u.PromptTokenCount, u.CachedContentTokenCount, u.CandidatesTokenCount, u.ToolUsePromptTokenCount}
	for i, list := range u.details() {
		if !within(*list, wholes[i]) {
			return nil
		}
	}
	return u.plain()
}

// within reports whether a division can be one of the whole. Its sum may differ: servers
// leave modalities out, and count some of another part (recorded: images and text, 45 more
// than the prompt).
func within(list []Detail, whole Count) bool {
	for _, d := range list {
		if d.TokenCount < 0 || d.TokenCount > whole {
			return false
		}
	}
	return true
}

// plain returns the same counts as the domain's type.
func (u *Usage) plain() *batch.Usage {
	p := &batch.Usage{
		PromptTokenCount: int64(u.PromptTokenCount), CachedContentTokenCount: int64(u.CachedContentTokenCount),
		ToolUsePromptTokenCount: int64(u.ToolUsePromptTokenCount), ThoughtsTokenCount: int64(u.ThoughtsTokenCount),
		CandidatesTokenCount: int64(u.CandidatesTokenCount), TotalTokenCount: int64(u.TotalTokenCount),
		TrafficType: u.TrafficType.Name(trafficNumbers), ServiceTier: string(u.ServiceTier),
	}
	to := [...]*[]batch.ModalityTokens{
		&p.PromptTokensDetails, &p.CacheTokensDetails, &p.CandidatesTokensDetails, &p.ToolUsePromptTokensDetails,
	}
	for i, list := range u.details() {
		for _, d := range *list {
			*to[i] = append(*to[i], batch.ModalityTokens{Modality: d.Modality.Name(modalityNumbers), TokenCount: int64(d.TokenCount)})
		}
	}
	return p
}
