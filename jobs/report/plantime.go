package report

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// A quotaLimit is a quota that a plan takes into account.
type quotaLimit struct {
	value int64  // 0: not known
	from  string // where the value is from, if the user has not given it
}

// limitOf returns the limit that the user gives, else the one that earlier runs learned.
func limitOf(given int, m *jobs.Pace, name string) quotaLimit {
	if given > 0 {
		return quotaLimit{value: int64(given)}
	}
	l, ok := m.Limit(name)
	if !ok {
		return quotaLimit{}
	}
	how := "learned"
	if l.Estimated {
		how = "estimated"
	}
	return quotaLimit{l.Value, fmt.Sprintf(", %s %s ago", how, oneUnit(time.Since(l.At)))}
}

func (p Plan) rpm(m *jobs.Pace) quotaLimit { return limitOf(p.Spec.RPM, m, quota.LimitRPM) }
func (p Plan) tpm(m *jobs.Pace) quotaLimit { return limitOf(p.Spec.TPM, m, quota.LimitTPM) }
func (p Plan) rpd(m *jobs.Pace) quotaLimit { return limitOf(p.Spec.RPD, m, quota.LimitRPD) }

// leastTime returns how long a run takes at the least, and what makes it take so long.
func (p Plan) leastTime() (longest time.Duration, by string) {
	if p.Plan.Batches != nil {
		return 0, "" // no call waits for a quota, and how long batches take is not for us to say
	}
	return p.leastOf(p.Plan.Pace, p.Plan.Calls, p.Plan.PerCall)
}

// leastOfWay is leastTime of a way to run the job.
func (p Plan) leastOfWay(w *jobs.Way) (time.Duration, string) {
	if w.Batches != nil {
		return 0, ""
	}
	return p.leastOf(w.Pace, w.Calls, w.PerCall)
}

// leastOf returns how long so many calls take at the least, and what makes them take so long.
// Each model has quotas of its own, and all models are asked at once: the slowest counts.
func (p Plan) leastOf(pace []jobs.Pace, calls int64, perCall time.Duration) (longest time.Duration, by string) {
	atLeast := func(d time.Duration, why string) {
		if d > longest {
			longest, by = d, why
		}
	}
	minutes := func(n, perMinute int64) time.Duration {
		return time.Duration(float64(n) / float64(perMinute) * float64(time.Minute))
	}
	concurrency := cmp.Or(p.Spec.Concurrency, quota.DefaultConcurrency)
	atLeast(time.Duration(float64(calls)*float64(perCall)/float64(concurrency)), fmt.Sprintf("%d calls at once of %s each, as so far", concurrency, Duration(perCall)))
	for i := range pace {
		m := &pace[i]
		if l := p.rpm(m); l.value > 0 {
			atLeast(minutes(m.Calls, l.value), fmt.Sprintf("%s requests a minute%s%s", Count(l.value), l.from, p.ofModel(m)))
		}
		if l := p.tpm(m); l.value > 0 {
			atLeast(minutes(m.Tokens, l.value), fmt.Sprintf("%s a minute%s%s", Many(l.value, "token"), l.from, p.ofModel(m)))
		}
		if l := p.rpd(m); l.value > 0 {
			if more := daysMore(m, l.value); more > 0 {
				atLeast(time.Until(m.Reset)+time.Duration(more-1)*24*time.Hour, fmt.Sprintf("%s requests a day%s%s", Count(l.value), l.from, p.ofModel(m)))
			}
		}
	}
	return longest, by
}

// leftToday is how many of a model's requests a day are left.
func leftToday(m *jobs.Pace, perDay int64) int64 {
	if !m.ParkedUntil.IsZero() {
		return 0
	}
	return max(0, perDay-int64(m.Used))
}

// daysMore is how many days the calls take after today.
func daysMore(m *jobs.Pace, perDay int64) int64 {
	return (max(0, m.Calls-leftToday(m, perDay)) + perDay - 1) / perDay
}

// writeDays writes what each model's quota of the day leaves for today.
func (p Plan) writeDays(w io.Writer) {
	for i := range p.Plan.Pace {
		m := &p.Plan.Pace[i]
		reset := m.Reset.Local().Format("Mon 2 Jan 15:04 MST")
		l := p.rpd(m)
		if l.value == 0 {
			if !m.ParkedUntil.IsZero() {
				fmt.Fprintf(w, "today\tthe quota of the day is used up%s, until %s\n", p.ofModel(m), reset)
			}
			continue
		}
		more := ""
		if n := daysMore(m, l.value); n > 0 {
			more = fmt.Sprintf("; the rest takes %s after %s", Many(n, "day"), reset)
		}
		fmt.Fprintf(w, "today\t%s of %s requests are left%s%s%s\n", Count(leftToday(m, l.value)), Count(l.value), l.from, p.ofModel(m), more)
	}
}

// ofModel names a model if there are several.
func (p Plan) ofModel(m *jobs.Pace) string {
	if len(p.Plan.Pace) < 2 {
		return ""
	}
	return " of " + terminal.Name(m.Model)
}

// planModelJSON is [jobs.Pace] as JSON, with the limits that the plan takes into account;
// null: there is none, or it is not known.
type planModelJSON struct {
	Model       string          `json:"model"`
	Rows        int64           `json:"rows"`
	Calls       int64           `json:"calls,omitzero"`
	InputTokens int64           `json:"input_tokens"`
	RPM         *int64          `json:"rpm"`
	TPM         *int64          `json:"tpm"`
	RPD         *int64          `json:"rpd"`
	LeftToday   *int64          `json:"left_today,omitempty"`
	DaysMore    *int64          `json:"days_more,omitempty"`
	Learned     []quota.Learned `json:"learned"`
}

// models returns nil, which is written as null, if no model is to be asked.
func (p Plan) models() (models []sorted[planModelJSON]) {
	for i := range p.Plan.Pace {
		m := &p.Plan.Pace[i]
		record := planModelJSON{
			Model: m.Model, Rows: m.Rows, Calls: m.Calls, InputTokens: m.Tokens,
			RPM: known(p.rpm(m).value), TPM: known(p.tpm(m).value), RPD: known(p.rpd(m).value), Learned: m.Learned,
		}
		if rpd := record.RPD; rpd != nil && p.Plan.Batches == nil {
			record.LeftToday, record.DaysMore = new(leftToday(m, *rpd)), new(daysMore(m, *rpd))
		}
		models = append(models, sorted[planModelJSON]{record})
	}
	return models
}
