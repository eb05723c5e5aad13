package record

import "time"

// A Sample says how a run was at one moment. Numbers are those of the run so far, unless they
// say otherwise; a limit that is null is not known, and nothing is held to it.
type Sample struct {
	Seq     int64     `json:"seq"` // counts the samples that were taken in the run, from 1
	At      time.Time `json:"at"`  // in UTC, to the millisecond
	Elapsed float64   `json:"elapsed_s"`

	Rows   int64 `json:"rows"`   // with a result that is safe
	OK     int64 `json:"ok"`     // of these, those with an answer
	Failed int64 `json:"failed"` // of these, all others

	Attempts int64 `json:"attempts"` // made, those under way included
	Refused  int64 `json:"refused"`  // of these, refused for a quota or an overload
	Faults   int64 `json:"faults"`   // of these, failed for another reason

	InFlight int64 `json:"in_flight"` // attempts under way at the moment
	Waiting  int64 `json:"waiting"`   // rows that wait at the moment for their next attempt
	Queued   int64 `json:"queued"`    // requests that wait at the moment for a slot of the quota

	RPM         *int64 `json:"rpm"`         // the limit of requests a minute in force
	TPM         *int64 `json:"tpm"`         // the limit of input tokens a minute in force
	Concurrency *int64 `json:"concurrency"` // how many calls may be in flight at the moment
	Limit       string `json:"limit"`       // what the first in the queue waits for, see quota.State; empty: nobody waits
	Paused      bool   `json:"paused"`      // nothing is sent, because somebody said so

	InputTokens  int64 `json:"input_tokens"`
	OutputTokens int64 `json:"output_tokens"` // thoughts included
	CostPicoUSD  int64 `json:"cost_picousd"`  // of the calls with a known price
}

// A RunHistory is one run of a job, as it went.
type RunHistory struct {
	Begin    time.Time `json:"begin"` // in UTC, to the millisecond
	Model    string    `json:"model"`
	Endpoint string    `json:"endpoint"`

	// Samples are at most 2,000, at even distances, the oldest first. The last one is of the
	// end of the run, or of about its death if it was killed.
	Samples []Sample `json:"samples"`
}
