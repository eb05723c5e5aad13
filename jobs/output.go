package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// finish writes the output of a run in which no row is pending. An output that is
// there already, and for which nothing has changed, is left untouched.
func (j *Job) finish(ctx context.Context, s *Summary) error {
	before, err := j.sources()
	if err != nil {
		return err
	}
	if old, err := readManifest(j.spec.StateDir()); err == nil && old.sameSources(before) && old.Media == before.Media && old.Summary.Status[batch.Pending] == 0 {
		if info, err := os.Stat(j.spec.Output); err == nil && old.Output.matches(j.spec.Output, info) {
			s.keep(j.spec.Output, old)
			// Written again for its time, and for what the journal's files are now: see
			// recall.
			return j.record(before, &old.Summary, writer.Sum{SHA256: old.Output.SHA256})
		}
	}
	totals, sum, err := j.derive(ctx, j.spec.Output, j.spec.OutputFormat, nil)
	if errors.Is(err, errPending) {
		return fmt.Errorf("the input changed while the run went on: %d rows have no answer; run again", totals.Status[batch.Pending])
	}
	if errors.Is(err, batch.ErrInterrupted) {
		return err
	}
	if err != nil {
		return fmt.Errorf("the output cannot be written: %w", err)
	}
	s.Output, s.Job, s.Kept = j.spec.Output, totals, totals.Bill.Kept
	s.Simulated = totals.Simulated()
	if s.Forecast, err = j.foretold(totals.Rows); err != nil {
		return err
	}

	return j.record(before, totals, sum)
}

// record writes the manifest of a finished output, with what it was derived from.
func (j *Job) record(m *manifest, totals *cost.Totals, sum writer.Sum) (err error) {
	m.Rows, m.Summary, m.Media = totals.Rows, *totals, j.media.LastSeen()
	if m.Output, err = identify(j.spec.Output); err != nil {
		return err
	}
	m.Output.SHA256 = sum.SHA256
	if len(j.journal.Damage()) == 0 {
		if m.Journal, err = identifyJournal(j.spec.StateDir()); err != nil {
			return err
		}
	}
	return m.write(j.fs, j.spec.StateDir())
}

// sources returns a manifest of all that the output is derived from.
func (j *Job) sources() (*manifest, error) {
	m := &manifest{Genbatch: version.Version(), Media: j.media.LastSeen()}
	if j.journal != nil {
		m.LastSeq, m.Pruned, m.Damage = j.journal.Last(), j.journal.Generation(), lastingDamage(j.journal)
	}
	for _, path := range j.input.Paths() {
		id, err := identify(path)
		if err != nil {
			return nil, err
		}
		m.Inputs = append(m.Inputs, id)
	}
	spec := j.spec.WithoutSecrets() // as export and verify read it
	spec.State = ""                 // given or not, it is the same folder
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(text)
	if j.spec.Prices != "" {
		prices, err := os.ReadFile(j.spec.Prices)
		if err != nil {
			return nil, err
		}
		h.Write(prices)
	}
	m.Spec = hex.EncodeToString(h.Sum(nil))
	return m, nil
}

// sameSources compares manifests. What media files were is compared only where both
// know it, after a pass over the rows.
func (m *manifest) sameSources(o *manifest) bool {
	return m.Genbatch == o.Genbatch && (m.Media == o.Media || m.Media == "" || o.Media == "") && m.LastSeq == o.LastSeq && m.Spec == o.Spec &&
		m.Pruned == o.Pruned && slices.Equal(m.Damage, o.Damage) &&
		slices.EqualFunc(m.Inputs, o.Inputs, fileID.sameTime)
}

// Export derives an output from input and journal, and sends nothing. Rows
// without a result are pending in it. With statuses, only rows that have one of
// them are written. An existing file is replaced only when force is set, or when
// it is the job's own output, which is only ever written whole: every row, and none
// of them pending.
func (j *Job) Export(path, format string, statuses []batch.Status, force bool) (*cost.Totals, error) {
	if err := j.openJournal(); err != nil {
		return nil, err
	}
	for i, in := range j.input.Paths() {
		if in == path {
			return nil, spec.Errorf("write to another file", "%s is an input", j.spec.Input[min(i, len(j.spec.Input)-1)])
		}
	}
	if _, err := os.Stat(path); err == nil && !force {
		if path != j.spec.Output || j.checkOutput() != nil {
			return nil, spec.Errorf("choose another --output, or replace it with --force", "%s exists", path)
		}
	}
	if err := j.checkFiles(path, force); err != nil {
		return nil, err
	}
	if path != j.spec.Output {
		totals, _, err := j.derive(context.Background(), path, format, statuses)
		return totals, err
	}
	const hint = "name another file with --output"
	if len(statuses) > 0 {
		return nil, spec.Errorf(hint, "%s is the job's own output, which holds every row", path)
	}
	// A run that ends meanwhile would mix its manifest with this output.
	unlock, err := j.holdLock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	before, err := j.sources()
	if err != nil {
		return nil, err
	}
	totals, sum, err := j.derive(context.Background(), path, format, nil)
	if errors.Is(err, errPending) {
		return nil, spec.Errorf(hint, "%d rows are pending, and the job's own output %s is written when none is", totals.Status[batch.Pending], path)
	}
	if err != nil {
		return nil, err
	}
	return totals, j.record(before, totals, sum)
}

// errPending means that OUTPUT is not written, since a row of it is pending: whoever
// finds that file takes it for finished.
var errPending = errors.New("a row is pending")

