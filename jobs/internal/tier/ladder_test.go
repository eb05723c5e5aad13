package tier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/record"
)

// What is left, at the pace so far, decides when the first tier is left.
func TestSwitchAt(t *testing.T) {
	at := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name     string
		pace     map[int]*pace
		rpm, tpm int64
		shed     bool
		want     time.Duration // before the deadline
	}{
		{"nothing known", nil, 0, 0, false, 870 * time.Second},                                                       // 1.25 * 100 * 60 s / 10 + 2 * 60 s
		{"flex takes 10 s", map[int]*pace{0: {ended: 10, occupied: 100}}, 0, 0, false, 145 * time.Second},            // 10 s for 60
		{"standard takes 5 s", map[int]*pace{1: {ended: 51, occupied: 255}}, 0, 0, false, 130500 * time.Millisecond}, // (4*60+255)/55 = 9 s
		{"10 rpm", map[int]*pace{0: {ended: 10, occupied: 100}}, 10, 0, false, 770 * time.Second},                    // 1.25 * 100 * 6 s + 20 s
		{"tpm", map[int]*pace{0: {ended: 10, occupied: 100, tokens: 1000}}, 0, 1000, false, 770 * time.Second},       // 10 rows of 100 tokens a minute
		{"busy", map[int]*pace{0: {ended: 10, occupied: 100}}, 0, 0, true, 205 * time.Second},
	} {
		ti := &Ladder{
			tiers: []string{"flex", "standard"}, deadline: at, concurrency: 10, left: 100, pace: tt.pace, refused: tt.shed,
			config: Config{RPM: int(tt.rpm), TPM: int(tt.tpm)},
		}
		if got := at.Sub(ti.switchAt()); got != tt.want {
			t.Errorf("%s: %v before the deadline, want %v", tt.name, got, tt.want)
		}
		ti.left, ti.config.RowsPerCall = 2500, 25
		if got := at.Sub(ti.switchAt()); got != tt.want {
			t.Errorf("%s: %v before the deadline for 25 times the rows in as many calls, want %v", tt.name, got, tt.want)
		}
	}
}

// A server is a model that answers by tier, after a while.
type server struct {
	takes map[string]time.Duration              // a call; 0 = a second
	busy  func(r *batch.Request) *batch.Outcome // nil, or what is refused; nil: nothing is

	mu    sync.Mutex
	asked []string // tiers, in the order of the calls
	ended map[string]int
	last  time.Time
}

func (s *server) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	s.mu.Lock()
	s.asked = append(s.asked, r.Tier)
	s.mu.Unlock()
	if s.busy != nil {
		if o := s.busy(r); o != nil {
			return *o
		}
	}
	takes := s.takes[r.Tier]
	if takes == 0 {
		takes = time.Second
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return batch.Outcome{Consequence: batch.Retry, MaybeBilled: true, Err: &batch.Error{Kind: batch.KindTransport, Message: "the attempt was given up"}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = map[string]int{}
	}
	s.ended[r.Tier]++
	s.last = time.Now()
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, Tier: r.Tier, Response: json.RawMessage(`{}`),
		Usage: &batch.Usage{PromptTokenCount: 10, CandidatesTokenCount: 1, ServiceTier: r.Tier},
	}
}

// shedFlex refuses flex calls as the API does when it is busy.
func shedFlex(r *batch.Request) *batch.Outcome {
	if r.Tier != "flex" {
		return nil
	}
	return &batch.Outcome{Consequence: batch.SlowDown, Err: &batch.Error{Kind: batch.KindOverload, HTTPStatus: 503, Message: "overloaded"}}
}

type memorySink struct{ results []*batch.Result }

func (m *memorySink) Write(r []*batch.Result) error {
	m.results = append(m.results, r...)
	return nil
}

func (m *memorySink) statuses() map[batch.Status]int {
	n := map[batch.Status]int{}
	for _, r := range m.results {
		n[r.Status]++
	}
	return n
}

// flexFirst is the usual ladder.
var flexFirst = []string{"flex", "standard"}

