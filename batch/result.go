package batch

import (
	"encoding/json"
	"slices"
	"time"
)

// Status says what became of a row.
type Status string

// The statuses. All but failed and pending are settled: such a row is asked again only
// if the user says so.
const (
	OK        Status = "ok"        // answered
	Blocked   Status = "blocked"   // a filter held back the prompt or the answer
	Truncated Status = "truncated" // the answer was cut at a token limit
	Empty     Status = "empty"     // answered without content, every time
	Invalid   Status = "invalid"   // the answer failed the label or schema check
	Failed    Status = "failed"    // the retries are used up; the next run asks again
	Rejected  Status = "rejected"  // the API refuses this row
	Skipped   Status = "skipped"   // the row could not be read or rendered
	Pending   Status = "pending"   // no outcome yet
)

// Statuses lists every status, in the order in which summaries show them.
var Statuses = []Status{OK, Truncated, Blocked, Empty, Invalid, Rejected, Failed, Skipped, Pending}

// Settled reports whether a row with this status is not asked again.
func (s Status) Settled() bool { return s != Failed && s != Pending && s != "" }

// Usage is the API's usageMetadata. Counts are in tokens, and a missing count is 0.
// https://ai.google.dev/api/generate-content#UsageMetadata
type Usage struct {
	PromptTokenCount        int64 `json:"promptTokenCount,omitzero"`        // includes the cached part
	CachedContentTokenCount int64 `json:"cachedContentTokenCount,omitzero"` // part of the prompt
	ToolUsePromptTokenCount int64 `json:"toolUsePromptTokenCount,omitzero"`
	ThoughtsTokenCount      int64 `json:"thoughtsTokenCount,omitzero"`
	CandidatesTokenCount    int64 `json:"candidatesTokenCount,omitzero"`
	TotalTokenCount         int64 `json:"totalTokenCount,omitzero"`

	PromptTokensDetails        []ModalityTokens `json:"promptTokensDetails,omitempty"`
	CacheTokensDetails         []ModalityTokens `json:"cacheTokensDetails,omitempty"`
	CandidatesTokensDetails    []ModalityTokens `json:"candidatesTokensDetails,omitempty"`
	ToolUsePromptTokensDetails []ModalityTokens `json:"toolUsePromptTokensDetails,omitempty"`

	TrafficType string `json:"trafficType,omitzero"` // Vertex AI
	ServiceTier string `json:"serviceTier,omitzero"` // Google AI

	// Searches and MapSearches count the queries to Google Search and Google Maps,
	// which are billed beside the tokens. They are no part of usageMetadata: they come
	// from the answer's groundingMetadata.
	Searches    int64 `json:"searches,omitzero"`
	MapSearches int64 `json:"mapSearches,omitzero"`
}

// ModalityTokens counts the tokens of one modality: TEXT, IMAGE, VIDEO, AUDIO or
// DOCUMENT.
type ModalityTokens struct {
	Modality   string `json:"modality"`
	TokenCount int64  `json:"tokenCount"`
}

// Thoughts returns the thinking tokens that are billed. Some gateways drop
// thoughtsTokenCount but keep its tokens in the total. For them, thinking is what the
// total has beyond its other parts.
func (u *Usage) Thoughts() int64 {
	if u.ThoughtsTokenCount > 0 {
		return u.ThoughtsTokenCount
	}
	return max(0, u.TotalTokenCount-u.others())
}

// others returns what the parts of the total but thinking add up to.
func (u *Usage) others() int64 {
	return u.PromptTokenCount + u.CandidatesTokenCount + u.ToolUsePromptTokenCount
}

// A Share is one row's share of an attempt that several rows have shared. The zero value is
// the whole of it.
type Share struct {
	Row int `json:"row"` // which of the rows it is, from 0
	Of  int `json:"of"`  // how many rows there were
}

// Divide returns the share of an amount. The shares of all rows add up to the amount, and none is
// more than 1 above another.
func (s Share) Divide(n int64) int64 {
	if s.Of == 0 {
		return n
	}
	row, of := int64(s.Row), int64(s.Of)
	rest := n % of // divided by itself, so that a large amount does not overflow
	return n/of + rest*(row+1)/of - rest*row/of
}

