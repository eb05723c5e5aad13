package report

import (
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// A Pruned shows what was removed from a journal, or would be.
type Pruned struct {
	Pruned  *jobs.Pruned
	Pruning jobs.Pruning // what was asked for
}

func (p Pruned) String() string {
	r := p.Pruned
	if r.Results == 0 {
		return terminal.Paragraph(fmt.Sprintf("Nothing to prune: all %s results in %s stay.\n", Count(r.Kept), terminal.Line(r.State, faultWidth)))
	}
	var b strings.Builder
	did, leave := "Pruned", "have left"
	if p.Pruning.DryRun {
		did, leave = "Would prune", "would leave"
	}
	fmt.Fprintf(&b, "%s %s results (%s bytes) from %s: %s orphaned, %s superseded; %s stay\n",
		did, Count(r.Results), Count(r.Bytes), terminal.Line(r.State, faultWidth), Count(r.Orphaned), Count(r.Superseded), Count(r.Kept))
	if r.Elsewhere > 0 {
		fmt.Fprintf(&b, "Of the orphaned, %s are to rows of the input that a pilot has asked with more or fewer of them a call.\n", Many(r.Elsewhere, "answer"))
	}
	fmt.Fprintf(&b, "Their %s requests, %s, %s the job's total, and what --max-cost counts: that is what is in the journal.\n",
		Count(r.Removed.Attempts), CostText(r.Removed.CostUSD()), leave)
	switch {
	case !r.Compared:
		fmt.Fprintln(&b, "The input cannot be read: if its rows come back, those that went are asked, and paid for, again.")
	case r.Again > 0:
		fmt.Fprintf(&b, "%s rows of the input lose their answer by it: the next run asks, and pays for, them again.\n", Count(r.Again))
	}
	if r.Bad > 0 && p.Pruning.Orphaned {
		fmt.Fprintf(&b, "%s rows of the input cannot be read or rendered: answers that they once got count as orphaned.\n", Count(r.Bad))
	}
	if r.Damage > 0 {
		fmt.Fprintf(&b, "%d damaged places of the journal stay as they are.\n", r.Damage)
	}
	return terminal.Paragraph(b.String())
}

// prunedJSON is [Pruned] as JSON.
type prunedJSON struct {
	Type       string             `json:"type"`
	DryRun     bool               `json:"dry_run"`
	State      string             `json:"state"`
	Results    int64              `json:"results"`
	Bytes      int64              `json:"bytes"`
	Orphaned   int64              `json:"orphaned"`
	Elsewhere  int64              `json:"elsewhere,omitzero"` // of the orphaned
	Superseded int64              `json:"superseded"`
	Kept       int64              `json:"kept"`
	Again      *int64             `json:"asked_again"` // null: the input could not be read
	Bad        int64              `json:"bad"`
	Damage     int                `json:"damage"`
	Removed    sorted[totalsJSON] `json:"removed"`
}

// MarshalJSON implements json.Marshaler.
func (p Pruned) MarshalJSON() ([]byte, error) {
	r := p.Pruned
	record := prunedJSON{
		Type: "pruned", DryRun: p.Pruning.DryRun, State: r.State, Results: r.Results, Bytes: r.Bytes,
		Orphaned: r.Orphaned, Elsewhere: r.Elsewhere, Superseded: r.Superseded, Kept: r.Kept, Bad: r.Bad, Damage: r.Damage,
		Removed: sorted[totalsJSON]{totalsOf(&r.Removed)},
	}
	if r.Compared {
		record.Again = &r.Again
	}
	return apijson.Marshal(sorted[prunedJSON]{record})
}
