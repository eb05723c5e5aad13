package runs

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/remote"
	"github.com/genbatch/genbatch/jobs/report"
)

// patience is how long a run may take to say how far it is. It answers from memory, and those who
// ask want to know other things as well.
const patience = time.Second

// A Live is what a run says of itself while it goes on.
type Live struct {
	Progress    json.RawMessage // the record of run --json with the type progress
	PausedSince time.Time       // zero: it is not paused
	Stopping    bool

	at progress // what is read of the record
}

// progress are the fields of the record that the list shows.
type progress struct {
	Rows      int64           `json:"rows"`
	Total     *int64          `json:"total"`
	InFlight  int64           `json:"in_flight"`
	Batches   int64           `json:"batches"`
	CostUSD   json.RawMessage `json:"cost_usd"`
	Simulated bool            `json:"simulated"`
	Quota     struct {
		Text  string `json:"text"`
		Limit string `json:"limit"`
	} `json:"quota"`
}

// Ask asks the process that runs the job of a state folder how far it is. It returns nil if the
// process cannot be asked, or does not answer at once.
func Ask(ctx context.Context, stateDir string) *Live {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	run, err := remote.Dial(stateDir)
	if err != nil {
		return nil
	}
	defer run.Close()
	state, err := run.State(ctx, math.MaxInt64) // without samples
	if err != nil || state.Ended != nil {
		return nil
	}
	l := &Live{Progress: state.Progress, Stopping: state.Stopping}
	if state.PausedSince != nil {
		l.PausedSince = *state.PausedSince
	}
	if json.Unmarshal(state.Progress, &l.at) != nil {
		return nil
	}
	return l
}

// waits reports whether nothing goes on but a wait: for a slot of the quota, or for batch jobs.
func (l *Live) waits() bool {
	return l.at.InFlight == 0 && (l.at.Quota.Limit != "" || l.at.Batches > 0)
}

// rows says how many rows are done.
func (l *Live) rows() string {
	if l.at.Total == nil {
		return report.Many(l.at.Rows, "row")
	}
	text := report.Count(l.at.Rows) + " of " + report.Many(*l.at.Total, "row")
	if *l.at.Total > 0 {
		text += fmt.Sprintf(" (%d %%)", 100*l.at.Rows / *l.at.Total)
	}
	return text
}

// text says how the run goes, behind how long it has been going.
func (l *Live) text(now time.Time) string {
	text := ": " + l.rows()
	switch {
	case l.Stopping:
		text += "; stopping"
	case !l.PausedSince.IsZero():
		text += "; paused for " + since(now.Sub(l.PausedSince))
	case l.at.Quota.Limit != "":
		text += "; " + l.at.Quota.Text
	}
	return text
}

// cost is what the run has cost so far, as a text.
func (l *Live) cost() string {
	cost, err := price.ParseUSD(string(l.at.CostUSD))
	switch {
	case l.at.Simulated:
		return "simulated"
	case err != nil: // null
		return "unknown"
	}
	return "$" + report.Money(cost)
}