// A Spend is what one attempt used, or may have used. Of an attempt that rows have shared each
// row has a Spend with the usage of the whole attempt, since its price depends on that, and
// with the row's Share of it.
type Spend struct {
	At    time.Time `json:"at"`              // when the attempt began
	Model string    `json:"model"`           // the answer's modelVersion; without one, the model that was asked
	Tier  string    `json:"tier,omitempty"`  // the serviceTier or trafficType that served it
	Usage *Usage    `json:"usage,omitempty"` // nil if the attempt was cut and may have been billed
	Most  *Usage    `json:"most,omitempty"`  // the most that an attempt of unknown cost can have used; nil if not known
	Batch string    `json:"batch,omitempty"` // the batch job in which it was made; empty for a call
	Share Share     `json:"share,omitzero"`  // the row's share of it
}

// Counts reports whether the row is the one by which the attempt is counted, which is the
// first of those that have shared it.
func (s *Spend) Counts() bool { return s.Share.Row == 0 }

// Own returns the row's share of the usage, which is the whole of it if the row was alone in
// the attempt. It is nil if none was reported. Of each count the shares add up to the whole, and
// so do the Thoughts of the shares.
func (s *Spend) Own() *Usage {
	if s.Usage == nil || s.Share.Of == 0 {
		return s.Usage
	}
	u := *s.Usage
	u.ThoughtsTokenCount = u.Thoughts() // which cannot be told from the rounded shares of the other counts
	beyond := u.TotalTokenCount - u.others() - u.ThoughtsTokenCount
	divided := beyond <= 0 || u.ThoughtsTokenCount >= int64(s.Share.Of)
	for _, n := range []*int64{
		&u.PromptTokenCount, &u.CachedContentTokenCount, &u.ToolUsePromptTokenCount, &u.ThoughtsTokenCount,
		&u.CandidatesTokenCount, &u.Searches, &u.MapSearches,
	} {
		*n = s.Share.Divide(*n)
	}
	switch {
	case divided:
		beyond = s.Share.Divide(beyond)
	case s.Share.Row < s.Share.Of-1: // rows without thoughts, for which it would be taken; the last row has some
		beyond = 0
	}
	if u.TotalTokenCount != 0 { // else it was not reported
		u.TotalTokenCount = u.others() + u.ThoughtsTokenCount + beyond
	}
	for _, details := range []*[]ModalityTokens{
		&u.PromptTokensDetails, &u.CacheTokensDetails, &u.CandidatesTokensDetails, &u.ToolUsePromptTokensDetails,
	} {
		*details = slices.Clone(*details)
		for i := range *details {
			(*details)[i].TokenCount = s.Share.Divide((*details)[i].TokenCount)
		}
	}
	return &u
}

// A Result is what became of one row. It is one record of the journal, and the row's
// output and cost are derived from it. A Result is read-only once handed on.
type Result struct {
	Seq         int64       `json:"seq"` // its place in the journal, from 1; set by the journal
	Fingerprint Fingerprint `json:"fingerprint"`
	Occurrence  int         `json:"occurrence,omitzero"` // which row of this fingerprint it is, from 0
	Row         int64       `json:"row"`                 // the row's number at the time it was asked
	Key         string      `json:"key,omitempty"`

	Status   Status `json:"status"`
	Error    string `json:"error,omitempty"`
	Note     string `json:"note,omitempty"` // what was changed about the request to get an answer
	Endpoint string `json:"endpoint"`
	Model    string `json:"model"` // the model that was asked

	FinishReason string `json:"finishReason,omitempty"`
	ModelVersion string `json:"modelVersion,omitempty"`
	ResponseID   string `json:"responseId,omitempty"`

	At        time.Time `json:"at"`         // when the last attempt ended
	LatencyMS int64     `json:"latency_ms"` // duration of the last attempt
	Attempts  int       `json:"attempts"`
	Shared    int       `json:"shared,omitzero"` // of the attempts, those by which another row is counted that shared them
	Spent     []Spend   `json:"spent,omitempty"` // every attempt that was billed, or may have been

	// Part names the part of Response that is the row's answer, if several rows share the
	// answer. It is empty if all of the answer is the row's.
	Part string `json:"part,omitempty"`

	// Response is the API's answer as it came: a GenerateContentResponse, or an array
	// of them if it was streamed.
	Response json.RawMessage `json:"response,omitempty"`
}