// runTiers runs n rows over the ladder of c, in a bubble.
func runTiers(t *testing.T, s *server, n, workers int, c Config) (*memorySink, error) {
	t.Helper()
	ctx, cancel := WithDeadline(t.Context(), c.Deadline)
	defer cancel()
	limiter := quota.New(quota.Config{Concurrency: workers, RPM: c.RPM})
	defer limiter.Close()
	c.Limiter, c.Quota, c.Begin, c.Concurrency, c.Left = limiter, limiter, time.Now(), workers, int64(n)
	sink := new(memorySink)
	err := batch.Run(ctx, New(c).Over(batch.Config{
		Model: s, Limiter: limiter, Sink: sink, Concurrency: workers, MaxAttempts: 2, OnResult: func(*batch.Result) {},
	}), func(yield func(*batch.Request, error) bool) {
		for i := range n {
			r := &batch.Request{Row: int64(i), Model: "m", InputTokens: 10, Body: json.RawMessage(`{}`)}
			r.Fingerprint[0], r.Fingerprint[1] = byte(i), byte(i>>8)
			if !yield(r, nil) {
				return
			}
		}
	})
	return sink, err
}

// A row that the flex tier has no room for goes on trying it until it has waited for
// its time, then is answered by the standard tier, whatever --max-attempts says.
func TestFlexWaitsThenFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{busy: shedFlex}
		begin := time.Now()
		sink, err := runTiers(t, s, 1, 8, Config{Tiers: flexFirst, Wait: 10 * time.Minute})
		if err != nil || sink.statuses()[batch.OK] != 1 {
			t.Fatalf("%v, %v", sink.statuses(), err)
		}
		took := time.Since(begin)
		// The last back-off, of a minute at most, may begin just before the end.
		if took < 10*time.Minute || took > 11*time.Minute+2*time.Second {
			t.Errorf("answered after %v, want after 10 minutes of waiting", took)
		}
		flex := len(s.asked) - 1
		if flex < 10 || s.asked[flex] != "standard" || slices.Contains(s.asked[:flex], "standard") {
			t.Errorf("asked %v, want many flex and then one standard", s.asked)
		}
		if r := sink.results[0]; r.Attempts != len(s.asked) || len(r.Spent) != 1 || r.Spent[0].Tier != "standard" {
			t.Errorf("%d attempts, spent %+v", r.Attempts, r.Spent)
		}
	})
}

// Rows that are refused now and then stay in the flex tier.
func TestFlexIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		times := map[int64]int{}
		var mu sync.Mutex
		s := &server{busy: func(r *batch.Request) *batch.Outcome {
			mu.Lock()
			defer mu.Unlock()
			if times[r.Row]++; times[r.Row] <= 4 { // more than --max-attempts
				return shedFlex(r)
			}
			return nil
		}}
		sink, err := runTiers(t, s, 50, 8, Config{Tiers: flexFirst, Wait: 6 * time.Hour})
		if err != nil || sink.statuses()[batch.OK] != 50 || s.ended["flex"] != 50 {
			t.Errorf("%v, answered %v, %v; want 50 ok by flex", sink.statuses(), s.ended, err)
		}
	})
}

// Flex calls that are shed take nothing from the pace of the standard tier: rows fall
// back at once, and are then answered as fast as 16 workers go.
func TestShedCallsDoNotSlowTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{busy: shedFlex}
		begin := time.Now()
		sink, err := runTiers(t, s, 400, 16, Config{Tiers: flexFirst, Wait: time.Nanosecond})
		if err != nil || sink.statuses()[batch.OK] != 400 {
			t.Fatalf("%v, %v", sink.statuses(), err)
		}
		if took := time.Since(begin); took > 60*time.Second {
			t.Errorf("400 rows of a second by 16 workers took %v, want 25 s and slow start", took)
		}
	})
}

// What requests a minute make a row wait is no wait for the tier.
func TestQueueIsNoWaitForTheTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := &server{busy: func(r *batch.Request) *batch.Outcome {
			if calls++; calls <= 3 {
				return shedFlex(r)
			}
			return nil
		}}
		begin := time.Now()
		_, err := runTiers(t, s, 1, 1, Config{Tiers: flexFirst, Wait: 30 * time.Second, RPM: 1})
		if took := time.Since(begin); err != nil || s.ended["flex"] != 1 || took < 3*time.Minute {
			t.Errorf("answered %v after %v, %v; want flex after three minutes of 1 rpm", s.ended, took, err)
		}
	})
}

// Where the tier has no room for anyone, not every row waits for it as long as it may;
// and once it has room again, the rows that are left go there.
func TestTierThatIsDry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{busy: shedFlex}
		begin := time.Now()
		sink, err := runTiers(t, s, 400, 8, Config{Tiers: flexFirst, Wait: 10 * time.Minute})
		if took := time.Since(begin); err != nil || sink.statuses()[batch.OK] != 400 || took > 20*time.Minute {
			t.Errorf("%v after %v, %v; want 400 ok soon after 10 minutes", sink.statuses(), took, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := &server{takes: map[string]time.Duration{"flex": 20 * time.Second, "standard": 20 * time.Second}}
		s.busy = func(r *batch.Request) *batch.Outcome {
			if time.Since(begin) > 30*time.Minute {
				return nil
			}
			return shedFlex(r)
		}
		sink, err := runTiers(t, s, 2000, 8, Config{Tiers: flexFirst, Wait: 10 * time.Minute})
		if err != nil || sink.statuses()[batch.OK] != 2000 || s.ended["standard"] < 100 || s.ended["flex"] < 1200 {
			t.Errorf("%v, answered %v, %v; want most by flex, from the 30th minute on", sink.statuses(), s.ended, err)
		}
	})
}

