package jobs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// Options are what a job needs of its surroundings. The zero value takes the
// process's own.
type Options struct {
	Env   func(string) string // nil: os.Getenv
	Stdin io.Reader           // read when the input is "-"; nil: os.Stdin
	Log   *slog.Logger        // warnings; nil: discarded

	// Fresh sets the journal aside that is there, once all has been checked that
	// can be, so that every row is asked again. See [Job.SetAside].
	Fresh bool

	fs           durable.FS // of tests, which make writes fail
	segmentBytes int64      // of tests, which want several segments
}

// A Job is a Spec made ready: its input opened, its templates checked, its
// journal at hand. A Job is not safe for concurrent use, but for Progress.
type Job struct {
	spec    spec.Spec
	env     func(string) string
	log     *slog.Logger
	warn    *warnings
	prompt  *prompt.Prompt
	media   *media.Parts // nil: no column has media
	columns []resultColumn
	prices  *price.Table
	input   *reader.Input
	names   []string          // the input's columns, as far as they are known
	sampled map[batch.ID]bool // nil: all rows
	retry   map[batch.Status]bool
	counted seenModels // of the prompts that CountTokens had counted

	disk
	connection // of a job that can run
	progress   progress
}

// A disk is how a job reaches its state folder.
type disk struct {
	fs      durable.FS    // all that the job writes, it writes with it
	lock    *durable.Lock // nil: opened for reading
	journal *journal.Journal

	aside string // where the journal went that --fresh set aside

	segmentBytes int64 // of the journal; 0: its default
}

// Open makes a job ready to run: it checks all that can be checked without
// sending anything, takes the job's lock, and reads its journal. Its errors are
// SpecErrors where the user is to mend something, a *durable.LockedError when
// another process runs the job, and faults of the disk. Close the job after use.
func Open(s spec.Spec, o Options) (*Job, error) {
	j, err := prepare(s, o)
	if err != nil {
		return nil, err
	}
	if err := j.openForWriting(o); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// View makes a job ready to be looked at: its journal is read as it stands, also
// while another process runs the job.
func View(s spec.Spec, o Options) (*Job, error) {
	j, err := prepare(s, o)
	if err != nil {
		return nil, err
	}
	j.journal, err = viewJournal(j.spec.StateDir())
	if err == nil {
		err = j.openInput()
	}
	if err == nil {
		err = j.chooseSample()
	}
	if err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// prepare does what needs neither input nor state.
func prepare(s spec.Spec, o Options) (*Job, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	s.Tier = s.Tiers()
	if err := s.MakeAbsolute(); err != nil {
		return nil, err
	}
	if err := s.ReadTexts(); err != nil {
		return nil, err
	}
	j := &Job{spec: s, env: o.Env, log: o.Log, warn: newWarnings(), disk: disk{fs: o.fs, segmentBytes: o.segmentBytes}}
	if j.env == nil {
		j.env = os.Getenv
	}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if j.prompt, err = prompt.New(&s); err != nil {
		return nil, err
	}
	j.columns = newColumns(&s, j.prompt.Columns())
	if err := checkNames(j.columns); err != nil {
		return nil, err
	}
	j.prices = price.Default()
	if s.Prices != "" {
		if j.prices, err = price.LoadFile(s.Prices); err != nil {
			return nil, &spec.Error{Err: err}
		}
	}
	for _, text := range s.Retry {
		st := batch.Status(text)
		if !slices.Contains(batch.Statuses, st) || st == batch.Skipped || st == batch.Pending {
			return nil, spec.Errorf("use blocked, truncated, empty, invalid, rejected or failed", "retry names the status %q", text)
		}
		if j.retry == nil {
			j.retry = make(map[batch.Status]bool)
		}
		j.retry[st] = true
	}
	if j.media, err = media.New(&s); err != nil {
		return nil, err
	}
	return j, nil
}

// openForWriting takes the lock and opens input and journal. The state folder is
// made last, so that a mistake in the job leaves nothing behind, but for stdin,
// which is kept there.
func (j *Job) openForWriting(o Options) error {
	spooled := slices.Contains(j.spec.Input, "-")
	if !spooled {
		if err := j.openRows(); err != nil {
			return err
		}
	}
	if err := j.checkOutput(); err != nil {
		return err
	}
	if err := j.checkFiles(j.spec.Output, j.spec.Force); err != nil {
		return err
	}
	var err error
	if j.failures, err = spec.ParseFailures(j.spec.MaxFailures); err != nil {
		return err
	}
	if err := j.checkBudget(); err != nil {
		return err
	}
	if j.progress.upToDate == nil {
		if err := j.checkFlight(); err != nil {
			return err
		}
	}
	if _, err := j.spec.DeadlineAt(time.Now()); err != nil {
		return err
	}
	if err := j.connect(); err != nil {
		return err
	}
	dir := j.spec.StateDir()
	if o.Fresh && durable.IsDir(dir) {
		if j.aside, err = setAside(j.fs, dir); err != nil {
			return err
		}
	}
	if err := j.fs.MkdirAll(dir); err != nil {
		return err
	}
	lock, err := j.fs.Lock(filepath.Join(dir, lockFile))
	if err != nil {
		return err
	}
	j.lock = lock
	j.removeTemps()
	if spooled {
		if err := j.spool(o.Stdin); err != nil {
			return err
		}
		if err := j.openRows(); err != nil {
			return err
		}
	}
	if j.progress.upToDate != nil {
		// What was seen before the lock was ours counts only if it still holds.
		if j.progress.upToDate = j.recall(); j.progress.upToDate != nil {
			return nil
		}
		if err := j.openRows(); err != nil {
			return err
		}
	}
	return j.openJournal()
}

// Close ends the use of a job. What was answered is safe without it.
func (j *Job) Close() error {
	var err error
	if j.journal != nil {
		err = j.journal.Close()
	}
	if j.lock != nil {
		err = errors.Join(err, j.lock.Unlock())
	}
	if j.sim != nil {
		err = errors.Join(err, j.sim.Close())
	}
	return err
}

// SetAside returns the folder in which the journal is kept that Options.Fresh has
// set aside; empty: there was none.
func (j *Job) SetAside() string { return j.aside }

// Spec returns the job's description with absolute paths.
func (j *Job) Spec() spec.Spec { return j.spec }

// rows ranges over the input's rows, as far as --limit goes.
func (j *Job) rows() iter.Seq2[*batch.Row, error] {
	return func(yield func(*batch.Row, error) bool) {
		n := 0
		for row, err := range j.input.Rows() {
			if j.spec.Limit > 0 && n == j.spec.Limit {
				return
			}
			n++
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&row, nil) {
				return
			}
		}
	}
}

// An item is one row of the job, with the request that it renders to and what
// the journal knows of it.
type item struct {
	row   *batch.Row
	req   *batch.Request // nil: the row is bad
	err   error          // why it is bad
	entry journal.Entry
	known bool // whether the journal has a result

	// copied says that the row shares the call, and the entry, of the first row with
	// the same request: with --dedupe, unless it has an answer of its own.
	copied bool
}

// items ranges over the job's rows in input order. A broken source is the second
// value, and the last.
func (j *Job) items() iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		pass, clash := j.journal.Pass(), j.newClash()
		for row, err := range j.rows() {
			if err != nil {
				yield(item{}, err)
				return
			}
			it := j.item(row, clash, pass)
			if j.sampled != nil && (it.req == nil || !j.sampled[it.req.ID()]) {
				continue
			}
			if it.req != nil && !it.known {
				// What has an answer keeps it, whatever is known of its request by now.
				if err := j.refused(it.req); err != nil {
					it.req, it.err = nil, fmt.Errorf("%s: %w", row.Place(), err)
				}
			}
			if !yield(it, nil) {
				return
			}
		}
	}
}

