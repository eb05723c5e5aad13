package budget

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/record"
)

// A door is the limiter inside a budget. It grants a slot at once, or fails.
type door struct {
	err error

	mu   sync.Mutex
	open int // slots that were granted and not given back
}

func (d *door) Acquire(context.Context, *batch.Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.open++
	}
	return d.err
}

func (d *door) Release(*batch.Request, *batch.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
}

// atPrices runs a test at a time for which the table has prices: the clock of a bubble
// begins in 2000.
func atPrices(t *testing.T, f func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)))
		f(t)
	})
}

// Prices of gemini-2.5-flash: $0.30 a million tokens of input, $2.50 of output.
const (
	input  = 300 * price.Dollar / 1_000_000_000
	output = 2500 * price.Dollar / 1_000_000_000
)

// limited is a request of 45 bytes that limits its output to 1000 tokens: it reserves
// $0.0025135.
func limited() *batch.Request {
	return &batch.Request{Model: "gemini-2.5-flash", Body: []byte(`{"generationConfig":{"maxOutputTokens":1000}}`)}
}

const reservation = 45*input + 1000*output

// answered is the outcome of an answer of so many tokens, to a prompt of 10.
func answered(tokens int64) *batch.Outcome {
	return &batch.Outcome{
		Consequence: batch.Answered, ModelVersion: "gemini-2.5-flash",
		Usage: &batch.Usage{PromptTokenCount: 10, CandidatesTokenCount: tokens},
	}
}

// costs returns what such an answer costs.
func costs(tokens int64) price.USD { return 10*input + price.USD(tokens)*output }

// run has so many rows ask for the budget at once, each for a call of a second. It
// returns how many calls were made, the most at one time, and the error of the others.
func run(t *testing.T, b *Budget, rows int, request func() *batch.Request, o func() *batch.Outcome) (calls, most int, errs []error) {
	t.Helper()
	var (
		mu  sync.Mutex
		now int
		wg  sync.WaitGroup
	)
	for range rows {
		wg.Go(func() {
			r := request()
			if err := b.Acquire(t.Context(), r); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				return
			}
			b.mu.Lock()
			if b.spent+b.total > b.cap {
				t.Errorf("%s is spent and %s reserved, and the cap is %s", b.spent, b.total, b.cap)
			}
			b.mu.Unlock()
			mu.Lock()
			calls++
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			b.Release(r, o())
		})
	}
	wg.Wait()
	if b.total != 0 || len(b.reserved) != 0 {
		t.Errorf("%s stays reserved for %d calls", b.total, len(b.reserved))
	}
	return calls, most, errs
}

// A hard cap holds however many ask at once, and is used up but for less than one
// reservation. Who does not fit waits for calls under way, which cost less than they have
// reserved.
func TestCapHoldsUnderConcurrency(t *testing.T) {
	atPrices(t, func(t *testing.T) {
		inner := new(door)
		b := New(inner, price.Default(), 10*reservation)
		begin := time.Now()
		calls, most, errs := run(t, b, 64, limited, func() *batch.Outcome { return answered(400) })
		// Each call costs $0.001003: after 23 of them less than a reservation is left.
		if calls != 23 || b.spent != 23*costs(400) || len(errs) != 64-23 {
			t.Errorf("%d calls cost %s, %d rows were refused; want 23, %s and 41", calls, b.spent, len(errs), 23*costs(400))
		}
		// Four calls until the first answers, then as many as there are reservations in
		// what is left: 8, 5, 3, 2 and 1.
		if took := time.Since(begin); most != 8 || took != 6*time.Second {
			t.Errorf("at most %d calls at once, in %v; want 8 in 6 s", most, took)
		}
		for _, err := range errs {
			want := record.BudgetError{Cap: 10 * reservation, Spent: 23 * costs(400), Next: reservation}
			if e, ok := errors.AsType[*record.BudgetError](err); !ok || *e != want {
				t.Errorf("refused with %v, want %v", err, &want)
			}
		}
		if inner.open != 0 {
			t.Errorf("%d slots of the limiter inside are not given back", inner.open)
		}
	})
}

