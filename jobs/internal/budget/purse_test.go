package budget

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/record"
)

// A till is a purse that several budgets draw from, a little at a time.
type till struct {
	mu          sync.Mutex
	left, spent price.USD
	held        map[string]price.USD
}

// hand is the way of one budget to a till.
type hand struct {
	*till
	name string
}

func (h hand) Draw(_ context.Context, least price.USD) (drawn price.USD, others bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, held := range h.held {
		others = others || name != h.name && held > 0
	}
	if h.left < least {
		return 0, others, nil
	}
	drawn = min(h.left, 3*least)
	h.left -= drawn
	h.held[h.name] += drawn
	return drawn, others, nil
}

func (h hand) Settle(spent, drawn price.USD) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held[h.name] -= drawn
	h.left += drawn - spent
	h.spent += spent
	return nil
}

// free lets everything through.
type free struct{}

func (free) Acquire(ctx context.Context, _ *batch.Request) error { return ctx.Err() }
func (free) Release(*batch.Request, *batch.Outcome)              {}

// TestPurse has budgets draw from one till until nothing fits any more: together they spend
// nearly all of it, and never more, and none waits for ever for what another one holds.
func TestPurse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(26 * 365 * 24 * time.Hour) // the clock of bubbles starts where no model has a price
		const limit = price.Dollar / 10
		prices := price.Default()
		shared := &till{left: limit, held: make(map[string]price.USD)}
		var wg sync.WaitGroup
		for _, name := range []string{"a", "b", "c"} {
			b := New(free{}, prices, 0)
			b.Use(hand{shared, name})
			var calls sync.WaitGroup
			for range 4 {
				calls.Go(func() {
					for {
						r := &batch.Request{Model: "gemini-2.5-flash", Body: []byte(`{"contents":[{"parts":[{"text":"hello"}]}],"generationConfig":{"maxOutputTokens":1000}}`)}
						err := b.Acquire(t.Context(), r)
						if _, ok := errors.AsType[*record.BudgetError](err); ok {
							return
						}
						if err != nil {
							t.Error(err)
							return
						}
						time.Sleep(time.Second)
						b.Release(r, &batch.Outcome{Consequence: batch.Answered, ModelVersion: "gemini-2.5-flash", Usage: &batch.Usage{PromptTokenCount: 5, CandidatesTokenCount: 300}})
					}
				})
			}
			wg.Go(func() {
				calls.Wait()
				if err := b.Settle(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if shared.spent > limit || shared.spent < limit*9/10 || shared.left != limit-shared.spent {
			t.Errorf("%v is spent of %v, and %v is left", shared.spent, limit, shared.left)
		}
	})
}