func (j *Job) item(row *batch.Row, clash *clash, pass *journal.Pass) item {
	it := item{row: row}
	if it.req, it.err = j.request(row, clash); it.err == nil {
		it.req.Occurrence, it.entry, it.known = pass.Next(it.req.Fingerprint)
		if it.copied = j.spec.Dedupe && it.req.Occurrence > 0 && !it.known; it.copied {
			it.entry, it.known = j.journal.Lookup(it.req.Fingerprint, 0)
		}
	}
	return it
}

// request returns what a row renders to. An error is the row's.
func (j *Job) request(row *batch.Row, clash *clash) (*batch.Request, error) {
	if row.Err != nil {
		return nil, row.Err
	}
	model, body, err := j.prompt.Render(row)
	var media []batch.Media
	mediaTokens := 0
	if err == nil && j.media != nil {
		body, media, mediaTokens, err = j.media.Add(row, body)
	}
	if err == nil {
		err = clash.check(row)
	}
	var f batch.Fingerprint
	switch {
	case err != nil:
	case j.prompt.Canonical() && j.media == nil: // media change the body
		f = batch.FingerprintOfCanonical(model, body)
	default:
		f, err = batch.FingerprintOf(model, body)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", row.Place(), err)
	}
	return &batch.Request{
		Row:         row.Number,
		Key:         j.key(row),
		Model:       model,
		Fingerprint: f,
		Body:        body,
		Media:       media,
		InputTokens: prompt.EstimateTokens(body) + mediaTokens,
	}, nil
}

// A clash finds result columns' names in rows whose columns were not known before.
// It is for one reading of the input.
type clash struct {
	result []batch.Column
	none   []batch.Column // of a row that has none of the names: mostly the next row's too
}

func (j *Job) newClash() *clash {
	if j.input.KnownColumns() {
		return &clash{}
	}
	return &clash{result: j.resultColumns()}
}

func (c *clash) check(row *batch.Row) error {
	if len(row.Columns) == 0 || len(row.Columns) == len(c.none) && &row.Columns[0] == &c.none[0] {
		return nil
	}
	for _, r := range c.result {
		if _, taken := row.Value(r.Name); taken {
			return fmt.Errorf("the row has a column %q, and so have the results; give those a --prefix", r.Name)
		}
	}
	c.none = row.Columns
	return nil
}

// settled reports whether the row of an entry needs no call.
func (j *Job) settled(e journal.Entry) bool { return e.Status.Settled() && !j.retry[e.Status] }

// checkOutput refuses to replace a file that this job did not write.
func (j *Job) checkOutput() error {
	if _, err := writer.FormatOf(j.spec.Output, j.spec.OutputFormat); err != nil {
		return &spec.Error{Err: err}
	}
	info, err := os.Stat(j.spec.Output)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if parent := filepath.Dir(j.spec.Output); !durable.IsDir(parent) {
			return spec.Errorf("make it first", "the output's folder %s does not exist", parent)
		}
		return nil
	case err != nil:
		return &spec.Error{Err: err}
	case info.IsDir():
		return spec.Errorf("name a file in it", "the output %s is a folder", j.spec.Output)
	case j.spec.Force:
		return nil
	}
	if j.ownOutput(info) {
		return nil
	}
	what := "was not written by this job"
	if _, err := readManifest(j.spec.StateDir()); err == nil {
		what = "is not as this job has written it"
	}
	return spec.Errorf("choose another --output, or replace it with --force", "%s exists and %s", j.spec.Output, what)
}
