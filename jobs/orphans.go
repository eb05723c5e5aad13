package jobs

import "hash/maphash"

// countOrphans fills in how many answers are orphaned, and how many of the new rows
// are changed ones. It needs a pass over the input before, and makes another one if
// there are orphans, with 8 bytes of memory for each.
func (j *Job) countOrphans(p *Plan) error {
	none := true
	for range j.journal.Orphans() {
		none = false
		break
	}
	if none {
		return nil
	}
	if j.spec.Limit > 0 { // rows past the limit have not been looked at
		if err := j.passAll(nil); err != nil {
			return err
		}
	}
	left := make(map[uint64]bool) // what the orphans were named
	seed := maphash.MakeSeed()
	for e := range j.journal.Orphans() {
		r, err := j.journal.Read(e)
		if err != nil {
			return err
		}
		p.Orphaned++
		left[j.nameOf(seed, r.Key, r.Row)] = true
	}
	if p.New == 0 || len(left) == 0 {
		return nil
	}
	for it, err := range j.items() {
		if err != nil {
			return err
		}
		if it.req != nil && !it.known && !it.copied && left[j.nameOf(seed, it.req.Key, it.row.Number)] {
			p.Changed++
			p.New--
		}
	}
	return nil
}

// nameOf is what a row is called in this job, as a number: its key, or its place if
// the job gives no keys.
func (j *Job) nameOf(seed maphash.Seed, key string, row int64) uint64 {
	if key == "" {
		return uint64(row)
	}
	return maphash.String(seed, key)
}

// passAll makes a pass over all rows of the input, those past --limit and out of the
// sample too, so that what nobody asks for is known. see, if not nil, is called with
// each.
func (j *Job) passAll(see func(item)) error {
	pass, clash := j.journal.Pass(), j.newClash()
	for row, err := range j.input.Rows() {
		if err != nil {
			return err
		}
		if it := j.item(&row, clash, pass); see != nil {
			see(it)
		}
	}
	return nil
}
