package cluster

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// TestRoom has a worker take shards in hand until it may hold no more.
func TestRoom(t *testing.T) {
	d := newDesk()
	want := func(when string, r room) {
		t.Helper()
		if got := d.room(); got != r {
			t.Errorf("%s: %+v, want %+v", when, got, r)
		}
	}
	none, beside, anyJob := room{none: true}, room{job: "a", patience: giveWay}, room{}
	want("at the beginning", anyJob)
	d.begin("a")
	want("before the rows are known", none)
	calls := d.slots(2)
	calls.TryAcquire(1)
	want("with rows to begin", none)
	d.fed()
	want("with the last row under way", beside)
	calls.TryAcquire(1)
	want("with all slots taken", none)
	calls.Release(1)
	d.begin("a")
	if d.slots(2) != calls {
		t.Error("the second shard has slots of its own")
	}
	want("with rows of the second shard to begin", none)
	d.fed()
	d.asked(nil) // of the first
	want("with the last rows of the second", beside)
	d.asked(nil)
	want("while two shards are collected", anyJob)
	d.begin("b")
	if d.slots(5) == calls {
		t.Error("another job has the slots of the first")
	}
	d.fed()
	d.asked(nil)
	want("with three shards in hand", none)
	d.end()
	want("with one less", anyJob)
	d.begin("b")
	first, second := errors.New("first"), errors.New("second")
	if more := d.asked(first); !more || d.failure() != first {
		t.Errorf("there are more shards: %v; %v", more, d.failure())
	}
	d.end()
	d.end()
	if more := d.asked(second); !more || d.failure() != first {
		t.Errorf("the second error is another one: %v; %v", more, d.failure())
	}
}

// TestRipe looks at the shards of a job again and again, and says which may be claimed by a worker
// without calls under way, and by one that has some.
func TestRipe(t *testing.T) {
	const lease = 8 * time.Second
	b, worker := newBoard(nil, "j", lease), new(sightings)
	begin := time.Now()
	for _, step := range []struct {
		at           time.Duration
		entries      map[int]entry
		idle, beside []int
	}{
		{0, map[int]entry{1: {claim{State: held}, 1}, 2: {claim{State: free}, 2}, 4: {claim{State: done}, 4}}, []int{2, 3}, nil},
		{giveWay / 2, map[int]entry{1: {claim{State: held}, 1}, 2: {claim{State: free}, 7}, 4: {claim{State: done}, 4}}, []int{2, 3}, nil},
		{giveWay, map[int]entry{1: {claim{State: held}, 1}, 2: {claim{State: free}, 7}, 3: {claim{State: held}, 8}}, []int{2, 4}, nil},
		{giveWay * 3 / 2, map[int]entry{1: {claim{State: held}, 1}, 2: {claim{State: free}, 7}, 3: {claim{State: held}, 8}}, []int{2, 4}, []int{2}},
		{giveWay * 2, map[int]entry{1: {claim{State: held}, 1}, 2: {claim{State: free}, 7}, 3: {claim{State: held}, 8}}, []int{2, 4}, []int{2, 4}},
		{4 * time.Second, map[int]entry{1: {claim{State: held}, 1}}, []int{2, 3, 4}, []int{4}},
		{8 * time.Second, map[int]entry{1: {claim{State: held}, 1}, 2: {claim{State: held}, 9}}, []int{1, 3, 4}, []int{3, 4}},
		{8*time.Second + giveWay, map[int]entry{1: {claim{State: held}, 1}, 2: {claim{State: held}, 9}}, []int{1, 3, 4}, []int{1, 3, 4}},
		// Too long a while after that: who held a shard may have been cut off as this process was.
		{13 * time.Second, map[int]entry{1: {claim{State: held}, 1}, 2: {claim{State: held}, 9}}, []int{3, 4}, []int{3, 4}},
	} {
		now := begin.Add(step.at)
		open := b.open(now, step.entries, 4)
		idle := slices.Sorted(maps.Keys(open))
		var beside []int
		for shard, age := range worker.ages(now, open) {
			if age >= giveWay {
				beside = append(beside, shard)
			}
		}
		slices.Sort(beside)
		if !slices.Equal(idle, step.idle) || !slices.Equal(beside, step.beside) {
			t.Errorf("after %v: %v and %v may be claimed, want %v and %v", step.at, idle, beside, step.idle, step.beside)
		}
	}
}

// through lets all requests through.
type through struct{}

func (through) Acquire(ctx context.Context, _ *batch.Request) error { return ctx.Err() }
func (through) Release(*batch.Request, *batch.Outcome)              {}

// TestSlotsAcrossShards has two shards with the same row share two slots. A row that was answered keeps
// its slot until it is published, and a shard that has ended keeps none.
func TestSlotsAcrossShards(t *testing.T) {
	d := newDesk()
	calls := d.slots(2)
	held := &hold{board: newBoard(nil, "j", time.Hour), renewed: time.Now()}
	shard := func() *gate {
		return &gate{Limiter: through{}, hold: held, calls: calls, rows: make(map[rowKey]bool)}
	}
	one, two := shard(), shard()
	same := &batch.Request{Fingerprint: batch.Fingerprint{1}, Occurrence: 1}
	for _, g := range []*gate{one, two} {
		if err := g.Acquire(t.Context(), same); err != nil {
			t.Fatal(err)
		}
	}
	if calls.TryAcquire(1) {
		t.Fatal("the same row of two shards has one slot")
	}
	one.Release(same, &batch.Outcome{Consequence: batch.Answered})
	if calls.TryAcquire(1) {
		t.Fatal("a row that was answered has no slot before it is published")
	}
	one.published([]*batch.Result{{Fingerprint: same.Fingerprint, Occurrence: same.Occurrence}})
	if !calls.TryAcquire(1) {
		t.Fatal("a row that was published has a slot")
	}
	calls.Release(1)
	if n := d.proven(); n != 2 {
		t.Errorf("%d calls in flight were answered, want 2", n)
	}
	if err := one.Acquire(t.Context(), same); err != nil {
		t.Fatal(err)
	}
	one.Release(same, &batch.Outcome{Consequence: batch.SlowDown, Err: &batch.Error{Kind: batch.KindQuota, HTTPStatus: 429}})
	if n := d.proven(); n != 0 {
		t.Errorf("after a refusal, %d calls in flight are proven", n)
	}
	if !calls.TryAcquire(1) {
		t.Fatal("a row that was refused has a slot")
	}
	full, cancel := context.WithCancel(t.Context())
	cancel()
	other := &batch.Request{Fingerprint: batch.Fingerprint{2}, Occurrence: 1}
	if err := one.Acquire(full, other); !errors.Is(err, context.Canceled) {
		t.Errorf("without a slot: %v", err)
	}
	two.Release(same, &batch.Outcome{Consequence: batch.Answered})
	two.empty() // it was never published
	two.empty()
	if !calls.TryAcquire(1) || calls.TryAcquire(1) {
		t.Error("a shard that has ended gives back another number of slots than it had")
	}
}
