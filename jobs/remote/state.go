package remote

import (
	"context"
	"encoding/json"
	"time"

	"github.com/genbatch/genbatch/jobs"
)

// Schema is the version of the JSON of a [State]. It changes if a field changes its meaning or
// goes away; new fields may come.
const Schema = 1

// A State is how a run is, at one moment, and how it is steered.
type State struct {
	Type   string `json:"type"` // "state"
	Schema int    `json:"schema"`
	Job
	Process  Process         `json:"process"`
	Progress json.RawMessage `json:"progress"` // the record of genbatch run --json with the type progress
	Steering
	Money
	Failures []jobs.Failure    `json:"failures"`          // the last 100 rows of the run that are not ok, the oldest first
	Samples  []jobs.Sample     `json:"samples"`           // of the run so far; see [jobs.Job.Samples]
	Batches  []json.RawMessage `json:"batches"`           // as genbatch run --json shows batch jobs
	Cluster  *Cluster          `json:"cluster,omitempty"` // nil: the job is not served to workers
}

// A Cluster is how far the shards of a job are that workers ask.
type Cluster struct {
	Shards  int   `json:"shards"`
	Held    int   `json:"held"` // by a worker
	Done    int   `json:"done"`
	Workers int   `json:"workers"` // that hold shards
	Results int64 `json:"results"` // collected, those of earlier runs and superseded ones too
}

// A Job names the job of a run.
type Job struct {
	Output   string `json:"output"`   // its path, absolute
	StateDir string `json:"state"`    // likewise
	JobFile  string `json:"job_file"` // likewise; empty if the job has none
	Model    string `json:"model"`
	Endpoint string `json:"endpoint"` // its name, or its address
}

// A Process is the one that runs a job.
type Process struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"` // when the run began
}

// Steering is how a run is steered.
type Steering struct {
	PausedSince *time.Time `json:"paused_since"` // nil: it is not paused
	Stopping    bool       `json:"stopping"`
	RetryAsked  bool       `json:"retry_asked"`
	Ended       *Ended     `json:"ended"` // nil: it has not
	Limits      Limits     `json:"limits"`
}

// Ended is how a run has ended.
type Ended struct {
	ExitCode int    `json:"exit_code"` // of the process
	Error    string `json:"error"`     // empty if there was none
}

// Limits are the limits in force.
type Limits struct {
	RPM         Limit `json:"rpm"`
	TPM         Limit `json:"tpm"`
	RPD         Limit `json:"rpd"`
	Concurrency Limit `json:"concurrency"`
}

// A Limit is a limit in force, and who set it.
type Limit struct {
	Value  *int64 `json:"value"`  // nil: there is none, or it is not known
	Source string `json:"source"` // job, control, learned, estimated, default or none
}

// Money is what a run may cost, and has cost, in dollars as decimal numbers.
type Money struct {
	MaxCost *string `json:"max_cost_usd"` // nil: there is no cap
	Cost    *string `json:"cost_usd"`     // what counts against it, of all runs; nil without a cap
	ThisRun *string `json:"cost_this_run_usd"`
}

// An Action is what a run can be told to do.
type Action string

// The actions.
const (
	Pause  Action = "pause"  // send nothing new until Resume
	Resume Action = "resume" // end a pause
	Retry  Action = "retry"  // ask the rows that failed again, once the others are through
	Stop   Action = "stop"   // end as after an interrupt
)

// Actions are all actions.
var Actions = []Action{Pause, Resume, Retry, Stop}

// A Controller tells how a run is, and steers it. The State that its methods return is that
// after what they did. The error is a [*jobs.SpecError] if the run cannot do what it is told.
type Controller interface {
	// State returns how the run is, with the samples after the one with that number. since is
	// 0 for all.
	State(ctx context.Context, since int64) (*State, error)
	Do(ctx context.Context, a Action) (*State, error)
	Set(ctx context.Context, limits jobs.Limits) (*State, error)
}
