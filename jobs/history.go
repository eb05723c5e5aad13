package jobs

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/internal/history"
	"github.com/genbatch/genbatch/jobs/internal/state"
)

// This file keeps how runs went.

// ReadHistory returns how the last runs of a state folder went, the oldest first. A run that
// found its output up to date has left nothing. There are none if the folder has no history.
// A process may be running the job meanwhile. The error is a fault of the disk.
func ReadHistory(dir string) ([]RunHistory, error) { return history.Read(state.HistoryPath(dir)) }

// Samples returns how the run, or the last one, went after the sample with the number since;
// 0 means from its beginning. There are at most 2,000, the oldest first, and there are none
// before the first second of a run has passed. Samples is safe to call at any time, from any
// goroutine.
func (j *Job) Samples(since int64) []Sample {
	p := &j.progress
	p.mu.Lock()
	r := p.history
	p.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.Samples(since)
}

// keepHistory records how the run goes until stop is called.
func (j *Job) keepHistory() (stop func()) {
	r := history.Start(history.Config{
		Path: state.HistoryPath(j.state.Dir),
		Run:  RunHistory{Model: j.spec.Model, Endpoint: j.conn.Endpoint.String()},
		Take: j.sample,
		Warn: func(text string) { j.log().Warn(text) },
	})
	p := &j.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	p.history = r
	return r.Stop
}

// sample says how the run is.
func (j *Job) sample() Sample {
	p := j.Progress()
	limits := j.progress.limits(p.Quota.Tier)
	s := Sample{
		Rows: p.Run.Rows, OK: p.Run.Status[batch.OK], Failed: p.Run.Rows - p.Run.Status[batch.OK],
		Attempts: p.Attempts, Refused: p.Refused, Faults: p.Faults,
		InFlight: p.Calls, Waiting: p.Waiting, Queued: int64(p.Quota.Waiting),
		RPM: limit(limits.RPM.Value), TPM: limit(limits.TPM.Value), Concurrency: limit(limits.Concurrency.Value), Limit: p.Quota.Limit, Paused: !p.PausedSince.IsZero(),
	}
	for _, m := range p.Run.Models {
		s.InputTokens += m.PromptTokens + m.ToolTokens
		s.OutputTokens += m.OutputTokens + m.ThoughtsTokens
	}
	cost, _ := p.Run.CostUSD()
	s.CostPicoUSD = int64(cost)
	return s
}

// limit returns a limit in force, or nil if none is known.
func limit(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// limits returns the limits in force. The calls in flight are those of the tier.
func (p *progress) limits(tier string) (limits quota.Limits) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limiter == nil {
		return limits
	}
	limits = p.limiter.Limits()
	if p.flex != nil && tier == "flex" {
		limits.Concurrency = p.flex.Limits().Concurrency
	}
	return limits
}
