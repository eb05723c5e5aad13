package cluster

import (
	"context"
	"encoding/json"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
)

// A purseRecord is the money of a job.
type purseRecord struct {
	Cap   price.USD            `json:"cap"`
	Spent price.USD            `json:"spent"`
	Held  map[string]price.USD `json:"held,omitempty"` // by attempt: what it has drawn and may spend
}

// free is what nobody holds.
func (r *purseRecord) free() price.USD {
	left := r.Cap - r.Spent
	for _, held := range r.Held {
		left -= held
	}
	return left
}

// drawParts is the part of the cap that is drawn at once, unless a call alone may cost more.
const drawParts = 100

// A purse is an attempt's way to the money of its job. It implements jobs.Purse.
type purse struct {
	keys    *bus.Keys
	job     string
	attempt string
}

// read returns the record, which is zero if there is none.
func (p purse) read(ctx context.Context) (r purseRecord, err error) {
	text, err := p.keys.Read(ctx, "purse."+p.job)
	if err == nil && text != nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

func (p purse) update(ctx context.Context, change func(r *purseRecord)) error {
	return p.keys.Update(ctx, "purse."+p.job, func(text []byte) ([]byte, error) {
		var r purseRecord
		if text != nil {
			if err := json.Unmarshal(text, &r); err != nil {
				return nil, err
			}
		}
		if r.Held == nil {
			r.Held = make(map[string]price.USD)
		}
		change(&r)
		return json.Marshal(r)
	})
}

// Draw implements jobs.Purse.
func (p purse) Draw(ctx context.Context, least price.USD) (drawn price.USD, others bool, err error) {
	err = p.patiently(ctx, func() error {
		return p.update(ctx, func(r *purseRecord) {
			drawn, others = 0, false
			for attempt, held := range r.Held {
				others = others || attempt != p.attempt && held > 0
			}
			if left := r.free(); left >= least {
				drawn = min(left, least+r.Cap/drawParts)
				r.Held[p.attempt] += drawn
			}
		})
	})
	return drawn, others, err
}

// Settle implements jobs.Purse.
func (p purse) Settle(spent, drawn price.USD) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return p.patiently(ctx, func() error {
		return p.update(ctx, func(r *purseRecord) {
			r.Spent += spent
			if r.Held[p.attempt] -= drawn; r.Held[p.attempt] <= 0 {
				delete(r.Held, p.attempt)
			}
		})
	})
}

// patiently tries again while the servers are away: without them nothing may be spent.
func (p purse) patiently(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err := pause(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
}

// forfeit counts as spent what attempts hold that have not been at work for a while: nobody
// knows what their last calls have cost. An attempt that ends in order settles before. stale is
// what was seen before.
func (p purse) forfeit(ctx context.Context, working map[string]bool, stale map[string]time.Time) error {
	r, err := p.read(ctx)
	if err != nil {
		return err
	}
	var lost []string
	for attempt := range r.Held {
		switch since, ok := stale[attempt]; {
		case working[attempt]:
			delete(stale, attempt)
		case !ok:
			stale[attempt] = time.Now()
		case time.Since(since) >= forfeitAfter:
			lost = append(lost, attempt)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return p.update(ctx, func(r *purseRecord) {
		for _, attempt := range lost {
			r.Spent += r.Held[attempt]
			delete(r.Held, attempt)
		}
	})
}
