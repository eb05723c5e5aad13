package tier

import "time"

const (
	// assumedCall is how long a call of the standard tier is taken to occupy its worker
	// before there was one. It counts as much as assumedCalls measured ones.
	assumedCall  = time.Minute
	assumedCalls = 4
	// assumedFlex is the same for the flex tier.
	assumedFlex = 5 * time.Minute
	// reserveFactor is the time that is reserved, for the second tier and for a call that is
	// begun in the first one, relative to the estimate.
	reserveFactor = 1.25
	// window is how many calls a pace is about. Earlier ones have less and less weight.
	window = 64
	decay  = 1 - 1.0/window
)

// A pace is how the calls of one tier went. It is a sum in which older calls weigh less.
type pace struct {
	ended    float64 // rows
	occupied float64 // seconds for which these rows occupied a worker, with the wait for a slot
	tokens   float64 // of input
}

// add counts a call of the tier that has ended.
func (p *pace) add(inputTokens int) {
	p.ended++
	p.tokens += float64(inputTokens)
	if p.ended > window {
		p.ended, p.occupied, p.tokens = p.ended*decay, p.occupied*decay, p.tokens*decay
	}
}

// SwitchAt returns when so many rows have to leave the first tier, so that the second one can
// ask them by the deadline. A zero time means never. Before flex there is time for one more
// call: the deadline of flex itself would let none of them begin.
func (t *Ladder) SwitchAt(left int64) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = left
	at := t.switchAt()
	if !at.IsZero() && t.tiers[1] == "flex" {
		at = at.Add(-assumedFlex)
	}
	return at
}

// switchAt returns when rows have to leave the first tier, so that the second one can do
// what is left by the deadline. A zero time means never. mu is held.
func (t *Ladder) switchAt() time.Time {
	if t.deadline.IsZero() || len(t.tiers) == 1 {
		return time.Time{}
	}
	need := assumedCall.Seconds()
	if p := t.pace[0]; p != nil && p.ended > 0 {
		need = min(need, p.occupied/p.ended) // a dearer tier is no slower
	}
	if p := t.pace[1]; p != nil && p.ended > 0 {
		need = (assumedCalls*need + p.occupied) / (assumedCalls + p.ended)
	}
	each := need / float64(max(1, t.concurrency))
	rpm, tpm := t.config.limits()
	if rpm > 0 {
		each = max(each, 60/float64(rpm))
	}
	if p := t.pace[0]; tpm > 0 && p != nil && p.ended > 0 {
		each = max(each, 60*p.tokens/p.ended/float64(tpm))
	}
	if p := t.pace[1]; tpm > 0 && p != nil && p.ended > 0 {
		each = max(each, 60*p.tokens/p.ended/float64(tpm))
	}
	calls := float64(t.left) / float64(max(1, t.config.RowsPerCall))
	reserve := time.Duration((reserveFactor*each*calls + 2*need) * float64(time.Second))
	if t.refused {
		reserve += time.Minute // a row that waits for another attempt comes as late as that
	}
	return t.deadline.Add(-reserve)
}

// expected returns how long a row may well take in the first tier, and at most how long one
// call may take. A row that would be cut off is better not begun, because cut calls may be
// billed, and of calls that take about the mean half take longer. mu is held.
func (t *Ladder) expected() time.Duration {
	mean := assumedCall
	if t.tiers[0] == "flex" {
		mean = assumedFlex
	}
	if p := t.pace[0]; p != nil {
		mean = time.Duration((assumedCalls*mean.Seconds() + p.occupied) / (assumedCalls + p.ended) * float64(time.Second))
	}
	return min(time.Duration(reserveFactor*float64(mean)), defaultTierWait)
}

// lastChance returns when calls of the tier are to be given up for the deadline. A zero
// time means never.
func (t *Ladder) lastChance(tier int) time.Time {
	if tier > 0 {
		return time.Time{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.switchAt()
}

// occupy counts time for which a row of the tier occupied a worker. mu is held.
func (t *Ladder) occupy(tier int, d time.Duration) { t.paceOf(tier).occupied += d.Seconds() }

// paceOf returns the pace of a tier. mu is held.
func (t *Ladder) paceOf(tier int) *pace {
	p := t.pace[tier]
	if p == nil {
		p = new(pace)
		t.pace[tier] = p
	}
	return p
}
