package plan

import (
	"hash/maphash"

	"github.com/genbatch/genbatch/jobs/internal/work"
)

// countOrphans fills in how many answers are orphaned, and how many of the new rows
// are changed ones. It needs a pass over the input before, and makes another one if
// there are orphans, with 8 bytes of memory for each.
func (c *Config) countOrphans(p *Plan) error {
	none := true
	for range c.Journal.Orphans() {
		none = false
		break
	}
	if none {
		return nil
	}
	if c.List.Limit > 0 { // rows past the limit have not been looked at
		for _, err := range c.List.All() {
			if err != nil {
				return err
			}
		}
	}
	left := make(map[uint64]bool) // what the orphans were named
	seed := maphash.MakeSeed()
	for e := range c.Journal.Orphans() {
		r, err := c.Journal.Read(e)
		if err != nil {
			return err
		}
		p.Orphaned++
		left[nameOf(seed, r.Key, r.Row)] = true
	}
	if p.New == 0 || len(left) == 0 {
		return nil
	}
	for it, err := range c.List.Items() {
		if err != nil {
			return err
		}
		if it.Fate == work.New && left[nameOf(seed, it.Request.Key, it.Row.Number)] {
			p.Changed++
			p.New--
		}
	}
	return nil
}

// nameOf is what a row is called in this job, as a number: its key, or its place if
// the job gives no keys.
func nameOf(seed maphash.Seed, key string, row int64) uint64 {
	if key == "" {
		return uint64(row)
	}
	return maphash.String(seed, key)
}
