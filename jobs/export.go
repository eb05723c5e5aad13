package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/planner"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/writer"
)

// This file writes outputs: after a run, and whenever the user wants another one.

// deriver returns what derives the job's outputs.
func (j *Job) deriver() *output.Deriver {
	return &output.Deriver{
		Spec: &j.spec, List: j.list, Journal: j.journal, Prompt: j.prompt, Columns: j.columns, Prices: j.prices,
		FS: j.state.FS, StateDir: j.state.Dir, Since: j.progress.since,
	}
}

// derive writes an output.
func (j *Job) derive(ctx context.Context, to output.Target) (*Totals, writer.Sum, error) {
	d := j.deriver()
	d.Before = state.BeforeOf(j.state.Dir, &j.spec, j.journal.Last())
	totals, sum, err := d.Derive(ctx, to)
	if err == nil {
		j.critic.WarnUnknown(totals.Evaluations)
	}
	return totals, sum, err
}

// deriveOwn writes the job's own output, which is only ever written whole: every row,
// and none of them pending. Else the error is output.ErrPending. A file that is not the
// job's is replaced only by force: it may have appeared during the run.
func (j *Job) deriveOwn(ctx context.Context, format string, force bool) (*Totals, state.FileID, error) {
	if store.IsAddress(j.spec.Output) {
		return publish(ctx, j, format, force)
	}
	totals, sum, err := j.derive(ctx, output.Target{
		Path: j.spec.Output, Format: format, Whole: true,
		BeforeCommit: func(sum writer.Sum) error {
			if err := j.state.CheckOutput(force); err != nil {
				return state.Appeared(err)
			}
			return j.state.Announce(sum.Size, sum.SHA256)
		},
	})
	if err != nil {
		return totals, state.FileID{}, err
	}
	id, err := state.Identify(j.state, sum.SHA256)
	return totals, id, err
}

// publish is deriveOwn for an output that is an object.
func publish(ctx context.Context, j *Job, format string, force bool) (*Totals, state.FileID, error) {
	draft, err := state.NewDraft(j.state.Dir)
	if err != nil {
		return nil, state.FileID{}, err
	}
	defer draft.Remove()
	totals, sum, err := j.derive(ctx, output.Target{Path: j.spec.Output, Format: format, Whole: true, To: draft, Stream: true})
	if err != nil {
		return totals, state.FileID{}, err
	}
	id, err := state.Publish(ctx, j.state, draft, sum.Size, sum.SHA256, force)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w while the output was sent to %s", batch.ErrInterrupted, j.spec.Output)
	}
	return totals, id, err
}

// record writes the manifest of the job's own output.
func (j *Job) record(sources *state.Manifest, totals *Totals, id state.FileID) error {
	return j.state.Record(sources, totals, id, j.media.LastSeen(), j.journal)
}

// finish writes the output of a run in which no row is pending. An output that is
// there already, and for which nothing has changed, is left untouched.
func (j *Job) finish(ctx context.Context, s *Summary) error {
	before, err := j.sources().Manifest()
	if err != nil {
		return err
	}
	if old := j.state.Finished(before); old != nil {
		s.keep(j.spec.Output, old)
		// Written again for its time, and for what the journal's files are now; see
		// state.Folder.UpToDate.
		id, err := state.Identify(j.state, old.Output.SHA256)
		if err != nil {
			return err
		}
		return j.record(before, &old.Summary, id)
	}
	totals, id, err := j.deriveOwn(ctx, j.spec.OutputFormat, j.spec.Force)
	if errors.Is(err, output.ErrPending) {
		return fmt.Errorf("the input changed while the run went on: %s without an answer; run again", message.Plural(int(totals.Status[batch.Pending]), "row"))
	}
	if errors.Is(err, batch.ErrInterrupted) {
		return err
	}
	if err != nil {
		return fmt.Errorf("the output cannot be written: %w", err)
	}
	s.Output, s.Job, s.Kept = j.spec.Output, totals, totals.Bill.Kept
	s.Simulated = totals.Simulated()
	forecast, err := j.state.Forecast()
	if err != nil {
		return err
	}
	s.Forecast = planner.ParseForecast(forecast, totals.Rows)
	return j.record(before, totals, id)
}

// CheckOther refuses a path for a file of another kind if the job needs what is there: an input,
// its output, or a file of its state folder. The error is a [*SpecError].
func (j *Job) CheckOther(path string) error {
	if durable.IsSame(path, j.spec.Output) {
		return spec.Errorf("write to another file", "%s is the output of a run", path)
	}
	return j.state.CheckOther(path, j.list.Input.Paths())
}

