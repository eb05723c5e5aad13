package batchstate

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/jobs/record"
)

// Life is how long a job may be pending or running, and safe how long its results are sure to
// be kept: the guide says six weeks, and results were lost after some days.
// https://ai.google.dev/gemini-api/docs/batch-api
const (
	Life = 48 * time.Hour
	safe = 48 * time.Hour
)

// Vertex AI lets a job wait, and then run, for so long.
// https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-gemini
const (
	vertexWait = 72 * time.Hour
	vertexRun  = 24 * time.Hour
)

// onVertex reports whether the job is one of Vertex AI, by its name there.
func (j *Job) onVertex() bool { return strings.HasPrefix(j.Name, "projects/") }

// life returns for how long after its creation the job may go on.
func (j *Job) life() time.Duration {
	switch {
	case !j.onVertex():
		return Life
	case cmp.Or(j.State, batches.Pending) == batches.Pending:
		return vertexWait
	}
	return vertexWait + vertexRun
}

// Records returns what is known of all batch jobs, the oldest first.
func (s *Store) Records() (all []record.Batch) {
	for _, j := range s.jobs {
		all = append(all, j.Record())
	}
	return all
}

// Record returns what is known of the job.
func (j *Job) Record() record.Batch {
	b := record.Batch{
		ID: j.ID, Name: j.Name, Endpoint: j.Endpoint, Model: j.Model, Live: j.Live(), Rows: j.Rows, Created: j.Created, Why: j.Why,
		Answered: j.Answered, Invalid: j.Invalid, Missing: j.Missing, Others: j.Others,
	}
	if j.Cancel != nil && (j.Why == "" || j.State == batches.Cancelled) {
		b.Why = j.Cancel.Why // what the endpoint says of a job that it has cancelled is no reason
	}
	switch j.Step {
	case Intent, Uploaded:
		b.State = "submitting"
	case Created, Running:
		b.State = string(cmp.Or(j.State, batches.Pending))
		if j.Cancel != nil {
			b.State = string(batches.Cancelling)
		}
		b.Expires = j.Created.Add(j.life())
	case Ended, Fetched:
		b.State = "collecting"
		if !j.onVertex() { // whose results stay in the user's own bucket
			b.Keeps = j.At.Add(safe)
		}
	case Dropped:
		b.State = "dropped"
	default:
		b.State = "collected"
	}
	return b
}

// Find asks the endpoint after the jobs of a record. It returns the records of all of them,
// those that are at work as they are now, and what the endpoint lists by the mark of the
// record's jobs, and the record does not know.
func Find(ctx context.Context, s *Store, service *batches.Service) (known, unknown []record.Batch, err error) {
	byName := make(map[string]*Job)
	for _, j := range s.jobs {
		for _, name := range append(j.Others, j.Name) {
			byName[name] = j
		}
	}
	listed := make(map[string]bool)
	for remote, lerr := range service.List(ctx, DisplayPrefix+s.folder) {
		if lerr != nil {
			err = lerr
			break
		}
		listed[remote.Name] = true
		j := byName[remote.Name]
		switch {
		case j == nil:
			u := (&Job{ID: remote.DisplayName, Step: Created, Model: remote.Model, Size: Size{Rows: remote.Rows}, Remote: Remote{Name: remote.Name, Created: remote.Created, State: remote.State}}).Record()
			u.Live = !remote.State.Ended()
			unknown = append(unknown, u)
		case j.Name == remote.Name && j.AtWork():
			j.State = remote.State
		}
	}
	for _, j := range s.jobs {
		if err == nil && j.AtWork() && !listed[j.Name] {
			j.Why = "the endpoint does not list it for this key"
		}
	}
	return s.Records(), unknown, err
}
