package runs

import (
	"encoding/json"
	"time"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs"
)

// An At is a job as it stands at a time. Its JSON is a line of genbatch jobs --json.
type At struct {
	Run *Run
	Now time.Time
}

// runJSON is [At] as JSON.
type runJSON struct {
	Type    string      `json:"type"`
	Phase   Phase       `json:"phase"`
	Text    string      `json:"text"` // for people
	Output  string      `json:"output"`
	State   string      `json:"state"`
	JobFile string      `json:"job_file"`
	Model   string      `json:"model"`
	First   time.Time   `json:"first_started"`
	Last    time.Time   `json:"last_started"`
	Process *jobs.Owner `json:"process"` // null: none runs it
	Batches int         `json:"batches"`

	Progress    json.RawMessage `json:"progress"`     // null: no process runs it, or it does not say
	PausedSince *time.Time      `json:"paused_since"` // null: it is not paused

	Ending *endingJSON `json:"ending"` // null: it runs, or was broken off
}

// endingJSON is [registry.Ending] as JSON.
type endingJSON struct {
	At        time.Time       `json:"at"`
	ExitCode  int             `json:"exit_code"`
	Rows      *int64          `json:"rows"` // null: not counted
	NotOK     int64           `json:"not_ok"`
	Left      int64           `json:"left"`
	CostUSD   json.RawMessage `json:"cost_usd"` // null: not known
	Simulated bool            `json:"simulated"`
	Until     *time.Time      `json:"until"` // null: no quota of the day has ended it
}

// MarshalJSON implements json.Marshaler.
func (a At) MarshalJSON() ([]byte, error) {
	r := a.Run
	record := runJSON{
		Type: "job", Phase: r.PhaseAt(a.Now), Text: r.TextAt(a.Now), Output: r.Output, State: r.State, JobFile: r.JobFile, Model: r.Model,
		First: r.First, Last: r.Last, Process: r.Owner, Batches: r.Batches,
	}
	if l := r.Live; l != nil && r.Owner != nil {
		record.Progress = l.Progress
		if !l.PausedSince.IsZero() {
			record.PausedSince = &l.PausedSince
		}
	}
	if e := r.Ending; e != nil && r.Owner == nil {
		record.Ending = &endingJSON{At: e.At, ExitCode: e.ExitCode, NotOK: e.NotOK, Left: e.Left, Simulated: e.Simulated}
		if e.Rows > 0 {
			record.Ending.Rows = &e.Rows
		}
		if e.Cost != nil {
			record.Ending.CostUSD = json.RawMessage(e.Cost.String())
		}
		if !e.Until.IsZero() {
			record.Ending.Until = &e.Until
		}
	}
	return apijson.Marshal(record)
}
