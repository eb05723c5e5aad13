// Package findings looks over the rows of an output for what somebody should know before they
// believe it: rows that were refused or cut, labels that swallow others or are never used,
// rows that cost far more than the rest, label shares that have moved since the last run, and
// a template that asks many rows the same.
//
// A [Fold] takes the rows one by one, and its memory does not grow with them. In the end it
// returns each [Finding]. A wrong one is worse than a missing one, since a tool that cries wolf
// is ignored. Hence each has a threshold with a reason, and small outputs have hardly any.
package findings

import "github.com/genbatch/genbatch/internal/message"

// A Severity says how much a finding matters.
type Severity string

// The severities, the most severe first.
const (
	High   Severity = "high"   // a good part of the rows has no answer, or none that can be trusted
	Medium Severity = "medium" // labels or money may not be what is wanted
	Low    Severity = "low"    // good to know
)

// The codes of findings, which do not change.
const (
	Blocked    = "blocked"      // rows that a filter stopped
	Rejected   = "rejected"     // rows that the API refuses
	Failed     = "failed"       // rows that used up their attempts
	Empty      = "empty"        // rows whose answer has no content
	Invalid    = "invalid"      // rows whose answer fails labels, schema or a check
	Skipped    = "skipped"      // rows that could not be read or rendered
	Cut        = "truncated"    // rows whose answer was cut at a token limit
	Flagged    = "flagged"      // rows that fail a check which only flags
	OneLabel   = "one_label"    // most rows have the same label
	Unused     = "unused_label" // labels that no row has
	Drift      = "drift"        // the shares of labels have moved since the last run
	CostlyRows = "costly_rows"  // few rows make much of the cost
	LongRows   = "long_answers" // few rows make much of the answers' length
	SameAsked  = "same_request" // rows that differ ask the same
)

// A Finding is one thing to know about an output.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Question string   `json:"question,omitempty"` // of a classification; empty for its only question, and where it is about none
	Text     string   `json:"text"`               // one sentence, without its full stop
	Remedy   string   `json:"remedy"`             // what to do about it, likewise
	Rows     Rows     `json:"rows"`
}

// Rows are those that a finding is about.
type Rows struct {
	Count    int64     `json:"count"` // 0 if it is about none, such as a label that no row has
	Examples []Example `json:"examples,omitempty"`
}

// An Example is one of these rows.
type Example struct {
	Row int64  `json:"row"`           // its number, from 1
	Key string `json:"key,omitempty"` // what --key calls it
}

// mostExamples is how many rows a finding names.
const mostExamples = 10

// add counts a row, and names it if it is one of the first.
func (r *Rows) add(e Example) {
	if r.Count++; len(r.Examples) < mostExamples {
		r.Examples = append(r.Examples, e.shortened())
	}
}

// shortened returns the example with a key that fits into a line. Few rows become examples, so
// that this is left to those that do.
func (e Example) shortened() Example {
	return Example{e.Row, message.OneLine(e.Key, 60)}
}
