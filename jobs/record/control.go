package record

import (
	"time"

	"github.com/genbatch/genbatch/batch/price"
)

// Limits are limits to set. A nil is left as it is.
type Limits struct {
	RPM         *int    `json:"rpm,omitempty"` // 0 = none is given: what is learned counts
	TPM         *int    `json:"tpm,omitempty"`
	RPD         *int    `json:"rpd,omitempty"`
	Concurrency *int    `json:"concurrency,omitempty"` // the most calls in flight; 0 = the default
	MaxCost     *string `json:"max_cost,omitempty"`    // dollars, as in a job file
}

// A ControlState is how a run is steered.
type ControlState struct {
	PausedSince time.Time // zero: it is not paused
	Stopping    bool      // nothing new is sent, and the run ends
	RetryAsked  bool      // failed rows are asked again once the others are through

	RPM, TPM, RPD InForce
	Concurrency   InForce // the most calls in flight; a slow start, or trouble, opens it by and by

	MaxCost price.USD // 0: there is no cap
	Spent   price.USD // what counts against it, of all runs, without what is in flight; 0 without a cap
}

// An InForce is a limit in force, and who set it.
type InForce struct {
	Value  int64  // 0: there is none, or it is not known
	Source string // job, control, learned, estimated, default or none
}

// A Failure is a row that ended without an answer, or with one that is not ok.
type Failure struct {
	Seq    int64     `json:"seq"` // from 1, in the order in which they came
	At     time.Time `json:"at"`
	Row    int64     `json:"row"` // its number in the input, from 1
	Key    string    `json:"key"` // empty if the job has no key column
	Status string    `json:"status"`
	Error  string    `json:"error"` // one line; may be empty
}