// With a deadline rows leave the flex tier when the standard one needs the time, and
// all are answered before it.
func TestDeadlineLeavesFlexInTime(t *testing.T) {
	for _, tt := range []struct {
		name string
		busy func(*batch.Request) *batch.Outcome
		flex time.Duration
		min  int // rows that flex answers, of 2000
	}{
		{"slow", nil, 10 * time.Minute, 100},
		{"busy", shedFlex, 0, 0},
		{"hanging", nil, 100 * time.Hour, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{busy: tt.busy, takes: map[string]time.Duration{"flex": tt.flex, "standard": 20 * time.Second}}
				begin := time.Now()
				sink, err := runTiers(t, s, 2000, 16, Config{Tiers: flexFirst, Deadline: time.Now().Add(4 * time.Hour)})
				if err != nil || sink.statuses()[batch.OK] != 2000 {
					t.Fatalf("%v, answered %v, %v", sink.statuses(), s.ended, err)
				}
				t.Logf("done after %v: %v of %d", s.last.Sub(begin), s.ended, len(s.asked))
				// Flex calls that would be cut are not begun, as far as they can be foretold.
				if tt.name == "slow" && len(s.asked) > 2016 {
					t.Errorf("%d calls for 2000 rows", len(s.asked))
				}
				if s.last.Sub(begin) > 4*time.Hour || s.ended["flex"] < tt.min {
					t.Errorf("done after %v with %d by flex, want within 4 h and %d", s.last.Sub(begin), s.ended["flex"], tt.min)
				}
			})
		})
	}
}

// Flex that is fast enough does all of it.
func TestDeadlineThatFlexKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{takes: map[string]time.Duration{"flex": 2 * time.Minute}}
		sink, err := runTiers(t, s, 500, 16, Config{Tiers: flexFirst, Deadline: time.Now().Add(75 * time.Minute)}) // 63 minutes of flex calls
		if err != nil || sink.statuses()[batch.OK] != 500 || s.ended["flex"] != 500 {
			t.Errorf("%v, answered %v, %v", sink.statuses(), s.ended, err)
		}
	})
}

// Requests a minute bind all tiers together, and the reserve counts with them.
func TestDeadlineKnowsTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{busy: shedFlex, takes: map[string]time.Duration{"standard": 5 * time.Second}}
		begin := time.Now()
		sink, err := runTiers(t, s, 600, 16, Config{Tiers: flexFirst, Deadline: time.Now().Add(3 * time.Hour), RPM: 10}) // 1 h of standard calls
		if err != nil || sink.statuses()[batch.OK] != 600 {
			t.Fatalf("%v, %v", sink.statuses(), err)
		}
		took := s.last.Sub(begin)
		t.Logf("done after %v: %v", took, s.ended)
		if took > 3*time.Hour || took < 90*time.Minute {
			t.Errorf("done after %v, want flex to be tried for an hour or more, and 3 h kept", took)
		}
		if perMinute := float64(len(s.asked)) / took.Minutes(); perMinute > 10 {
			t.Errorf("%.1f requests a minute were sent, want 10", perMinute)
		}
	})
}

// What cannot be done by the deadline stays pending, and nothing failed.
func TestDeadlineEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{takes: map[string]time.Duration{"standard": time.Minute}}
		begin := time.Now()
		sink, err := runTiers(t, s, 1000, 4, Config{Tiers: flexFirst, Deadline: time.Now().Add(10 * time.Minute)})
		if _, late := errors.AsType[*record.DeadlineError](err); !late {
			t.Fatalf("the run ends with %v, want a *record.DeadlineError", err)
		}
		n := sink.statuses()
		if n[batch.OK] == 0 || n[batch.OK] != len(sink.results)-n[batch.Pending] || n[batch.Failed] != 0 {
			t.Errorf("%v", n)
		}
		if took := time.Since(begin); took > 10*time.Minute+30*time.Second {
			t.Errorf("the run ended after %v", took)
		}
	})
}

