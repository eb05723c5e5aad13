package planner

import (
	"hash/maphash"

	"github.com/genbatch/genbatch/jobs/internal/work"
)

// countOrphans counts the orphaned answers, and how many of the new rows are changed ones. It
// must follow a whole pass over the list. If there are orphans it makes another pass, with
// about 8 bytes of memory for each of them.
func (b *builder) countOrphans() error {
	if err := b.List.FindOrphans(); err != nil {
		return err
	}
	p := &b.plan
	orphans := make(map[uint64]bool) // by the names of the rows that they were for
	seed := maphash.MakeSeed()
	for e := range b.Journal.Orphans() {
		r, err := b.Journal.Read(e)
		if err != nil {
			return err
		}
		p.Orphaned++
		orphans[nameOf(seed, r.Key, r.Row)] = true
	}
	if p.New == 0 || len(orphans) == 0 {
		return nil
	}
	for it, err := range b.List.Items() {
		if err != nil {
			return err
		}
		if it.Fate == work.New && orphans[nameOf(seed, it.Request.Key, it.Row.Number)] {
			p.Changed++
			p.New--
		}
	}
	return nil
}

// nameOf returns a number for what the job calls a row: its key or, in a job without a key,
// its place in the input.
func nameOf(seed maphash.Seed, key string, row int64) uint64 {
	if key == "" {
		return uint64(row)
	}
	return maphash.String(seed, key)
}
