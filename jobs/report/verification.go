package report

import (
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// A Verification shows what was found wrong with a job's files, if anything was.
type Verification struct {
	Verification *jobs.Verification
	ExitCode     int // what the process is to end with, for the JSON
}

// faultWidth is how many columns a fault takes at most, which may quote what a file holds.
const faultWidth = 1000

func (v Verification) String() string {
	var b strings.Builder
	r := v.Verification
	writeSimulated(&b, r.Simulated())
	w := newTable(&b)
	for _, fault := range r.Faults {
		fmt.Fprintf(w, "FAULT\t%s\n", terminal.Line(fault, faultWidth))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(w, "NOTE\t%s\n", terminal.Line(note, faultWidth))
	}
	w.Flush()
	switch {
	case len(r.Faults) > 0:
	case r.Status[batch.Pending] > 0:
		b.WriteString("NOT FINISHED  ")
	default:
		b.WriteString("OK    ")
	}
	fmt.Fprintf(&b, "%s: %s\n", Many(r.Rows, "row"), statusText(&r.Totals, 0))
	return b.String()
}

// verificationJSON is [Verification] as JSON.
type verificationJSON struct {
	Type      string   `json:"type"`
	ExitCode  int      `json:"exit_code"`
	Faults    []string `json:"faults"`
	Notes     []string `json:"notes"`
	Simulated bool     `json:"simulated"`
	totalsJSON
}

// MarshalJSON implements json.Marshaler.
func (v Verification) MarshalJSON() ([]byte, error) {
	r := v.Verification
	return apijson.Marshal(sorted[verificationJSON]{verificationJSON{"verification", v.ExitCode, r.Faults, r.Notes, r.Simulated(), totalsOf(&r.Totals)}})
}
