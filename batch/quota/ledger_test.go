package quota_test

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
)

// A ledger keeps records in memory, as machines share them that have another clock than ours.
type ledger struct {
	*shared
	ahead time.Duration
}

type shared struct {
	mu      sync.Mutex
	records map[string][]byte
	down    bool
	raced   int // updates that were made twice, since another one came between
	updates int
}

var errDown = errors.New("no leader")

func (l ledger) Read(name string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errDown
	}
	return l.records[name], nil
}

// Update has change make every third record twice, as it is if another process comes first.
func (l ledger) Update(name string, _ bool, change func([]byte) ([]byte, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return errDown
	}
	if l.updates++; l.updates%3 == 0 {
		if _, err := change(bytes.Clone(l.records[name])); err != nil {
			return err
		}
		l.raced++
	}
	text, err := change(bytes.Clone(l.records[name]))
	if err == nil {
		l.records[name] = text
	}
	return err
}

func (l ledger) Ahead() time.Duration { return l.ahead }

// send sends requests until the end, and adds the times to sent.
func send(t *testing.T, l *quota.Limiter, end time.Time, mu *sync.Mutex, sent *[]time.Time) {
	for time.Now().Before(end) {
		r := &batch.Request{Model: "m", InputTokens: 10}
		if err := l.Acquire(t.Context(), r); err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		*sent = append(*sent, time.Now())
		mu.Unlock()
		l.Release(r, &batch.Outcome{Consequence: batch.Answered, Usage: &batch.Usage{PromptTokenCount: 10}})
	}
}

// most returns the most requests of any window, as the server counts them.
func most(sent []time.Time, window time.Duration) (n int) {
	slices.SortFunc(sent, time.Time.Compare)
	first := 0
	for i, at := range sent {
		for at.Sub(sent[first]) >= window {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

// TestLedgerSharesMinute has machines whose idea of the common clock differs share a limit, and
// one of them die.
func TestLedgerSharesMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := &shared{records: make(map[string][]byte)}
		var mu sync.Mutex
		var sent []time.Time
		var wg sync.WaitGroup
		begin := time.Now()
		for i := range 4 {
			l := quota.New(quota.Config{RPM: 600, Store: &quota.Store{
				Endpoint: "e", Ledger: ledger{records, time.Hour + time.Duration(i)*200*time.Millisecond},
			}})
			end := begin.Add(4 * time.Minute)
			if i == 3 {
				end = begin.Add(90 * time.Second)
			}
			for range 4 {
				wg.Go(func() { send(t, l, end, &mu, &sent) })
			}
		}
		wg.Wait()
		if n := most(sent, time.Minute); n > 600 {
			t.Errorf("%d requests in a minute, the limit is 600", n)
		}
		if n := len(sent); n < 4*600*90/100 {
			t.Errorf("%d requests in four minutes, of 2400 that the limit allows", n)
		}
		if records.raced == 0 {
			t.Error("no update was made twice")
		}
	})
}

// TestLedgerFailsClosed has the ledger fail for a while: nothing may be sent then but what was
// booked before, and everything goes on soon after.
func TestLedgerFailsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := &shared{records: make(map[string][]byte)}
		l := quota.New(quota.Config{RPM: 600, Store: &quota.Store{Endpoint: "e", Ledger: ledger{records, 0}}})
		var mu sync.Mutex
		var sent []time.Time
		begin := time.Now()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { send(t, l, begin.Add(90*time.Second), &mu, &sent) })
		}
		down := func(is bool) {
			records.mu.Lock()
			records.down = is
			records.mu.Unlock()
		}
		time.Sleep(30 * time.Second)
		down(true)
		time.Sleep(30 * time.Second)
		down(false)
		wg.Wait()
		var before, during, after int
		for _, at := range sent {
			switch d := at.Sub(begin); {
			case d <= 31*time.Second:
				before++
			case d <= 60*time.Second:
				during++
			default:
				after++
			}
		}
		if before < 250 || during > 0 || after < 250 {
			t.Errorf("%d requests before, %d while the ledger was away, and %d after it", before, during, after)
		}
	})
}

// TestLedgerTellsPause has one machine hear of a limit and of a pause: the others keep both
// within a second.
func TestLedgerTellsPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := &shared{records: make(map[string][]byte)}
		limiter := func() *quota.Limiter {
			return quota.New(quota.Config{Store: &quota.Store{Endpoint: "e", Ledger: ledger{records, time.Minute}}})
		}
		a, b := limiter(), limiter()
		var mu sync.Mutex
		var sent []time.Time
		begin := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			for time.Since(begin) < 2*time.Minute {
				r := &batch.Request{Model: "m"}
				if err := b.Acquire(t.Context(), r); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				sent = append(sent, time.Now())
				mu.Unlock()
				time.Sleep(50 * time.Millisecond)
				b.Release(r, &batch.Outcome{Consequence: batch.Answered})
			}
		})
		time.Sleep(10 * time.Second)
		r := &batch.Request{Model: "m"}
		if err := a.Acquire(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		refused := time.Now()
		a.Release(r, &batch.Outcome{
			Consequence: batch.SlowDown, RetryAfter: 20 * time.Second,
			Err: &batch.Error{HTTPStatus: 429, Message: "quota"}, Limits: []batch.Limit{{Per: time.Minute, Value: 60}},
		})
		wg.Wait()
		var paused []time.Time
		for _, at := range sent {
			if d := at.Sub(refused); d > time.Second && d < 20*time.Second {
				paused = append(paused, at)
			}
		}
		if len(paused) > 0 {
			t.Errorf("%d requests of the other machine in the pause, the first %v after the refusal", len(paused), paused[0].Sub(refused))
		}
		i := slices.IndexFunc(sent, func(at time.Time) bool { return at.Sub(refused) > time.Second })
		if i < 0 || i+1 >= len(sent) {
			t.Fatal("nothing was sent after the pause")
		}
		// Later it tries whether the server accepts more than it has named by now.
		if gap := sent[i+1].Sub(sent[i]); gap < time.Second {
			t.Errorf("%v between the first calls after the pause, the limit that was named is one a second", gap)
		}
	})
}