// Without a limit of the output few calls go until twenty answers are there, and later
// ones reserve by the longest of them.
func TestSoftCapBeginsSlowly(t *testing.T) {
	atPrices(t, func(t *testing.T) {
		b := New(new(door), price.Default(), price.Dollar)
		soft := func() *batch.Request { return &batch.Request{Model: "gemini-2.5-flash", Body: []byte(`{}`)} }
		begin := time.Now()
		if calls, most, _ := run(t, b, softAnswers, soft, func() *batch.Outcome { return answered(400) }); calls != softAnswers || most != softCalls || time.Since(begin) != softAnswers/softCalls*time.Second {
			t.Errorf("%d calls, %d at once, in %v", calls, most, time.Since(begin))
		}
		if _, most, _ := run(t, b, 64, soft, func() *batch.Outcome { return answered(300) }); most != 64 {
			t.Errorf("%d calls at once after %d answers, want 64", most, softAnswers)
		}
		r := soft()
		// The prompts had 8 tokens more than their bodies have bytes.
		if err := b.Acquire(t.Context(), r); err != nil || b.reserved[r] != (2+8+4)*input+600*output {
			t.Errorf("%v; reserved %s, want half as much again as for the longest answer", err, b.reserved[r])
		}
		b.Release(r, nil)
	})
}

// What an attempt counts with depends on what is known of it.
func TestRelease(t *testing.T) {
	dearer := answered(400)
	dearer.ModelVersion = "gemini-2.5-pro"
	for name, c := range map[string]struct {
		o    *batch.Outcome
		want price.USD
	}{
		"answered":                {answered(400), costs(400)},
		"not sent":                {nil, 0},
		"refused":                 {&batch.Outcome{Consequence: batch.Retry}, 0},
		"cut, and perhaps billed": {&batch.Outcome{Consequence: batch.Retry, MaybeBilled: true}, reservation},
		"answered by another":     {dearer, 10*1250*price.Dollar/1_000_000_000 + 400*10_000*price.Dollar/1_000_000_000},
	} {
		atPrices(t, func(t *testing.T) {
			b := New(new(door), price.Default(), price.Dollar)
			r := limited()
			if err := b.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			b.Release(r, c.o)
			if b.spent+b.most != c.want || b.total != 0 {
				t.Errorf("%s: %s is spent and %s reserved, want %s and nothing", name, b.spent, b.total, c.want)
			}
			if c.o == dearer {
				if err := b.Acquire(t.Context(), r); err != nil || b.reserved[r] <= reservation {
					t.Errorf("%s: the next call reserves %s, want more than the %s of the model that is asked", name, b.reserved[r], reservation)
				}
			}
		})
	}
}

// If the limiter inside grants no slot, the money is returned, and who waits for it goes on.
func TestMoneyIsReturned(t *testing.T) {
	atPrices(t, func(t *testing.T) {
		over := errors.New("the day's quota is used up")
		b := New(&door{err: over}, price.Default(), reservation)
		for range 2 {
			if err := b.Acquire(t.Context(), limited()); !errors.Is(err, over) {
				t.Errorf("refused with %v, want %v", err, over)
			}
		}
		if b.total != 0 || b.spent != 0 {
			t.Errorf("%s is reserved and %s spent", b.total, b.spent)
		}
	})
}

