package jobs

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/internal/connection"
	"github.com/genbatch/genbatch/jobs/internal/control"
	"github.com/genbatch/genbatch/jobs/internal/critic"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/reader"
)

// This file makes jobs ready: to run, with the lock and all checks, or to be looked at.

// Open makes a job ready to run: it checks all that can be checked without
// sending anything, takes the job's lock, and reads its journal. Close the job after use.
//
// The error is a [*SpecError] if the user is to mend something, which wraps a
// [*reader.Error] with the place if it is the input, and an [*OutputError] if a file at the
// output's path is not to be replaced. It is a [*LockedError] if another process runs the
// job. Any other error is a fault of the disk.
func Open(s Spec, o Options) (*Job, error) {
	j, err := prepareToWrite(s, o)
	if err != nil {
		return nil, err
	}
	if err := j.openForWriting(); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// View makes a job ready to be looked at: its journal is read as it stands, also
// while another process runs the job. The error is a [*SpecError], or a fault of the disk.
func View(s Spec, o Options) (*Job, error) {
	j, err := prepare(s, o)
	if err != nil {
		return nil, err
	}
	if j.journal, err = state.ViewJournal(j.state.Dir); err == nil {
		err = j.openInput()
	}
	if err == nil {
		j.list.Use(j.journal)
		err = j.takeSample()
	}
	if err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// LoadState returns the Spec that a state folder was last run with. Of the address of a state in an
// object store it returns one whose State is a folder of this machine with what is there now. Paths in it are where
// the files are now, if the folder was moved. The error is a [*SpecError]; it wraps
// [fs.ErrNotExist] if no run has left its state in the folder.
func LoadState(dir string) (*Spec, error) {
	brought, err := bringState(&Spec{State: dir}, os.Getenv)
	if err != nil {
		return nil, err
	}
	if brought == "" {
		return state.LoadSpec(dir)
	}
	s, err := state.LoadSpec(brought)
	if err != nil {
		return nil, nothingYet(brought, dir, err)
	}
	return s, nil
}

// LoadFile returns the job of a job file as the same command would run it now: what the file
// says, and what flags and environment said when it was last run. changed names the keys by
// which it differs from that run. The error is a [*SpecError]; it wraps [fs.ErrNotExist] if
// the job was not run yet.
func LoadFile(file Spec) (job *Spec, changed []string, err error) {
	address := file.State
	if err := lookAt(&file, os.Getenv); err != nil {
		return nil, nil, err
	}
	if err := detach(&file); err != nil {
		return nil, nil, err
	}
	job, changed, err = state.LoadFile(&file)
	if err != nil && objects.IsAddress(address) {
		err = nothingYet(file.StateDir(), address, err)
	}
	return job, changed, err
}

// detach makes a Spec independent of the working folder and of the files with its texts.
func detach(s *Spec) error {
	s.Tier = s.Tiers()
	if err := s.MakePathsAbsolute(); err != nil {
		return err
	}
	return s.ReadFiles()
}

// prepare does what needs neither input nor state, of a job that is only looked at.
func prepare(s Spec, o Options) (*Job, error) {
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if err := s.ResolveShard(o.Env); err != nil {
		return nil, err
	}
	if err := lookAt(&s, o.Env); err != nil {
		return nil, err
	}
	return makeReady(s, o, "")
}

// prepareToWrite is prepare for a job whose state is to be written. If that is in an object store, the
// job has the lock of its folder and the lease of the copy afterwards.
func prepareToWrite(s Spec, o Options) (*Job, error) {
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if err := s.ResolveShard(o.Env); err != nil {
		return nil, err
	}
	address, folders, err := findCopied(&s, o.Env)
	if err != nil {
		return nil, err
	}
	if address != "" {
		s.State = jobDirOf(folders.Work)
	}
	return makeReady(s, o, address)
}

// makeReady makes a job of a Spec whose state is in a folder of this machine, which is copied to an
// address unless that is empty.
func makeReady(s Spec, o Options, copied string) (_ *Job, err error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if o.Detach && !spec.ByBatch(&s) {
		return nil, spec.Errorf("add --tier batch, or leave it out", "--detach is given, and the job does not go by batch: single calls end with the run")
	}
	if o.Detach && spec.StartsSimulator(spec.EndpointOptions(&s)) {
		return nil, spec.Errorf("start genbatch simulate, and give its address with --base-url",
			"--detach is given, and the simulator that a run starts ends with it, and so do its batches")
	}
	if err := detach(&s); err != nil {
		return nil, err
	}
	if err := state.CheckAccess(s.StateDir()); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	j := &Job{
		spec: s, options: o,
		state: &state.Folder{Dir: s.StateDir(), Output: s.Output, FS: o.fs},
	}
	j.control = control.New(&j.spec)
	if copied != "" {
		defer func() {
			if err != nil {
				err = errors.Join(err, j.Close())
			}
		}()
		if err := takeCopy(j, copied); err != nil {
			return nil, err
		}
	}
	wording := prompt.Wording
	if !o.Fresh {
		wording = state.WordingOf(j.state.Dir, wording)
		if changed := state.ReadsElse(j.state.Dir, &s); len(changed) > 0 {
			j.log().Warn(fmt.Sprintf("%s was begun with another %s: rows that read otherwise now are asked, and paid for, anew (genbatch plan says how many)", j.state.Dir, strings.Join(changed, ", ")))
		}
		if other := state.OtherJob(j.state.Dir, &s); other != "" {
			j.log().Warn(fmt.Sprintf("%s is the state of another job, whose output is %s and whose input is another: name a --state for each job", j.state.Dir, other))
		}
	}
	if j.prompt, err = prompt.New(&j.spec, wording); err != nil {
		return nil, err
	}
	if j.columns, err = output.NewColumns(&j.spec, j.prompt); err != nil {
		return nil, err
	}
	if j.prices, err = s.PriceTable(); err != nil {
		return nil, err
	}
	j.critic = critic.New(&j.spec, j.prompt, j.prices, o.Log)
	if j.retry, err = s.RetryStatuses(); err != nil {
		return nil, err
	}
	if j.media, err = media.Of(&j.spec); err != nil {
		return nil, err
	}
	return j, nil
}

// openInput opens the input of a job that does not run, and checks the job against its
// columns.
func (j *Job) openInput() error {
	in, err := j.openReader()
	if err != nil {
		return err
	}
	if err := j.makeList(in); err != nil {
		return err
	}
	return j.checkKeys()
}

// openForWriting takes the lock and opens input and journal. The state folder is
// made last, so that a mistake in the job leaves nothing behind, but for stdin,
// which is kept there.
func (j *Job) openForWriting() error {
	spooled := slices.Contains(j.spec.Input, "-")
	if !spooled {
		if err := j.openRows(); err != nil {
			return err
		}
	}
	// A journal that is gone is asked about first: the output that it has left would be
	// refused as somebody else's.
	var lost *state.Loss
	var err error
	if j.upToDate == nil && !j.options.Fresh && !isShard(j) && !state.HasResults(j.state.Dir) { // Fresh asks by itself
		if lost = j.loss(0); lost != nil {
			if err := j.options.confirm(state.LossHint, lost.String()); err != nil {
				return err
			}
		}
	}
	if lost != nil && lost.Disowned {
		j.spec.Force = true
	}
	if err := j.checkRun(); err != nil {
		return err
	}
	if err := state.BoundCalls(&j.spec, quota.DefaultConcurrency, j.log()); err != nil {
		return err
	}
	if j.conn.Connection, err = connection.Open(&j.spec, j.options.connection()); err != nil {
		return err
	}
	j.conn.logprobs = watchLogprobs(j, j.conn.Endpoint)
	if !j.state.Locked() {
		if err := checkBeside(j); err != nil { // before anything is made
			return err
		}
	}
	if j.options.Fresh && durable.IsDir(j.state.Dir) {
		if err := checkFresh(j.state.Dir); err != nil {
			return err
		}
		if err := j.state.SetAside(); err != nil {
			return err
		}
	}
	if err := lock(j); err != nil {
		return err
	}
	if err := checkBeside(j); err != nil {
		return err
	}
	j.removeTemps()
	if lost != nil && lost.Disowned {
		if err := state.Adopt(j.state); err != nil {
			return err
		}
	}
	if spooled {
		err := j.state.Spool(j.options.Stdin, spec.StdinFormat(&j.spec), func(sentence string) error {
			if j.spec.Force {
				return nil
			}
			return j.options.confirm("choose another --output, or ", sentence)
		}, func(sentence string) { j.log().Warn(sentence) })
		if err != nil {
			return err
		}
		if err := j.openRows(); err != nil {
			return err
		}
	}
	if j.copy.Pending() && j.upToDate != nil {
		j.upToDate = nil
		if err := j.makeList(j.list.Input); err != nil {
			return err
		}
	}
	if j.upToDate != nil {
		// What was seen before the lock was ours counts only if it still holds.
		if j.findUpToDate(j.list.Input); j.upToDate != nil {
			return nil
		}
		if err := j.openRows(); err != nil {
			return err
		}
	}
	if err := j.openJournal(); err != nil {
		return err
	}
	if err := beginShard(j); err != nil {
		return err
	}
	if j.options.Fresh {
		j.forgetLimits()
	}
	return nil
}

// lock makes the state folder and takes its lock, unless the job has it.
func lock(j *Job) error {
	if j.state.Locked() {
		return nil
	}
	if err := j.state.Create(); err != nil {
		return err
	}
	return j.state.Lock()
}

// checkRun checks what a run needs before it connects.
func (j *Job) checkRun() error {
	if err := j.checkOutput(); err != nil {
		return err
	}
	if !isShard(j) {
		if err := j.deriver().CheckFiles(j.spec.Output, j.spec.Force); err != nil {
			return err
		}
	}
	if j.upToDate == nil {
		if err := j.critic.CheckFlight(); err != nil {
			return err
		}
	}
	if err := j.critic.CheckGuards(); err != nil || j.upToDate != nil {
		return err
	}
	return state.TryOutput(j.state)
}

// openRows opens the input of a run, and sees whether there is anything to do. With
// --strict it reads all of it first.
func (j *Job) openRows() error {
	in, err := j.openReader()
	if err != nil {
		return err
	}
	if err := j.state.CheckPaths(j.spec.Input, in.Paths()); err != nil {
		return err
	}
	j.findUpToDate(in)
	if err := j.makeList(in); err != nil || j.upToDate != nil {
		return err
	}
	if err := j.list.CheckMeant(j.log()); err != nil {
		return err
	}
	if err := j.checkKeys(); err != nil || !j.spec.Strict {
		return err
	}
	return j.list.Check()
}

// findUpToDate sets upToDate. The files that rows name would have to be looked at, so
// that a job with media never is.
func (j *Job) findUpToDate(in *reader.Input) {
	j.upToDate = nil
	if sent, err := batchstate.View(j.state.Dir); err != nil || len(sent.Live()) > 0 {
		return // what was paid for is collected, though no row may ask for it any more
	}
	if j.media == nil && !isShard(j) { // which has no output
		j.upToDate = j.state.UpToDate(state.Sources{Spec: &j.spec, Inputs: in.Paths()}, j.retry)
	}
}

// openReader opens the input's files.
func (j *Job) openReader() (*reader.Input, error) {
	paths := slices.Clone(j.spec.Input)
	for i, p := range paths {
		if p == "-" {
			spool, err := j.state.Spooled()
			if err != nil {
				return nil, err
			}
			paths[i] = spool
		}
		if j.spec.Output == paths[i] {
			return nil, spec.Errorf("write to another file", "%s is input and output", p)
		}
	}
	in, err := reader.Open(spec.ReaderConfig(&j.spec, paths))
	if err != nil {
		return nil, &spec.Error{Err: err}
	}
	return in, nil
}

// makeList makes the list of the job's rows, and checks the job against their columns.
func (j *Job) makeList(in *reader.Input) (err error) {
	key := j.spec.Key
	if key == "" && j.spec.Raw != nil {
		key = work.RawKey
	}
	j.list, err = work.NewList(work.Config{
		Input: in, Prompt: j.prompt, Media: j.media,
		Limit: j.spec.Limit, Dedupe: j.spec.Dedupe, RowsPerCall: j.spec.RowsPerCall, Key: key, Retry: j.retry,
		AllowSame: j.spec.AllowSamePrompt, AllowEmpty: j.spec.AllowEmptyText,
		Reserved: j.columns.Names(), Refuse: j.critic.Refused,
	})
	if err != nil {
		return err
	}
	if !j.options.Fresh {
		j.list.SetPiloted(state.PilotsIn(j.state.Dir))
	}
	return j.checkColumns()
}

// openJournal reads the journal, and what only its reader needs, unless that was
// done. Open leaves it out for a job that is up to date.
func (j *Job) openJournal() (err error) {
	if j.journal != nil {
		return nil
	}
	if j.journal, err = journal.Open(journal.Config{Dir: j.state.Dir, FS: j.state.FS, SegmentBytes: j.options.segmentBytes, BlobBytes: j.options.blobBytes}); err != nil {
		return err
	}
	if err := importAside(j); err != nil {
		return err
	}
	j.list.Use(j.journal)
	if lost := j.loss(j.journal.Last()); lost != nil && j.journal.Last() > 0 { // else it was asked about
		j.log().Warn(lost.String())
	}
	madeGood, err := j.state.InvalidateStale(j.journal.Last())
	if err != nil {
		return err
	}
	for _, d := range j.journal.Damage() {
		if slices.Contains(madeGood, d.Error()) {
			continue
		}
		j.log().Warn("the journal is damaged: " + d.Error() + "; the rows concerned are asked again")
	}
	if err := checkSimulated(j.journal, j.state.Dir, j.conn.Endpoint); err != nil {
		return err
	}
	var file *Spec
	if o := j.options.File; o != nil {
		f := *o
		if detach(&f) == nil { // else a flag stands in the place of a file that is not there
			file = &f
		}
	}
	asksElse, err := j.state.SaveSpec(&j.spec, file, j.prompt.Wording())
	if err != nil {
		return err
	}
	if asksElse != "" {
		j.log().Warn(j.state.Dir + " " + asksElse + " (genbatch plan says how many)")
	}
	return j.takeSample()
}

// takeSample restricts the list to the rows of --sample.
func (j *Job) takeSample() (err error) {
	if j.spec.Sample > 0 {
		j.list, err = j.list.Sample(j.spec.Sample)
	}
	return err
}

// removeTemps removes what killed runs have left of the files that only the holder
// of the lock writes.
func (j *Job) removeTemps() {
	if err := errors.Join(j.state.RemoveTemps(), output.RemoveTemps(j.spec.Output)); err != nil {
		// They take space, and do no harm.
		j.log().Warn("what an interrupted run left cannot be removed: " + err.Error())
	}
}
