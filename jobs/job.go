package jobs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/control"
	"github.com/genbatch/genbatch/jobs/internal/critic"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/internal/mirror"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/planner"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Options are what a job needs of its surroundings. The zero value takes the
// process's own.
type Options struct {
	Env   func(string) string // nil: os.Getenv
	Stdin io.Reader           // read when the input is "-"; os.Stdin if nil
	Log   *slog.Logger        // warnings; discarded if nil

	// File is what the job file says, before flags and environment, if the Spec was made of
	// one. It is kept, so that [LoadFile] finds what a changed job file changes.
	File *Spec

	// Confirm asks the user whether to go on with what a sentence says: to pay again for
	// answers that are lost, or to replace what stdin held before. If it is nil, such a run
	// is refused with a SpecError.
	Confirm func(sentence string) bool

	// Fresh sets the journal aside that is there, once all has been checked that
	// can be, so that every row is asked again. See [Job.SetAside]. It also forgets the
	// learned limits of the models that the job asks.
	Fresh bool

	// Detach has a run in the tier batch submit what is to be asked, collect what is done by
	// now, and end without waiting for the rest. It is refused for other jobs.
	Detach bool

	// Model makes the attempts in the place of the endpoint's client: for tests, and for
	// models that are reached in another way. Nothing is kept of its quota for later
	// runs. Media are uploaded only if it has the method Files of [gemini.Client]. Nil
	// means the client of the Spec's endpoint.
	Model batch.Model

	// Observe, if not nil, is called with each row that a run asks, once its result is safe
	// in the journal. Calls come one at a time, in the order in which rows are answered, and
	// the run waits for them, so that a slow one slows it down. Of the Job's methods it may
	// call Progress only. A row that needs no call is not observed: one that is settled,
	// skipped, or copied. [Job.Rows] has them all.
	Observe func(*Row)

	// Around, if not nil, is given the configuration with which the engine runs over rows of the
	// job, and returns the one to use: with a Model, a Limiter or a Sink around its own, which
	// measures them. A row that a batch job has answered passes through too; see Request.Batch.
	Around func(batch.Config) batch.Config

	// Shared is what the job shares with processes on other machines. The zero value shares
	// nothing with them.
	Shared Shared

	// ShowBatch, if not nil, is called when a batch job of a run has come to another state.
	ShowBatch func(Batch)

	seams
}

// Shared is what processes on several machines share, each of which asks some rows of one job.
type Shared struct {
	Quota quota.Ledger // keeps the limits of the endpoint and the key; nil: this machine's folder does
	Purse Purse        // holds the MaxCost of the Spec; nil: the job has all of it

	// Proven is how many calls in flight the endpoint has answered a moment ago, to this process or
	// to another one. The run begins with so many, if no limit is known; 0 = with few.
	Proven int
}

// The seams are where tests take hold of a job. Their zero values are what users have.
type seams struct {
	fs           durable.FS        // in whose place tests put disks that fail
	transport    http.RoundTripper // in the place of the network
	segmentBytes int64             // of the journal; tests want several segments
	blobBytes    int               // of the journal; tests want short blobs
	batchRows    int64             // of a batch job at most; tests want several jobs
	batchPace    float64           // the factor of all waits for batch jobs; 0 is by the endpoint
}

// A Job is a Spec made ready: its input opened, its templates checked, its
// journal at hand. A Job is not safe for concurrent use, but for Progress,
// CountRows and Control. It may run several times; one that Open found up to date does not look at its
// input again.
type Job struct {
	spec    spec.Spec
	options Options // all that may be nil is filled in, but for Model and Stdin
	critic  *critic.Critic

	prompt  *prompt.Prompt
	media   *media.Parts // nil: no column has media
	columns output.Columns
	prices  *price.Table
	retry   map[batch.Status]bool

	list     *work.List
	state    *state.Folder
	copy     *mirror.Copy        // of the state, in an object store; nil: there is none
	journal  *journal.Journal    // nil: it has not been read
	upToDate *state.Manifest     // of the output, if Open found that nothing is to be asked; else nil
	counted  planner.TokenCounts // the prompts that CountTokens had counted

	conn     remote // of a job that can run
	progress progress
	control  *control.Control
}

// Close ends the use of a job. What was answered is safe without it. A state in an object store can
// be worked with by another machine at once, and not only after a while.
func (j *Job) Close() error {
	var err error
	if j.journal != nil {
		err = j.journal.Close()
	}
	return errors.Join(err, j.copy.Close(), j.state.Unlock(), j.conn.close())
}

// SetAside returns the folder in which the journal is kept that Options.Fresh has
// set aside. It is empty if there was none.
func (j *Job) SetAside() string { return j.state.Aside }

// Spec returns the job's description with absolute paths.
func (j *Job) Spec() Spec { return j.spec }

// Endpoint returns the name of the endpoint that the job asks, or its address. It is empty for
// a job that is only looked at.
func (j *Job) Endpoint() string {
	if j.conn.Client == nil {
		return ""
	}
	return j.conn.Endpoint.String()
}

// CountRows reads the input once and returns how many rows the job has. It can
// run beside Run. The error is that of ctx, or a [*reader.Error].
func (j *Job) CountRows(ctx context.Context) (int64, error) {
	if m := j.upToDate; m != nil {
		return m.Rows, nil
	}
	return j.list.Count(ctx)
}

// confirm returns nil if the user agrees to what a sentence says. hint is what else there
// is to do about it.
func (o *Options) confirm(hint, sentence string) error {
	if ask := o.Confirm; ask != nil && ask(sentence) {
		return nil
	}
	return spec.Errorf(hint+"add --yes to go on", "%s", sentence)
}

// around returns a configuration with what measures it.
func (o *Options) around(c batch.Config) batch.Config {
	if o.Around == nil {
		return c
	}
	return o.Around(c)
}

// Survey looks for what Run is to ask. It is nil for a new job, and for one with media.
func (j *Job) Survey(patience time.Duration) *Survey {
	if j.journal == nil || j.journal.Last() == 0 || j.media != nil {
		return nil
	}
	return j.list.Survey(time.Now().Add(patience))
}

// log returns where warnings go.
func (j *Job) log() *slog.Logger { return j.options.Log }

// warnInput says what is odd about how the input is read.
func (j *Job) warnInput() {
	j.critic.WarnInput(j.list.Input.Notes)
}

// sources are what the job's output is derived from.
func (j *Job) sources() state.Sources {
	return state.Sources{Spec: &j.spec, Inputs: j.list.Input.Paths(), Journal: j.journal, Media: j.media.LastSeen()}
}
