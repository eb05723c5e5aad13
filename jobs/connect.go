package jobs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/internal/connection"
	"github.com/genbatch/genbatch/jobs/internal/logprobs"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file keeps a job to the endpoint and the quota that are its own.

// A remote is the endpoint, with what the job has there. The zero value is that of a job that
// is only looked at.
type remote struct {
	connection.Connection
	uploads *media.Uploads    // of a run with media, where the endpoint has a Files API
	batches *batchstate.Store // the record of batch jobs; nil until a run has opened it

	logprobs *logprobs.Watch // nil: the job asks for none
}

func (r *remote) close() error {
	var err error
	if r.batches != nil {
		err = r.batches.Close()
	}
	return errors.Join(err, r.Connection.Close())
}

// records returns what is known of the job's batch jobs.
func (r *remote) records() []Batch {
	if r.batches == nil {
		return nil
	}
	return r.batches.Records()
}

// connection returns what the job's connection needs of its surroundings.
func (o *Options) connection() connection.Options {
	return connection.Options{Env: o.Env, Log: o.Log, Model: o.Model, FS: o.fs, Transport: o.transport}
}

// checkSimulated refuses an endpoint whose answers are real if those of the journal in dir
// are made up, and the other way round. The endpoint is no part of a row's identity, so
// without it a job that was tried with the simulator would count as answered.
func checkSimulated(jl *journal.Journal, dir string, e gemini.Endpoint) error {
	switch simulated, known, err := simulatedBefore(jl); {
	case err != nil:
		return err
	case !known:
	case simulated && !connection.IsLocal(e):
		return spec.Errorf("set them aside with --fresh, or choose another --output",
			"the answers in %s were made up by the simulator", dir)
	case !simulated && e.Simulated:
		return spec.Errorf("choose another --output", "%s holds real answers, which the simulator's would be mixed with", dir)
	}
	return nil
}

// simulatedBefore reports whether the answers in a journal were made up; known is
// false when it has none.
func simulatedBefore(jl *journal.Journal) (simulated, known bool, err error) {
	for r, err := range journal.Readable(jl) {
		if err != nil {
			return false, false, err
		}
		if r.ModelVersion != "" {
			return cost.IsSimulated(r.ModelVersion), true, nil
		}
	}
	return false, false, nil
}

// watchLogprobs returns what looks after log probabilities at an endpoint, or nil if the job
// does not ask for them.
func watchLogprobs(j *Job, e gemini.Endpoint) *logprobs.Watch {
	if j.spec.Classify == nil || j.spec.Classify.Confidence != spec.Logprobs {
		return nil
	}
	return logprobs.New(logprobs.Config{
		Endpoint: e.String(), Dir: connection.LogprobsDir(j.options.connection(), e), Anew: j.spec.NoPreflight, FS: j.state.FS, Log: j.log(),
	})
}

// checkLogprobs refuses to ask rows of a list for log probabilities that are known not to be
// served. Batch jobs that are under way are collected first, and models that rows choose are
// found out as they come.
func checkLogprobs(j *Job, w *logprobs.Watch, list *work.List) error {
	f := w.Fault(j.spec.Model, spec.ByBatch(&j.spec))
	if f == nil || j.prompt.Varies("model") {
		return nil
	}
	if sent, err := batchstate.View(j.state.Dir); err != nil || len(sent.Live()) > 0 {
		return err
	}
	if n, err := list.CountAsked(); n == 0 {
		return err
	}
	return spec.Errorf(f.Hint, "%s", f.Message)
}

// quotaStore is where the day's count and the learned limits are kept for all jobs of this
// user on this machine; nil where nothing is to be kept. It is the one that a run would use if
// the job is only looked at.
func (j *Job) quotaStore() *quota.Store {
	if j.conn.Client == nil {
		return connection.PlannedStore(&j.spec, j.options.connection())
	}
	if l := j.options.Shared.Quota; l != nil {
		return j.conn.SharedStore(&j.spec, l, j.options.connection())
	}
	return j.conn.Store(&j.spec, j.options.connection())
}

// QuotaDir is the folder in which the runs of the user leave what they know of limits, for
// [quota.List] and [quota.Store]. It is empty if the environment names no folder for state.
func QuotaDir(env func(string) string) string { return connection.QuotaDir(env) }

// forgetLimits forgets what earlier runs learned about the limits of the models that rows
// ask. If it cannot, the run begins with what was learned.
func (j *Job) forgetLimits() {
	store := j.quotaStore()
	if store == nil {
		return
	}
	var forgot []string
	var err error
	for model, broken := range j.list.Models() {
		if err = broken; err != nil {
			break
		}
		learned := store.Peek(model).Learned
		if err = store.Forget(model); err != nil {
			break
		}
		for _, l := range learned {
			forgot = append(forgot, fmt.Sprintf("%v (model %s)", l, model))
		}
	}
	if len(forgot) > 0 {
		j.log().Info("forgot: " + strings.Join(forgot, "; "))
	}
	if err != nil {
		j.log().Warn(fmt.Sprintf("learned limits cannot be forgotten: %v; the run begins with them", err))
	}
}
