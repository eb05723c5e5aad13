package critic

import (
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/spec"
)

// WarnBatch says beforehand what goes otherwise in batches than in single calls.
func (c *Critic) WarnBatch() {
	if !spec.ByBatch(c.spec) {
		return
	}
	if names := c.unusedInBatch(); len(names) > 0 {
		c.log.Warn("a run in the tier batch alone makes no single calls, so that it does not use " + strings.Join(names, ", "))
	}
	// One report counted 0 searches in 138 rows, all with a schema.
	// https://github.com/edwinhu/workflows, skills/gemini-batch, 2026-09-30
	if apijson.HasTool("googleSearch")(c.spec.Request) {
		c.log.Warn("models were seen to search hardly ever in batches (in 0 of 138 rows, September 2026): try a few rows in the tier batch first (--limit 20)")
	}
}

// unusedInBatch names what the job says of single calls, if a run makes none.
func (c *Critic) unusedInBatch() (names []string) {
	s := c.spec
	if len(spec.CallTiers(s)) > 0 {
		return nil
	}
	for _, o := range [...]struct {
		name  string
		given bool
	}{
		{"concurrency", s.Concurrency > 0}, {"rpm", s.RPM > 0}, {"tpm", s.TPM > 0}, {"rpd", s.RPD > 0},
		{"timeout", s.Timeout > 0}, {"stream", s.Stream}, {"on_daily_quota", s.OnDailyQuota != ""},
	} {
		if o.given {
			names = append(names, o.name)
		}
	}
	return names
}
