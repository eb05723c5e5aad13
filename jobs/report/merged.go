package report

import (
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// A Merged shows what a merge of shards came to.
type Merged struct {
	Merged   *jobs.Merged
	ExitCode int // what the process is to end with
}

func (m Merged) String() string {
	r := m.Merged
	text := fmt.Sprintf("Joined %s: %s", Many(int64(r.Shards), "shard"), Many(r.Results, "result"))
	if r.Known > 0 {
		text += fmt.Sprintf(", and %s were there already", Count(r.Known))
	}
	s := Summary{Summary: r.Summary}.String() + "\n"
	if m.ExitCode == notOKCode {
		s += "\n" + terminal.Paragraph(strings.Replace(NotOK(r.Summary), "The same command", "genbatch run without --shard", 1)+"\n")
	}
	return text + ".\n" + strings.TrimSuffix(s, "\n")
}

// mergedJSON is [Merged] as JSON.
type mergedJSON struct {
	Type     string `json:"type"`
	ExitCode int    `json:"exit_code"`
	Shards   int    `json:"shards"`
	Results  int64  `json:"results"`
	Known    int64  `json:"known"`
	Output   string `json:"output"`

	Simulated bool                `json:"simulated"`
	Seconds   float64             `json:"seconds"`
	Job       *sorted[totalsJSON] `json:"job"`
}

// MarshalJSON implements json.Marshaler.
func (m Merged) MarshalJSON() ([]byte, error) {
	r := m.Merged
	return apijson.Marshal(sorted[mergedJSON]{mergedJSON{
		Type: "merge", ExitCode: m.ExitCode, Shards: r.Shards, Results: r.Results, Known: r.Known, Output: r.Output,
		Simulated: r.Simulated, Seconds: r.Elapsed.Seconds(), Job: &sorted[totalsJSON]{totalsOf(r.Job)},
	}})
}
