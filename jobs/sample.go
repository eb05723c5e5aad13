package jobs

import (
	"container/heap"

	"github.com/genbatch/genbatch/batch"
)

// chooseSample picks the rows of --sample: those with the lowest fingerprints, so
// that the same rows are picked each time.
func (j *Job) chooseSample() error {
	if j.spec.Sample == 0 {
		return nil
	}
	var lowest sampleHeap
	for it, err := range j.items() {
		if err != nil {
			return err
		}
		if it.req == nil || it.copied { // the row that is asked for it might not be picked
			continue
		}
		heap.Push(&lowest, it.req.ID())
		if len(lowest) > j.spec.Sample {
			heap.Pop(&lowest)
		}
	}
	j.sampled = make(map[batch.ID]bool, len(lowest))
	for _, id := range lowest {
		j.sampled[id] = true
	}
	return nil
}

// sampleHeap has its highest id on top.
type sampleHeap []batch.ID

func (h sampleHeap) Len() int      { return len(h) }
func (h sampleHeap) Swap(i, k int) { h[i], h[k] = h[k], h[i] }
func (h *sampleHeap) Push(x any)   { *h = append(*h, x.(batch.ID)) }

func (h sampleHeap) Less(i, k int) bool { return h[i].Compare(h[k]) > 0 }

func (h *sampleHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
