package merge

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// This file writes results of shards to the journal of the whole job.

const (
	mostQueued = 4096    // results of a shard that are read and written at once
	mostLong   = 32      // likewise, if there may be long answers among them
	mostBytes  = 8 << 20 // of their lines
)

// An importer writes results to the journal of the whole job, unless that has them.
type importer struct {
	Imported
	to      *journal.Journal
	orphans []orphan
}

// An orphan is a row of a shard that is in the input no more, or asks something else now. Its results
// are imported after those of all rows.
type orphan struct {
	shard int
	seq   int64 // of its last result in the shard
	id    batch.ID
}

// flushIfFull imports what is queued if that is enough for a write.
func (in *importer) flushIfFull(of *source) error {
	most := mostQueued
	if of.jl.HasBlobs() {
		most = mostLong
	}
	if len(of.queue) < most && of.queued < mostBytes {
		return nil
	}
	return in.flush(of)
}

// flush imports what is queued.
func (in *importer) flush(of *source) error {
	entries := make([]journal.Entry, len(of.queue))
	for i, q := range of.queue {
		entries[i] = q.Entry
	}
	var results []*batch.Result
	var failed error
	of.reader.Read(entries, func(i int, r *batch.Result, err error) {
		if err == nil && failed == nil {
			r.Row, r.Occurrence = of.queue[i].row, of.queue[i].occurrence
			results, err = in.unlessKnown(results, r)
		}
		if failed == nil {
			failed = err
		}
	})
	of.queue, of.queued = of.queue[:0], 0
	if failed != nil {
		return fmt.Errorf("shard %d: %w", of.shard, failed)
	}
	defer of.reader.Release()
	return in.write(results)
}

// unlessKnown appends a result, unless the journal of the whole job has it.
func (in *importer) unlessKnown(results []*batch.Result, r *batch.Result) ([]*batch.Result, error) {
	switch known, err := in.has(r); {
	case err != nil:
		return results, err
	case known:
		in.Known++
		return results, nil
	}
	return append(results, r), nil
}

func (in *importer) write(results []*batch.Result) error {
	in.Results += int64(len(results))
	return in.to.Write(results)
}

// has reports whether the journal of the whole job has a result, by its content.
func (in *importer) has(r *batch.Result) (bool, error) {
	e, ok := in.to.Lookup(r.Fingerprint, r.Occurrence)
	if !ok {
		return false, nil
	}
	for _, e := range append(in.to.Superseded(r.Fingerprint, r.Occurrence), e) {
		other, err := in.to.Read(e)
		if err != nil {
			return false, err
		}
		if isSame(r, other) {
			return true, nil
		}
	}
	return false, nil
}

// isSame reports whether two results are the same but for their places. They were encoded in the
// same way, so that equal times look alike.
func isSame(a, b *batch.Result) bool {
	if !a.At.Equal(b.At) || !bytes.Equal(a.Response, b.Response) {
		return false
	}
	x, y := *a, *b
	for _, r := range []*batch.Result{&x, &y} {
		r.Seq, r.Row, r.Occurrence, r.At, r.Response = 0, 0, 0, a.At, nil
		if len(r.Spent) == 0 {
			r.Spent = nil
		}
	}
	return reflect.DeepEqual(x, y)
}

// end imports what is queued of a shard that has had all its rows, and takes note of its orphans.
func (in *importer) end(of *source) error {
	if err := in.flush(of); err != nil {
		return err
	}
	return in.noteOrphans(of)
}

// noteOrphans takes note of the results of a shard that no row has asked for.
func (in *importer) noteOrphans(of *source) error {
	entries := slices.Collect(of.jl.Orphans())
	var failed error
	for part := range slices.Chunk(entries, mostLong) {
		of.reader.Read(part, func(_ int, r *batch.Result, err error) {
			if err != nil {
				failed = err
				return
			}
			in.orphans = append(in.orphans, orphan{of.shard, r.Seq, r.ID()})
		})
	}
	return failed
}

// importOrphans imports the orphans of a shard. Each takes the first number among the rows with the
// same request that is free.
func importOrphans(s *sources, in *importer, shard int) error {
	if _, ok := s.Folders[shard]; !ok {
		return nil
	}
	isOfShard := func(o orphan) bool { return o.shard == shard }
	if s.seen[shard] && !slices.ContainsFunc(in.orphans, isOfShard) {
		return nil
	}
	seen := s.seen[shard]
	jl, err := s.journalOf(shard)
	if err != nil {
		return err
	}
	defer func() {
		jl.Close()
		delete(s.open, shard)
	}()
	if !seen { // it has no rows any more
		jl.Pass()
		if err := in.noteOrphans(s.open[shard]); err != nil {
			return err
		}
	}
	own := slices.DeleteFunc(slices.Clone(in.orphans), func(o orphan) bool { return !isOfShard(o) })
	in.orphans = slices.DeleteFunc(in.orphans, isOfShard)
	slices.SortFunc(own, func(a, b orphan) int { return cmp.Compare(a.seq, b.seq) })
	var pending []*batch.Result
	begun := make(map[batch.Fingerprint]bool) // of pending
	write := func() error {
		err := in.write(pending)
		pending = nil
		clear(begun)
		return err
	}
	for _, o := range own {
		if begun[o.id.Fingerprint] || len(pending) >= mostLong {
			if err := write(); err != nil {
				return err
			}
		}
		results, err := resultsOf(jl, o.id)
		if err != nil {
			return err
		}
		occurrence, err := in.freeFor(results)
		if err != nil {
			return err
		}
		for _, r := range results {
			r.Occurrence = occurrence
			if pending, err = in.unlessKnown(pending, r); err != nil {
				return err
			}
		}
		begun[o.id.Fingerprint] = true
	}
	return write()
}

// resultsOf returns all results of a row, the one that counts last.
func resultsOf(jl *journal.Journal, id batch.ID) (results []*batch.Result, err error) {
	e, _ := jl.Lookup(id.Fingerprint, id.Occurrence)
	for _, e := range append(jl.Superseded(id.Fingerprint, id.Occurrence), e) {
		r, err := jl.Read(e)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// freeFor returns the number under which the journal of the whole job has one of these results of an
// orphan, or else the first one that is free.
func (in *importer) freeFor(results []*batch.Result) (occurrence int, err error) {
	for f := results[0].Fingerprint; ; occurrence++ {
		if _, ok := in.to.Lookup(f, occurrence); !ok {
			return occurrence, nil
		}
		for _, r := range results {
			r.Occurrence = occurrence
			if known, err := in.has(r); err != nil || known {
				return occurrence, err
			}
		}
	}
}
