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
		heap.Push(&lowest, it.Request.ID())
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
	type row struct {
		id     batch.ID
		tokens int
	}
	var rows []row
	for it, err := range l.Items() {
		if err != nil {
			return nil, err
		}
		if it.Fate.Ask() {
			rows = append(rows, row{it.Request.ID(), it.Request.InputTokens})
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.tokens, b.tokens), a.id.Compare(b.id)) })
	n = min(n, len(rows))
	ids := make(map[batch.ID]bool, n)
	for i := range n {
		stratum := rows[i*len(rows)/n : (i+1)*len(rows)/n]
		lowest := slices.MinFunc(stratum, func(a, b row) int { return a.id.Compare(b.id) })
		ids[lowest.id] = true
	}
	return l.choose(ids), nil
}
