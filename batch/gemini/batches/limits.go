package batches

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/genbatch/genbatch/batch/gemini"
)

// Limits are what jobs of one model may have at an endpoint. What is 0 is not limited, or
// the limit is not known.
type Limits struct {
	Rows  int64 // of one job; of Google AI, which states none, how many are sensible
	Bytes int64 // of one job's requests; of Google AI, how many are sensible
	Jobs  int   // that are pending or running at once, of all models

	// Tokens is how many input tokens may be pending or running at once, in all jobs of the
	// model. It depends on the account, whose tier nobody tells a client: Tokens is that of
	// tier 1, the lowest that has batches, and Tiers has those of tiers 1, 2 and 3.
	Tokens int64
	Tiers  [3]int64

	AsOf string // the day of the limits, such as 2026-08-18; empty if none is known
}

// JobsFor returns the least number of jobs into which so many rows go, with so many bytes of
// requests and tokens of input. It is 0 if there are no rows.
func (l Limits) JobsFor(rows, bytes, tokens int64) int64 {
	if rows <= 0 {
		return 0
	}
	jobs := int64(1)
	for _, m := range [...]struct{ have, most int64 }{{rows, l.Rows}, {bytes, l.Bytes}, {tokens, l.Tokens}} {
		if m.most > 0 {
			jobs = max(jobs, (m.have+m.most-1)/m.most)
		}
	}
	return min(jobs, rows) // a row that is too large for a job does not become smaller
}

// LimitsOf returns the limits of a model's jobs at endpoints of a dialect. Gateways have the
// sizes of Google AI, to which one that has batches passes them on; what else they limit is
// not known.
func LimitsOf(dialect gemini.Dialect, model string) Limits {
	published := limits()
	p := published.Google
	if dialect == gemini.VertexDialect {
		p = published.Vertex
	}
	l := Limits{Rows: p.Rows, Bytes: p.Bytes, AsOf: p.AsOf}
	if dialect == gemini.GatewayDialect {
		return l
	}
	l.Jobs = p.Jobs
	id := strings.TrimPrefix(model, "models/")
	for _, name := range []string{id, versionOfModel.ReplaceAllString(id, "")} {
		for _, t := range p.Tokens {
			if slices.Contains(t.Models, name) {
				l.Tokens, l.Tiers = t.Tiers[0], t.Tiers
				return l
			}
		}
	}
	return l
}

// versionOfModel matches what stands behind the name that a limit has, in the id of a model.
var versionOfModel = regexp.MustCompile(`-(?:preview(?:-\d\d-\d{4}|-customtools)?|\d{3})$`)

// published are the limits of one endpoint, with sources and reasons in the file.
type published struct {
	AsOf   string `json:"as_of"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	Jobs   int    `json:"jobs"`
	Tokens []struct {
		Models []string `json:"models"`
		Tiers  [3]int64 `json:"tiers"`
	} `json:"tokens"`
}

//go:embed limits.json
var limitsFile []byte

// limits returns what limits.json says.
var limits = sync.OnceValue(func() (all struct{ Google, Vertex published }) {
	if err := json.Unmarshal(limitsFile, &all); err != nil {
		panic("the embedded limits.json: " + err.Error()) // a test reads it
	}
	return all
})
