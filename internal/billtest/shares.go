package billtest

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/genbatch/genbatch/internal/sim/bill"
)

// Rows that have shared a call have all of its usage in their lines, and which of the rows they
// are. So the call is known as a whole, and nothing is divided here: it counts when all of its
// rows are in the journal, each of them once.

// A sharedCall is a call that rows have shared, or one of a single row.
type sharedCall struct {
	line     *bill.Line // nil: nothing was reported
	amount   *big.Int
	endpoint book
	rows     []int64 // how often each of them is in the journal
}

// enter adds a call to the books so many times.
func (j *journals) enter(c *sharedCall, times int64) {
	for range times {
		switch {
		case c.line == nil:
			j.unreported++
			continue
		case unpriced[bare(c.line.Model)]:
			j.unpriced++
		}
		j.reported.enter(c.line, c.amount)
		c.endpoint.enter(c.line, c.amount)
	}
}

// join adds the calls that rows have shared. If a process may have died, so may rows with it, and
// what is left of their calls is torn.
func (j *journals) join(mayDie bool) error {
	for key, c := range j.shared {
		whole := slices.Min(c.rows)
		j.enter(c, whole)
		var left int64
		for _, n := range c.rows {
			left += n - whole
		}
		switch {
		case left == 0:
		case !mayDie:
			return fmt.Errorf("of the %d rows that have shared a call, some are more often in the journal than others: %v, %s", len(c.rows), c.rows, key)
		case c.line == nil:
			j.unreported += c.rows[0] - whole
		default:
			if unpriced[bare(c.line.Model)] {
				j.unpriced += c.rows[0] - whole
			}
			j.torn.add(c, c.rows[0]-whole, left)
		}
	}
	return nil
}

// torn is what the journal has of calls of which it lacks rows. A row's share is the call's amount
// by the number of its rows, and each of the seven parts of a price may be rounded down or up.
type torn struct {
	calls       int64 // whose first row is there
	least, most big.Int
}

func (t *torn) add(c *sharedCall, calls, rows int64) {
	const parts = 7 + 1 // and the division here
	t.calls += calls
	share := new(big.Int).Div(c.amount, big.NewInt(int64(len(c.rows))))
	share.Mul(share, big.NewInt(rows))
	t.least.Add(&t.least, new(big.Int).Sub(share, big.NewInt(parts*rows)))
	t.most.Add(&t.most, share.Add(share, big.NewInt(parts*rows)))
}

// allows reports whether an amount can be that of what is torn: exactly nothing if nothing is.
func (t *torn) allows(amount *big.Int) bool {
	return amount.Cmp(&t.least) >= 0 && amount.Cmp(&t.most) <= 0
}
