package work

import (
	"iter"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// This file finds what the journals of shards have for the rows of the whole job.

// A ShardItem is a row of the whole job, with what the journal of its shard has for it.
type ShardItem struct {
	Item          // as it is in the whole job; its Entry is of the whole job's journal
	Shard int     // that has the row, from 1
	Done  int     // all shards up to this one have had all their rows; 0 if none has
	Known []Known // the results, of which the last one that can count does
	Left  bool    // the row is to be asked, and the shard has no result for it
}

// A Known is a result in the journal of a shard.
type Known struct {
	journal.Entry
	ID batch.ID // under which the shard has it
}

// InShards ranges over the rows of the list as so many shards have them. journalOf returns the
// journal of a shard, or nil for a shard that has none; it is called once for each that has rows.
// As the rows go by, each journal numbers those of its shard, as it did when the shard ran. If the
// input breaks or journalOf fails, the error is the second value, and the last.
func InShards(l *List, count int, journalOf func(shard int) (*journal.Journal, error)) iter.Seq2[ShardItem, error] {
	return func(yield func(ShardItem, error) bool) {
		p := l.newPass()
		shards := make(map[int]*pass)
		for row, err := range l.Input.Placed(count) {
			if err != nil {
				yield(ShardItem{}, err)
				return
			}
			of, ok := shards[row.Shard]
			if !ok {
				jl, err := journalOf(row.Shard)
				if err != nil {
					yield(ShardItem{}, err)
					return
				}
				if jl != nil {
					own := *l
					own.journal = jl
					of = own.newPass()
				}
				shards[row.Shard] = of
			}
			for shard := range shards { // of which there are a few: the input is read from one shard to the next
				if shard <= row.Done {
					delete(shards, shard)
				}
			}
			if !yield(p.inShard(&row.Row, of, row.Shard, row.Done), nil) {
				return
			}
		}
	}
}

// inShard returns the next row with what the pass over its shard has for it. The pass is nil if the
// shard has no journal.
func (p *pass) inShard(row *batch.Row, of *pass, shard, done int) ShardItem {
	it := ShardItem{Item: p.item(row), Shard: shard, Done: done}
	if it.Request == nil {
		return it
	}
	request := *it.Request
	own := Item{Row: row, Request: &request}
	request.Fingerprint = it.Single
	known := false
	if of != nil {
		known = of.lookUp(&own)
		it.Known = of.known(&own)
	}
	switch {
	case known && own.Entry.Status != batch.Pending:
	case !known && p.Dedupe && request.Occurrence > 0 && of != nil: // it is copied
	case !known && p.refuse(it.Request, row) != nil: // it is bad
	default:
		it.Left = true
	}
	return it
}

// known returns the results of a row in all ways in which it may have been asked: in each way those
// that do not count first.
func (p *pass) known(it *Item) (all []Known) {
	ways := append(p.otherWays(it), it.Request.Fingerprint) // its own way comes last
	for _, f := range slices.Compact(ways) {
		e, ok := p.results.Meet(f, it.Request.Occurrence)
		if !ok {
			continue
		}
		id := batch.ID{Fingerprint: f, Occurrence: it.Request.Occurrence}
		for _, e := range append(p.journal.Superseded(f, id.Occurrence), e) {
			all = append(all, Known{e, id})
		}
	}
	return all
}
