package work

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/genbatch/genbatch/batch"
)

// Sample returns the list of the n rows with the lowest fingerprints. Fingerprints are as
// good as random, and the same rows are chosen each time. Bad and copied rows are not
// chosen. l stays as it is.
func (l *List) Sample(n int) (*List, error) {
	var lowest idHeap
	for it, err := range l.Items() {
		if err != nil {
			return nil, err
		}
		if it.Fate == Bad || it.Fate == Copied { // the row whose call a copy shares might not be chosen
			continue
		}
		heap.Push(&lowest, it.SingleID())
		if len(lowest) > n {
			heap.Pop(&lowest)
		}
	}
	ids := make(map[batch.ID]bool, len(lowest))
	for _, id := range lowest {
		ids[id] = true
	}
	return l.choose(ids), nil
}

// idHeap has its highest ID on top.
type idHeap []batch.ID

func (h idHeap) Len() int      { return len(h) }
func (h idHeap) Swap(i, k int) { h[i], h[k] = h[k], h[i] }
func (h *idHeap) Push(x any)   { *h = append(*h, x.(batch.ID)) }

func (h idHeap) Less(i, k int) bool { return h[i].Compare(h[k]) > 0 }

func (h *idHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// Pilot returns the list of n of the rows that are to be asked, or of all if they are
// fewer. It sorts them by the length of their prompts, cuts them into n strata, and
// chooses the row with the lowest fingerprint of each. l stays as it is.
func (l *List) Pilot(n int) (*List, error) {
	var rows strata
	for it, err := range l.Items() {
		if err != nil {
			return nil, err
		}
		if it.Fate.Ask() {
			rows = append(rows, candidate{it.SingleID(), it.Request.InputTokens})
		}
	}
	return l.choose(rows.choose(n)), nil
}

// Panel is Pilot for rows that are to be asked in several ways. It chooses among all rows that
// can be asked, whatever the journal has for them, so that the same ones are chosen each time.
func (l *List) Panel(n int) (*List, error) {
	var rows strata
	p := l.newPass()
	for row, err := range l.Rows() {
		if err != nil {
			return nil, err
		}
		it := p.item(row)
		if it.Request == nil || l.chosen != nil && !l.chosen[it.SingleID()] || l.Dedupe && it.Request.Occurrence > 0 || l.refuse(it.Request, row) != nil {
			continue
		}
		rows = append(rows, candidate{it.SingleID(), it.Request.InputTokens})
	}
	return l.choose(rows.choose(n)), nil
}

// strata are rows, to be sorted by the length of their prompts and cut into parts of the same
// size.
type strata []candidate

// A candidate is a row that may be chosen.
type candidate struct {
	id     batch.ID
	tokens int
}

// choose returns the row with the lowest fingerprint of each of n parts.
func (rows strata) choose(n int) map[batch.ID]bool {
	slices.SortFunc(rows, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.tokens, b.tokens), a.id.Compare(b.id)) })
	n = min(n, len(rows))
	ids := make(map[batch.ID]bool, n)
	for i := range n {
		part := rows[i*len(rows)/n : (i+1)*len(rows)/n]
		ids[slices.MinFunc(part, func(a, b candidate) int { return a.id.Compare(b.id) }).id] = true
	}
	return ids
}
