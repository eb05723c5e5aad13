package tier

import "time"

// A pace is how calls of one tier went, recent ones first in weight.
type pace struct {
	ended    float64 // rows
	occupied float64 // seconds for which a worker had a call of theirs, waiting for a slot included
	tokens   float64 // of input
}

// switchAt is when rows have to leave the first tier, so that the second can do what
// is left by the deadline; zero: never. mu is held.
func (t *Ladder) switchAt() time.Time {
	if t.deadline.IsZero() || len(t.tiers) == 1 {
		return time.Time{}
	}
	need := assumedCall.Seconds()
	if p := t.pace[0]; p != nil && p.ended > 0 {
		need = min(need, p.occupied/p.ended) // the dearer tier is not the slower one
	}
	if p := t.pace[1]; p != nil && p.ended > 0 {
		need = (assumedCalls*need + p.occupied) / (assumedCalls + p.ended)
	}
	each := need / float64(max(1, t.concurrency))
	if t.limits != nil {
		rpm, tpm := t.limits()
		if rpm > 0 {
			each = max(each, 60/float64(rpm))
		}
		if p := t.pace[0]; tpm > 0 && p != nil && p.ended > 0 {
			each = max(each, 60*p.tokens/p.ended/float64(tpm))
		}
		if p := t.pace[1]; tpm > 0 && p != nil && p.ended > 0 {
			each = max(each, 60*p.tokens/p.ended/float64(tpm))
		}
	}
	reserve := time.Duration((reserveFactor*each*float64(t.left) + 2*need) * float64(time.Second))
	if t.shed {
		reserve += time.Minute // rows that wait for another attempt come as late as that
	}
	return t.deadline.Add(-reserve)
}

// expected is how long a row takes in the first tier, at most as long as one call may.
// A row that would be cut off later is better not begun: cut calls may be billed.
// mu is held.
func (t *Ladder) expected() time.Duration {
	mean := assumedCall
	if t.tiers[0] == "flex" {
		mean = assumedFlex
	}
	if p := t.pace[0]; p != nil {
		mean = time.Duration((assumedCalls*mean.Seconds() + p.occupied) / (assumedCalls + p.ended) * float64(time.Second))
	}
	return min(mean, defaultTierWait)
}

// lastChance is when calls of the tier are to be given up for the deadline; zero:
// never.
func (t *Ladder) lastChance(tier int) time.Time {
	if tier > 0 {
		return time.Time{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.switchAt()
}

// occupy counts time for which a worker had a call of the tier. mu is held.
func (t *Ladder) occupy(tier int, d time.Duration) { t.paceOf(tier).occupied += d.Seconds() }

func (t *Ladder) paceOf(tier int) *pace {
	p := t.pace[tier]
	if p == nil {
		p = new(pace)
		t.pace[tier] = p
	}
	return p
}