// Who waits for money stops when its context ends.
func TestWaitEnds(t *testing.T) {
	atPrices(t, func(t *testing.T) {
		b := New(new(door), price.Default(), reservation)
		first := limited()
		if err := b.Acquire(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := b.Acquire(ctx, limited()); !errors.Is(err, context.DeadlineExceeded) || len(b.reserved) != 1 {
			t.Errorf("%v, %d reservations; want the error of the context, and one", err, len(b.reserved))
		}
		b.Release(first, nil)
	})
}

// Earlier runs count with what they cost, and with the most that cut attempts can have.
func TestAddPast(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	usage := func(out int64) *batch.Usage {
		return &batch.Usage{PromptTokenCount: 10, CandidatesTokenCount: out, ThoughtsTokenCount: 50}
	}
	result := func(spent ...batch.Spend) *batch.Result {
		return &batch.Result{Model: "gemini-2.5-flash", Spent: spent}
	}
	b := New(new(door), price.Default(), price.Dollar)
	b.AddPast(result(batch.Spend{At: at, Model: "gemini-2.5-flash", Usage: usage(350)}))
	b.AddPast(result(batch.Spend{At: at, Model: "gemini-2.5-flash", Usage: usage(50)}, batch.Spend{At: at, Model: "gemini-2.5-flash", Most: answered(1000).Usage}))
	if want := costs(400) + costs(100); b.spent != want || b.most != costs(1000) || b.unknown != 1 || b.Unpriced() != "" {
		t.Errorf("%s is spent, and %s more at most, and %q has no price; want %s, %s and none", b.spent, b.most, b.Unpriced(), want, costs(1000))
	}
	if b.longest != 400 {
		t.Errorf("the longest answer has %d tokens, want 400, thoughts included", b.longest)
	}
	// A model without a price answered: what it used does not tell what it cost.
	b.AddPast(result(batch.Spend{At: at, Model: "nobodys-model", Usage: usage(5), Most: answered(1000).Usage}))
	if b.Unpriced() != "nobodys-model" {
		t.Errorf("%q has no price, want nobodys-model", b.Unpriced())
	}
}

// A call whose cost stays unknown counts with the most that it can be, in this run as in later
// ones, whatever it had reserved under a soft cap.
func TestUnknownCostCounts(t *testing.T) {
	for name, o := range map[string]*batch.Outcome{
		"no usage": {MaybeBilled: true, Most: answered(1000).Usage},
	} {
		atPrices(t, func(t *testing.T) {
			b := New(new(door), price.Default(), price.Dollar)
			r := &batch.Request{Model: "gemini-2.5-flash", Body: []byte(`{}`)}
			if err := b.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			b.Release(r, o)
			if b.most != costs(1000) || b.spent != 0 || b.total != 0 {
				t.Errorf("%s: at most %s, %s spent and %s reserved, want %s and none", name, b.most, b.spent, b.total, costs(1000))
			}
		})
	}
}

// The first answer of a model without a price ends the run: nothing more is sent, also not what
// waited for its slot.
func TestUnpricedAnswerEnds(t *testing.T) {
	atPrices(t, func(t *testing.T) {
		inner := new(door)
		b := New(inner, price.Default(), price.Dollar)
		o := answered(5)
		o.ModelVersion = "nobodys-model"
		calls, _, errs := run(t, b, 20, limited, func() *batch.Outcome { return o })
		if calls != softCalls || len(errs) != 20-softCalls || inner.open != 0 {
			t.Errorf("%d calls, %d refused, %d slots open; want %d and the others", calls, len(errs), inner.open, softCalls)
		}
		for _, err := range errs {
			if e, ok := errors.AsType[*record.BudgetError](err); !ok || e.Unpriced != "nobodys-model" {
				t.Errorf("refused with %v", err)
			}
		}
	})
}

// A bound is never called spent.
func TestErrorTellsBoundsApart(t *testing.T) {
	e := &record.BudgetError{Cap: price.Dollar, Spent: price.Dollar / 2, Unknown: 1, Most: price.Dollar / 4, Next: price.Dollar / 2}
	if want := "max_cost of $1 is reached: $0.500000 is spent, and up to $0.250000 more for 1 call whose usage is not known, and the next request may cost $0.500000"; e.Error() != want {
		t.Errorf("%s, want %s", e, want)
	}
}

// A model without a price cannot be held below a cap.
func TestNoPrice(t *testing.T) {
	b := New(new(door), price.Default(), price.Dollar)
	err := b.Acquire(t.Context(), &batch.Request{Model: "nobodys-model", Body: []byte(`{}`)})
	if want := "max_cost cannot be held: the price of nobodys-model is not known"; fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A ring wakes all who wait, and nobody who comes later.
func TestBell(t *testing.T) {
	var b bell
	b.ring() // nobody waits
	one, two := b.wait(), b.wait()
	select {
	case <-one:
		t.Fatal("an earlier ring wakes who waits")
	default:
	}
	b.ring()
	<-one
	<-two
	select {
	case <-b.wait():
		t.Error("the ring wakes who comes later")
	default:
	}
}

// Of calls that rows shared in earlier runs, each row counts its share of the cost, and the answer
// is as long as it was as a whole.
func TestAddPastOfSharedCalls(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	whole, shared := New(nil, price.Default(), price.Dollar), New(nil, price.Default(), price.Dollar)
	spent := []batch.Spend{
		{At: at, Model: "gemini-2.5-flash", Usage: answered(1001).Usage},
		{At: at, Model: "gemini-2.5-flash", Most: answered(777).Usage},
	}
	whole.AddPast(&batch.Result{Model: "gemini-2.5-flash", Spent: spent})
	for row := range 7 {
		r := &batch.Result{Model: "gemini-2.5-flash"}
		for _, s := range spent {
			s.Share = batch.Share{Row: row, Of: 7}
			r.Spent = append(r.Spent, s)
		}
		shared.AddPast(r)
	}
	if shared.spent != costs(1001) || shared.spent != whole.spent || shared.most != whole.most || shared.unknown != 1 || shared.longest != 1001 {
		t.Errorf("spent %d, at most %d more for %d calls, the longest of %d tokens; want %d, %d, 1, 1001", shared.spent, shared.most, shared.unknown, shared.longest, costs(1001), whole.most)
	}
}
