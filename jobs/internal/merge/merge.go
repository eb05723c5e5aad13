// Package merge joins the journals of a job's shards to the journal of the whole job. It proves
// first that the shards have a result for each row.
//
// Both go once through the rows of the whole job, and open the journal of a shard for as long as
// its rows come by. So memory is as for a run of the whole job, with the index of a shard or a few
// beside it.
//
// # What a merge keeps
//
// A result keeps all that it has but its place: seq, row and occurrence are those of the whole job.
// Results that do not count come along, since they were paid for, and so do those of rows that are
// in the input no more.
//
// # How it is repeated
//
// A merge may be broken off anywhere, or be repeated. A result that the whole journal has already is
// known by its content, and is not written again. A shard's journal is only read.
package merge

import (
	"context"
	"errors"
	"fmt"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/work"
)

// A Config says what to merge. Fields are required unless they say otherwise.
type Config struct {
	List    *work.List       // all rows of the job; it uses Journal
	Journal *journal.Journal // of the whole job, open for writing
	Count   int              // how many shards there are
	Folders map[int]string   // the state folder of each shard that has one

	// Step, if not nil, is called now and then with the rows that were gone through.
	Step func(rows int64)
}

// A Shard is what a proof has found of one.
type Shard struct {
	Rows   int64 // that belong to it
	Left   int64 // of these, without a result
	Damage []journal.Damage

	Simulated, Answered bool // its answers are made up; it has answers at all
}

// Prove goes through all rows, and returns what it has found of each shard, the first of which has
// the index 1. Nothing is written. The error is that of ctx, of the input, or of a journal that
// cannot be read.
func Prove(ctx context.Context, c Config) ([]Shard, error) {
	found := make([]Shard, c.Count+1)
	s := newSources(c)
	defer s.close()
	s.opened = func(shard int, jl *journal.Journal) (err error) {
		of := &found[shard]
		of.Damage = jl.Damage()
		of.Simulated, of.Answered, err = simulated(jl)
		return err
	}
	for it, err := range s.rows(ctx) {
		if err != nil {
			return nil, err
		}
		found[it.Shard].Rows++
		if it.Left {
			found[it.Shard].Left++
		}
		if err := s.closeUpTo(it.Done, nil); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// simulated reports whether the answers in a journal were made up; known is false if it has none.
func simulated(jl *journal.Journal) (simulated, known bool, err error) {
	for r, err := range jl.All() {
		if _, damaged := errors.AsType[*journal.Damage](err); damaged {
			continue
		}
		if err != nil {
			return false, false, err
		}
		if r.ModelVersion != "" {
			return cost.IsSimulated(r.ModelVersion), true, nil
		}
	}
	return false, false, nil
}

// Imported says what an import has come to.
type Imported struct {
	Results int64 // that were written
	Known   int64 // that the journal had already
}

// Import writes the results of all shards to the journal of the whole job. The caller must hold the
// lock of that, and no shard may run. The error is that of ctx, of the input, or of a journal; what
// was written until then stays, and the next Import carries on.
func Import(ctx context.Context, c Config) (Imported, error) {
	s := newSources(c)
	defer s.close()
	in := &importer{to: c.Journal}
	for it, err := range s.rows(ctx) {
		if err != nil {
			return in.Imported, err
		}
		if len(it.Known) > 0 {
			of := s.open[it.Shard]
			for _, k := range it.Known {
				of.queue = append(of.queue, queued{k.Entry, it.Row.Number, it.Request.Occurrence})
				of.queued += k.Bytes()
			}
			if err := in.flushIfFull(of); err != nil {
				return in.Imported, err
			}
		}
		if err := s.closeUpTo(it.Done, in.end); err != nil {
			return in.Imported, err
		}
	}
	if err := s.closeUpTo(c.Count, in.end); err != nil {
		return in.Imported, err
	}
	for shard := 1; shard <= c.Count; shard++ {
		if err := ctx.Err(); err != nil {
			return in.Imported, batch.ErrInterrupted
		}
		if err := importOrphans(s, in, shard); err != nil {
			return in.Imported, err
		}
	}
	return in.Imported, nil
}

// sources are the journals of shards.
type sources struct {
	Config
	open   map[int]*source
	seen   map[int]bool // shards of which rows have come
	opened func(shard int, jl *journal.Journal) error
}

// A source is the open journal of a shard.
type source struct {
	shard  int
	jl     *journal.Journal
	reader *journal.Reader
	queue  []queued // results that are to be imported
	queued int      // bytes of them, without answers that stand elsewhere
}

// A queued result has a place in the whole job.
type queued struct {
	journal.Entry
	row        int64
	occurrence int
}

func newSources(c Config) *sources {
	return &sources{Config: c, open: make(map[int]*source), seen: make(map[int]bool)}
}

// rows ranges over the rows of the whole job with what the shards have for them.
func (s *sources) rows(ctx context.Context) func(yield func(work.ShardItem, error) bool) {
	return func(yield func(work.ShardItem, error) bool) {
		var n int64
		for it, err := range work.InShards(s.List, s.Count, s.journalOf) {
			if n++; n%1024 == 0 {
				if ctx.Err() != nil {
					yield(it, batch.ErrInterrupted)
					return
				}
				if s.Step != nil {
					s.Step(n)
				}
			}
			if !yield(it, err) || err != nil {
				return
			}
		}
	}
}

// journalOf opens the journal of a shard, if it has one.
func (s *sources) journalOf(shard int) (*journal.Journal, error) {
	s.seen[shard] = true
	dir, ok := s.Folders[shard]
	if !ok {
		return nil, nil
	}
	jl, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("shard %d/%d: %w", shard, s.Count, err)
	}
	s.open[shard] = &source{shard: shard, jl: jl, reader: jl.NewReader()}
	if s.opened != nil {
		return jl, s.opened(shard, jl)
	}
	return jl, nil
}

// closeUpTo closes the journals of the shards that have had all their rows. last, if not nil, is
// called before with each of them.
func (s *sources) closeUpTo(done int, last func(*source) error) error {
	for shard, of := range s.open {
		if shard > done {
			continue
		}
		if last != nil {
			if err := last(of); err != nil {
				return err
			}
		}
		delete(s.open, shard)
		if err := of.jl.Close(); err != nil {
			return err
		}
	}
	return nil
}

// close closes what is still open; it was only read.
func (s *sources) close() {
	for _, of := range s.open {
		of.jl.Close()
	}
}
