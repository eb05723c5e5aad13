package main

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
)

// A limit is a quota that a plan goes by, and where its number is from.
type limit struct {
	value int64 // 0: none is known
	from  string
}

// limitOf is the limit that the user gives, else the one that earlier runs learned.
func limitOf(given int, p *jobs.Pace, name string) limit {
	if given > 0 {
		return limit{int64(given), ""}
	}
	l, ok := p.Limit(name)
	if !ok {
		return limit{}
	}
	return limit{l.Value, fmt.Sprintf(", learned %s ago", oneUnit(time.Since(l.At)))}
}

// planTime is how long a run takes at the least, and by what. Each model has quotas of
// its own, and all are asked at once.
func planTime(p *jobs.Plan, spec *jobs.Spec) (longest time.Duration, by string) {
	most := func(d time.Duration, why string) {
		if d > longest {
			longest, by = d, why
		}
	}
	minutes := func(n, perMinute int64) time.Duration {
		return time.Duration(float64(n) / float64(perMinute) * float64(time.Minute))
	}
	concurrency := cmp.Or(spec.Concurrency, quota.DefaultConcurrency)
	most(time.Duration(float64(p.Ask())*float64(p.PerCall)/float64(concurrency)), fmt.Sprintf("%d calls at once of %s each, as so far", concurrency, duration(p.PerCall)))
	for i := range p.Pace {
		m := &p.Pace[i]
		if l := limitOf(spec.RPM, m, quota.LimitRPM); l.value > 0 {
			most(minutes(m.Rows, l.value), fmt.Sprintf("%s requests a minute%s%s", count(l.value), l.from, ofModel(p, m)))
		}
		if l := limitOf(spec.TPM, m, quota.LimitTPM); l.value > 0 {
			most(minutes(m.Tokens, l.value), fmt.Sprintf("%s a minute%s%s", tokens(l.value), l.from, ofModel(p, m)))
		}
		if l := limitOf(spec.RPD, m, quota.LimitRPD); l.value > 0 {
			if more := daysMore(m, l.value); more > 0 {
				most(time.Until(m.Reset)+time.Duration(more-1)*24*time.Hour, fmt.Sprintf("%s requests a day%s%s", count(l.value), l.from, ofModel(p, m)))
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

// daysMore is how many days it takes after today.
func daysMore(m *jobs.Pace, perDay int64) int64 {
	return (max(0, m.Rows-leftToday(m, perDay)) + perDay - 1) / perDay
}

// printDays prints what a quota of the day leaves of today.
func printDays(w io.Writer, p *jobs.Plan, spec *jobs.Spec) {
	for i := range p.Pace {
		m := &p.Pace[i]
		l := limitOf(spec.RPD, m, quota.LimitRPD)
		if l.value == 0 {
			if !m.ParkedUntil.IsZero() {
				fmt.Fprintf(w, "today\tthe quota of the day is used up%s, until %s\n", ofModel(p, m), m.Reset.Local().Format("Mon 2 Jan 15:04 MST"))
			}
			continue
		}
		more := ""
		if n := daysMore(m, l.value); n > 0 {
			more = fmt.Sprintf("; the rest takes %s after %s", many(n, "day"), m.Reset.Local().Format("Mon 2 Jan 15:04 MST"))
		}
		fmt.Fprintf(w, "today\t%s of %s requests are left%s%s%s\n", count(leftToday(m, l.value)), count(l.value), l.from, ofModel(p, m), more)
	}
}

// ofModel names a model where there are several.
func ofModel(p *jobs.Plan, m *jobs.Pace) string {
	if len(p.Pace) < 2 {
		return ""
	}
	return " of " + m.Model
}

// withTime adds to a plan's JSON how long it takes, and by what.
func withTime(out map[string]any, p *jobs.Plan, spec *jobs.Spec) map[string]any {
	if at, by := planTime(p, spec); at > 0 {
		out["least_seconds"], out["bound_by"] = at.Seconds(), by
	}
	var models []map[string]any
	for i := range p.Pace {
		m := &p.Pace[i]
		of := map[string]any{
			"model": m.Model, "rows": m.Rows, "input_tokens": m.Tokens,
			"rpm": limitOf(spec.RPM, m, quota.LimitRPM).value, "tpm": limitOf(spec.TPM, m, quota.LimitTPM).value,
			"rpd": limitOf(spec.RPD, m, quota.LimitRPD).value, "learned": m.Learned,
		}
		if perDay := of["rpd"].(int64); perDay > 0 {
			of["left_today"], of["days_more"] = leftToday(m, perDay), daysMore(m, perDay)
		}
		models = append(models, of)
	}
	out["models"] = models
	return out
}

// days writes a duration, and one of days in days too.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return duration(d)
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

// oneUnit writes how long ago something was, in one unit.
func oneUnit(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(max(0, d).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}
