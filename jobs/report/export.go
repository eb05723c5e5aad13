package report

import (
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// An Export shows an output that was written again.
type Export struct {
	Path   string
	Totals *jobs.Totals
}

func (e Export) String() string {
	var b strings.Builder
	writeSimulated(&b, e.Totals.Simulated())
	fmt.Fprintf(&b, "Wrote %s: %s of %s\n", terminal.Line(e.Path, faultWidth), Count(e.Totals.Written), Rows(e.Totals))
	w := newTable(&b)
	writeCleaned(w, e.Totals)
	fmt.Fprintf(w, "  cost\t%s\n", TotalCost(e.Totals))
	writeBill(w, "  ", e.Totals)
	w.Flush()
	writeJudgement(&b, &e.Totals.Judgement)
	return b.String()
}

// exportJSON is [Export] as JSON.
type exportJSON struct {
	Type      string `json:"type"`
	Output    string `json:"output"`
	Simulated bool   `json:"simulated"`
	totalsJSON
}

// MarshalJSON implements json.Marshaler.
func (e Export) MarshalJSON() ([]byte, error) {
	return apijson.Marshal(sorted[exportJSON]{exportJSON{"export", e.Path, e.Totals.Simulated(), totalsOf(e.Totals)}})
}

// A Page says where a page was written.
type Page struct {
	Path  string
	Bytes int64
}

func (p Page) String() string {
	return fmt.Sprintf("Wrote %s (%s)\n", terminal.Line(p.Path, faultWidth), Size(p.Bytes))
}

// pageJSON is [Page] as JSON.
type pageJSON struct {
	Type  string `json:"type"`
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// MarshalJSON implements json.Marshaler.
func (p Page) MarshalJSON() ([]byte, error) {
	return apijson.Marshal(sorted[pageJSON]{pageJSON{"report", p.Path, p.Bytes}})
}