// ExportTo is Export to a writer, such as stdout, which receives the rows as they are derived.
// An error can come after some of them. format is required.
func (j *Job) ExportTo(w io.Writer, format string, statuses []batch.Status) (*Totals, error) {
	if err := j.openJournal(); err != nil {
		return nil, err
	}
	if err := refuseUnmerged(j); err != nil {
		return nil, err
	}
	if lost := j.loss(j.journal.Last()); lost != nil && j.journal.Last() == 0 {
		j.log().Warn(lost.String())
	}
	totals, _, err := j.derive(context.Background(), output.Target{To: w, Stream: true, Path: "stdout", Format: format, Only: statuses})
	return totals, err
}

// Export derives an output from input and journal, and sends nothing. Rows
// without a result are pending in it. With statuses, only rows that have one of
// them are written. An existing file is replaced only when force is set, or when
// it is the job's own output, which is only ever written whole: every row, and none
// of them pending.
//
// The error is a [*SpecError] if the output is refused, which wraps an [*OutputError] if a
// file is in the way, a [*LockedError] if it is the job's own and another process runs the
// job, and a [*journal.Damage] if an answer cannot be read.
func (j *Job) Export(path, format string, statuses []batch.Status, force bool) (*Totals, error) {
	if err := j.openJournal(); err != nil {
		return nil, err
	}
	if err := refuseUnmerged(j); err != nil {
		return nil, err
	}
	if lost := j.loss(j.journal.Last()); lost != nil && j.journal.Last() == 0 {
		j.log().Warn(lost.String())
	}
	if err := j.state.CheckOther(path, j.list.Input.Paths()); err != nil {
		return nil, err
	}
	if err := j.state.CheckPlace(path); err != nil {
		return nil, err
	}
	own := path == j.spec.Output
	if own && isShard(j) {
		return nil, spec.Errorf("name another file with --output, or merge all shards with genbatch merge", "a shard has no output of its own: %s is that of all shards", path)
	}
	free := func(writer.Sum) error {
		if force {
			return nil
		}
		info, err := store.Stat(path)
		if err != nil && store.IsAddress(path) && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("whether %s is there cannot be seen: %w; --force replaces whatever is there", path, err)
		}
		if err == nil && !info.Mode.IsDir() && (!own || j.checkOutput() != nil) {
			return existsError(path)
		}
		return nil
	}
	if err := free(writer.Sum{}); err != nil {
		return nil, err
	}
	if err := j.deriver().CheckFiles(path, force); err != nil {
		return nil, err
	}
	if !own && store.IsAddress(path) {
		return send(j, path, format, statuses, force)
	}
	if !own {
		totals, _, err := j.derive(context.Background(), output.Target{Path: path, Format: format, Only: statuses, BeforeCommit: free})
		return totals, err
	}
	const hint = "name another file with --output"
	if len(statuses) > 0 {
		return nil, spec.Errorf(hint, "%s is the job's own output, which holds every row", path)
	}
	// A run that ends meanwhile would mix its manifest with this output.
	if !j.state.Locked() {
		if err := j.state.Lock(); err != nil {
			return nil, err
		}
		// Nothing is lost when the text of an owner stays behind.
		defer func() { _ = j.state.Unlock() }()
		j.removeTemps()
	}
	before, err := j.sources().Manifest()
	if err != nil {
		return nil, err
	}
	totals, id, err := j.deriveOwn(context.Background(), format, force)
	if errors.Is(err, output.ErrPending) {
		return nil, spec.Errorf(hint, "%d rows are pending, and the job's own output %s is written when none is", totals.Status[batch.Pending], path)
	}
	if err != nil {
		return nil, err
	}
	return totals, j.record(before, totals, id)
}

// send writes an output that is not the job's own to an object.
func send(j *Job, address, format string, statuses []batch.Status, force bool) (*Totals, error) {
	draft, err := state.NewDraft("") // the state folder may be one that can only be read
	if err != nil {
		return nil, err
	}
	defer draft.Remove()
	totals, sum, err := j.derive(context.Background(), output.Target{Path: address, Format: format, Only: statuses, To: draft, Stream: true})
	if err != nil {
		return totals, err
	}
	_, err = draft.Send(context.Background(), address, objects.WriteOptions{Size: sum.Size, Meta: state.Meta(sum.SHA256), New: !force})
	if errors.Is(err, fs.ErrExist) {
		return nil, existsError(address)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written: %w", address, err)
	}
	return totals, nil
}

// existsError refuses to replace a file or an object.
func existsError(path string) error {
	return &spec.Error{Err: &OutputError{Path: path, Why: "exists"}, Hint: "choose another --output, or replace it with --force"}
}