// A job that is to have the flex tier alone waits for it, and then fails as any other.
func TestFlexAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{busy: shedFlex}
		begin := time.Now()
		sink, err := runTiers(t, s, 1, 4, Config{Tiers: []string{"flex"}})
		if err != nil || sink.statuses()[batch.Failed] != 1 || slices.Contains(s.asked, "standard") {
			t.Errorf("%v, %v, asked %v", sink.statuses(), err, s.asked)
		}
		if took := time.Since(begin); took < defaultTierWait {
			t.Errorf("given up after %v", took)
		}
	})
}

// A quota that the refusal names belongs to all tiers: it is learned, and is no
// reason to pay more.
func TestNamedQuotaIsNotTheTiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := 0
		var mu sync.Mutex
		s := &server{busy: func(*batch.Request) *batch.Outcome {
			mu.Lock()
			defer mu.Unlock()
			if refused++; refused > 1 {
				return nil
			}
			return &batch.Outcome{
				Consequence: batch.SlowDown, RetryAfter: 30 * time.Second, Err: &batch.Error{Kind: batch.KindQuota, HTTPStatus: http.StatusTooManyRequests, Message: "quota"},
				Limits: []batch.Limit{{ID: "RequestsPerMinute", Value: 20, Per: time.Minute}},
			}
		}}
		begin := time.Now()
		sink, err := runTiers(t, s, 60, 8, Config{Tiers: flexFirst, Wait: time.Second})
		if err != nil || sink.statuses()[batch.OK] != 60 {
			t.Fatalf("%v, %v", sink.statuses(), err)
		}
		if took := time.Since(begin); took < 2*time.Minute {
			t.Errorf("60 rows took %v: 20 rpm is not kept to", took)
		}
		if fmt.Sprint(s.ended) == "map[standard:60]" {
			t.Error("the quota drove all rows from the tier")
		}
	})
}

// Without a wait that is given, rows wait for a tier as long as the flex tier aims to answer
// in, and with a deadline for half of the time, but an hour at most. If there is no other
// tier, they wait for all of it.
func TestWaitOfATier(t *testing.T) {
	begin := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		tiers       []string
		wait, until time.Duration // 0: not given
		want        time.Duration
	}{
		{flexFirst, 0, 0, 15 * time.Minute},
		{flexFirst, time.Minute, time.Hour, time.Minute},
		{flexFirst, 0, time.Hour, 30 * time.Minute},
		{flexFirst, 0, 12 * time.Hour, time.Hour},
		{[]string{"flex"}, 0, 12 * time.Hour, 12 * time.Hour},
		{[]string{"flex"}, 0, 0, 15 * time.Minute},
	} {
		c := Config{Tiers: tt.tiers, Wait: tt.wait, Begin: begin}
		if tt.until > 0 {
			c.Deadline = begin.Add(tt.until)
		}
		if got := New(c).wait; got != tt.want {
			t.Errorf("%q with a wait of %v and %v until the deadline: %v, want %v", tt.tiers, tt.wait, tt.until, got, tt.want)
		}
	}
}

// Only flex calls have a limiter of their own.
func TestFlexLimiter(t *testing.T) {
	if New(Config{Tiers: flexFirst}).FlexLimiter() == nil {
		t.Error("flex has no limiter of its own")
	}
	if New(Config{Tiers: []string{"priority"}}).FlexLimiter() != nil {
		t.Error("priority has a limiter of flex calls")
	}
}

// An answer by another tier is told, as is one that does not say which it is by: both are
// billed by what the answer says.
func TestWarnsOfAnotherTier(t *testing.T) {
	for _, tt := range []struct {
		asked, served string
		warns         bool
	}{
		{"flex", "flex", false},
		{"flex", "ON_DEMAND_FLEX", false}, // as Vertex AI has it
		{"flex", "standard", true},
		{"flex", "", true},
		{"standard", "", false},
		{"priority", "standard", true},
	} {
		var warnings, want []string
		if tt.warns {
			want = []string{tt.asked + " " + tt.served}
		}
		l := New(Config{Tiers: []string{tt.asked}, Warn: func(asked, served string) {
			warnings = append(warnings, asked+" "+served)
		}})
		l.warnIfOtherTier(&batch.Request{Tier: tt.asked}, &batch.Outcome{Tier: tt.served, Usage: new(batch.Usage)})
		l.warnIfOtherTier(&batch.Request{Tier: tt.asked}, &batch.Outcome{}) // nothing to be billed
		if !slices.Equal(warnings, want) {
			t.Errorf("%s answered by %q: warned of %q, want %q", tt.asked, tt.served, warnings, want)
		}
	}
}
