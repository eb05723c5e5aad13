package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// A Status shows how a job stands.
type Status struct{ Status *jobs.Status }

func (s Status) String() string {
	var b strings.Builder
	r := s.Status
	w := newTable(&b)
	switch {
	case r.Running != nil:
		fmt.Fprintf(w, "state\trunning: process %d on %s, since %s\n", r.Running.PID, terminal.Name(r.Running.Host), r.Running.Since.Local().Format(time.DateTime))
	case r.Finished:
		fmt.Fprintf(w, "state\tfinished: %s has %s\n", terminal.Line(r.Output, faultWidth), Many(r.InOutput, "row"))
	default:
		fmt.Fprintf(w, "state\tnot finished, and not running\n")
	}
	if in := r.Input; in != nil {
		fmt.Fprintf(w, "rows\t%s: %s settled, %s left, %s bad\n", Count(in.Rows), Count(in.Settled), Count(in.Left), Count(in.Bad))
	}
	if r.Running != nil {
		left := ""
		if r.Left > 0 {
			left = ", " + r.Left.String() + " left at this pace"
		}
		fmt.Fprintf(w, "speed\t%s rows/s in the last minute%s\n", decimal(r.Rate), left)
	}
	fmt.Fprintf(w, "answered\t%s\n", statusText(&r.Totals, 0))
	if r.LastSeq > 0 {
		fmt.Fprintf(w, "last result\t%s\n", r.LastAt.Local().Format(time.DateTime))
	}
	fmt.Fprintf(w, "requests\t%s, %s of them retries\n", Count(r.Attempts), Count(r.Retries))
	fmt.Fprintf(w, "cost\t%s\n", costText(shownCost(&r.Totals)))
	writeBill(w, "", &r.Totals)
	if r.Unreported > 0 {
		fmt.Fprintf(w, "not reported\t%s\n", unreportedText(&r.Totals))
	}
	for i, d := range r.Damage {
		if i == listed {
			fmt.Fprintf(w, "damage\t%s more\n", Count(int64(len(r.Damage)-i)))
			break
		}
		fmt.Fprintf(w, "damage\t%s\n", terminal.Line(d.Error(), faultWidth))
	}
	w.Flush()
	writeEvaluation(&b, r.Evaluation)
	return b.String()
}

// statusJSON is [Status] as JSON.
type statusJSON struct {
	Type        string            `json:"type"`
	State       string            `json:"state"`
	Output      string            `json:"output"`
	Running     *durable.Owner    `json:"running"`
	Finished    bool              `json:"finished"`
	LastSeq     int64             `json:"last_seq"`
	LastAt      time.Time         `json:"last_at"`
	Input       *jobs.InputStatus `json:"input"`
	RowRate     float64           `json:"rows_per_second"`
	LeftSeconds *float64          `json:"eta_seconds"` // null: not known
	totalsJSON
}

// MarshalJSON implements json.Marshaler.
func (s Status) MarshalJSON() ([]byte, error) {
	r := s.Status
	record := statusJSON{
		Type: "status", State: r.State, Output: r.Output, Running: r.Running, Finished: r.Finished, LastSeq: r.LastSeq, LastAt: r.LastAt,
		Input: r.Input, RowRate: r.Rate, totalsJSON: totalsOf(&r.Totals),
	}
	if r.Left > 0 {
		record.LeftSeconds = new(r.Left.Seconds())
	}
	return json.Marshal(sorted[statusJSON]{record})
}
