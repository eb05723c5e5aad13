// Package billtest holds what jobs say that they cost against what the simulator billed. The
// two share no code: the simulator counts the tokens of each answer as it makes it, this
// package reads the journal by itself, and the prices are written here by hand. What the
// product says is in the journal and in the totals of a status, which must be the same.
//
// The amounts are compared to the pico-dollar. What the simulator billed and delivered is
// what the jobs say to have cost. What it billed and could not deliver is no more than what
// the jobs name as possibly billed, with the most that it can have cost. Rows of batches
// that are still to be collected have no such amount: of them only the number is compared.
package billtest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A Biller is a simulator.
type Biller interface{ Stats() sim.Stats }

// A Counter is what a test bills by itself, in the place of a simulator or beside one.
type Counter struct{ bill.Ledger }

// Stats returns the bill.
func (c *Counter) Stats() sim.Stats { return sim.Stats{Statement: c.Statement()} }

// Answer enters an answer of so many tokens that was delivered.
func (c *Counter) Answer(model string, prompt, output int64) {
	c.enter(model, prompt, output, bill.Delivered)
}

// Cut enters one that broke on its way.
func (c *Counter) Cut(model string, prompt, output int64) { c.enter(model, prompt, output, bill.Lost) }

func (c *Counter) enter(model string, prompt, output int64, f bill.Fate) {
	charge := bill.Charge{Item: bill.Item{Model: model, Tier: "standard"}, Fate: f}
	charge.Prompt, charge.Output = prompt, output
	c.Add(&charge)
}

// A Witness compares the jobs below some folders with the simulators that they ask.
type Witness struct {
	Dirs []string
	// Totals returns what the product says of the job in a state folder.
	Totals  func(dir string) (*cost.Totals, error)
	Billers []Biller

	died       int    // see MayDie
	why        string // see Excuse
	tokensOnly bool   // see OwnPrices
	settled    bool   // see Settle
}

// Watch returns a witness who compares when the test ends. The folders must be there
// until then, so they are made before.
func Watch(t testing.TB, w Witness) *Witness {
	t.Helper()
	t.Cleanup(func() { w.Settle(t) })
	return &w
}

// Settle compares now rather than when the test ends, and only once. A test in a bubble does so
// within it, since batches go on by the clock.
func (w *Witness) Settle(t testing.TB) {
	t.Helper()
	if w.settled {
		return
	}
	w.settled = true
	if w.why != "" || t.Failed() || t.Skipped() {
		return
	}
	if err := w.Compare(); err != nil {
		t.Errorf("the bill: %v", err)
	}
}

// MayDie says that so many more answers may have come to a process that was killed before
// they were safe. They are billed, and no journal has them. All others are compared still.
func (w *Witness) MayDie(n int) { w.died += n }

// Excuse says why nothing is compared.
func (w *Witness) Excuse(why string) { w.why = why }

// OwnPrices says that the jobs bring prices of their own, so that tokens are compared and
// amounts are not.
func (w *Witness) OwnPrices() { w.tokensOnly = true }

// A kind is what answers are compared by.
type kind struct{ model, tier string }

// A side is what one side knows of the answers of one kind.
type side struct {
	calls int64
	bill.Tokens
	cost big.Int // pico-dollars
}

func (s *side) String() string {
	return fmt.Sprintf("%d calls for %v pico-dollars, %+v", s.calls, &s.cost, s.Tokens)
}

// A book is what one side knows.
type book map[kind]*side

// price returns what a line comes to.
func (w *Witness) price(l *bill.Line) (*big.Int, error) {
	if w.tokensOnly {
		return new(big.Int), nil
	}
	return priceOf(l)
}

// enter adds a line that comes to an amount.
func (b book) enter(l *bill.Line, amount *big.Int) {
	k := kind{l.Model, l.Tier}
	s := b[k]
	if s == nil {
		s = new(side)
		b[k] = s
	}
	s.calls += l.Calls
	s.cost.Add(&s.cost, amount)
	s.Tokens.Add(&l.Tokens)
}

func (b book) total() (calls int64, amount *big.Int) {
	amount = new(big.Int)
	for _, s := range b {
		calls += s.calls
		amount.Add(amount, &s.cost)
	}
	return calls, amount
}

// Compare returns what the two sides disagree about.
func (w *Witness) Compare() error {
	delivered, lost, err := w.billed()
	if err != nil {
		return err
	}
	jobs, err := w.journals()
	if err != nil {
		return err
	}
	all := append(slices.Collect(maps.Keys(delivered)), slices.Collect(maps.Keys(jobs.reported))...)
	slices.SortFunc(all, func(a, b kind) int { return cmp.Or(cmp.Compare(a.model, b.model), cmp.Compare(a.tier, b.tier)) })
	var faults []error
	spare := int64(w.died) + jobs.elsewhere // answers that need be in no journal
	missing := int64(0)
	for _, k := range slices.Compact(all) {
		got, want := cmp.Or(jobs.reported[k], new(side)), cmp.Or(delivered[k], new(side))
		if got.String() == want.String() {
			continue
		}
		missing += want.calls - got.calls
		if spare == 0 || !within(got, want) {
			faults = append(faults, fmt.Errorf("%s in the tier %s: the jobs say %v, and the simulator has delivered %v", k.model, k.tier, got, want))
		}
	}
	if len(faults) == 0 && missing > spare {
		faults = append(faults, fmt.Errorf("%d answers came to no journal, and at most %d were on their way to processes that were killed, or are in batches", missing, spare))
	}
	calls, most := lost.total()
	if named := jobs.unreported + spare - missing; calls > named {
		faults = append(faults, fmt.Errorf("%d answers were billed and not delivered, and the jobs name %d", calls, named))
	}
	if calls <= jobs.unreported && most.Cmp(big.NewInt(int64(jobs.most))) > 0 {
		faults = append(faults, fmt.Errorf("%v pico-dollars were billed and not delivered, and the jobs name at most %d", most, jobs.most))
	}
	return errors.Join(faults...)
}

// within reports whether one side can be a part of another: it has no more of anything, and
// there are whole answers that it lacks.
func within(part, whole *side) bool {
	p, w := &part.Tokens, &whole.Tokens
	return part.calls < whole.calls && part.cost.Cmp(&whole.cost) <= 0 && p.Prompt < w.Prompt &&
		p.Cached <= w.Cached && p.Tool <= w.Tool && p.Output <= w.Output && p.Thoughts <= w.Thoughts
}

// billed returns what the simulators have delivered, and billed in vain.
func (w *Witness) billed() (delivered, lost book, err error) {
	delivered, lost = book{}, book{}
	for _, s := range w.Billers {
		st := s.Stats()
		// A caller may have the end of a stream before the simulator has entered it.
		for end := time.Now().Add(5 * time.Second); st.InFlight > 0 && time.Now().Before(end); st = s.Stats() {
			time.Sleep(time.Millisecond)
		}
		for i := range st.Bill {
			to := lost
			if st.Bill[i].Fate == bill.Delivered {
				to = delivered
			}
			amount, unknown := w.price(&st.Bill[i])
			if unknown != nil {
				err = errors.Join(err, unknown)
				continue
			}
			to.enter(&st.Bill[i], amount)
		}
	}
	return delivered, lost, err
}