// derive writes the output: a pure function of input, job and journal. The job's
// own output is written only whole.
func (j *Job) derive(ctx context.Context, path, format string, only []batch.Status) (*cost.Totals, writer.Sum, error) {
	return j.deriveTo(ctx, nil, path, format, only)
}

// deriveTo derives what the file path would hold, and writes it to w, or to the file
// if w is nil.
func (j *Job) deriveTo(ctx context.Context, to io.Writer, path, format string, only []batch.Status) (*cost.Totals, writer.Sum, error) {
	var sum writer.Sum
	w, err := j.newOutput(to, path, format)
	if err != nil {
		return nil, sum, err
	}
	defer w.Abort()
	var t cost.Totals
	evaluator, media := j.newEvaluator(), j.media.NewPass()
	for f, err := range j.fetchAll(ctx) {
		if err == nil && ctx.Err() != nil {
			err = fmt.Errorf("%w while the output was written", batch.ErrInterrupted)
		}
		if err != nil {
			return nil, sum, err
		}
		media.Add(f.req, f.item.err)
		x := j.count(f, &t)
		if evaluator != nil {
			x.correct = evaluator.Add(f.row, j.compared(x))
		}
		if len(only) > 0 && !slices.Contains(only, x.status) {
			continue
		}
		t.Written++
		if err := w.write(f.row, x); err != nil {
			return nil, sum, err
		}
	}
	media.End()
	t.Evaluation = evaluator.Result()
	own := to == nil && path == j.spec.Output
	if own && t.Status[batch.Pending] > 0 {
		return &t, sum, errPending
	}
	if sum, err = w.Finish(); err != nil {
		return nil, sum, err
	}
	if own {
		if err := j.announce(sum); err != nil {
			return nil, sum, err
		}
	}
	j.warnUnknown(t.Evaluation)
	if err := w.Commit(); err != nil {
		return nil, sum, err
	}
	// A selection of rows leaves the files of the others, of which another output in
	// the same folder may speak: labels.csv and labels.parquet share one.
	if w.filer != nil && len(only) == 0 {
		return &t, sum, w.filer.tidy()
	}
	return &t, sum, nil
}

// reply returns what became of an item, and counts it.
func (j *Job) reply(it *item, t *cost.Totals) (*reply, error) {
	f := fetched{item: *it}
	if e := it.recorded(); e.Status != "" {
		f.result, f.err = j.journal.Read(e)
	}
	j.understand(&f)
	if f.err != nil {
		return nil, f.err
	}
	return j.count(&f, t), nil
}

// Answer returns what is compared with a row's known labels.
func (j *Job) compared(x *reply) eval.Answer {
	labels, confidence := j.prompt.Classification().Given(x.own)
	return eval.Answer{Pending: x.status == batch.Pending, Known: x.own != nil, Labels: labels, Confidence: confidence}
}

// count counts what became of a row, and returns it.
func (j *Job) count(f *fetched, t *cost.Totals) *reply {
	j.price(f, t)
	x := f.reply
	t.AddStatus(x.status)
	if x.problem != "" && x.status != batch.OK {
		t.AddProblem(x.status, x.problem)
	}
	if k := j.prompt.Classification(); k != nil && x.own != nil {
		labels, _ := k.Given(x.own)
		t.AddLabels(labels)
	}
	return x
}

// An output is a writer with the job's choice of columns.
type output struct {
	*writer.Output
	result []resultColumn // those that are written
	values []any
	filer  *filer // nil: no column needs the answers' files
	format string
}

func (j *Job) newOutput(to io.Writer, path, format string) (*output, error) {
	result := j.resultColumns()
	c := writer.Config{To: to, Path: path, Format: format, CSVSafe: j.spec.CSVSafe, FS: j.fs}
	written, err := writer.FormatOf(path, format)
	if err != nil {
		return nil, &spec.Error{Err: err}
	}
	input := j.input.Columns()
	if !j.input.KnownColumns() {
		if written == "jsonl" && len(j.spec.Columns) == 0 {
			c.AllInput = true
			input = nil
		} else {
			var u reader.Union
			for row, err := range j.rows() {
				if err != nil {
					return nil, err
				}
				u.Add(row)
			}
			// A row that has one of these itself is skipped.
			input = slices.DeleteFunc(j.addNamed(u.Columns(), result), func(c batch.Column) bool {
				return slices.ContainsFunc(result, func(r batch.Column) bool { return r.Name == c.Name })
			})
		}
	}
	in, out, err := j.pick(input, result)
	if err != nil {
		return nil, err
	}
	o := &output{values: make([]any, len(out)), format: written}
	for _, i := range in {
		c.Columns = append(c.Columns, input[i])
	}
	c.Input = len(in)
	for _, i := range out {
		c.Columns = append(c.Columns, result[i])
		o.result = append(o.result, j.columns[i])
		if j.columns[i].files {
			// Whose folder it is was looked at before.
			if o.filer, err = newFiler(j.fs, path, j.spec.StateDir(), to != nil, true); err != nil {
				return nil, err
			}
		}
	}
	if o.Output, err = writer.Create(c); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *output) write(row *batch.Row, x *reply) (err error) {
	if o.filer != nil {
		if x.paths, err = o.filer.put(row.Number, x.files); err != nil {
			return err
		}
	}
	for i, c := range o.result {
		o.values[i] = c.value(x)
		if o.format == "parquet" && schema.Beyond64(o.values[i], c.Type) {
			o.values[i] = nil // the note says so, and the response has it
		}
	}
	return o.Output.Write(row, o.values)
}
