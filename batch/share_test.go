package batch

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestDivide(t *testing.T) {
	for _, n := range []int64{0, 1, 2, 3, 24, 25, 26, 999, 1_000_000_007, math.MaxInt64, math.MaxInt64 - 1, -1, -40, -999, math.MinInt64 + 1} {
		for of := 1; of <= 100; of++ {
			var sum int64
			least, most := int64(math.MaxInt64), int64(math.MinInt64)
			for row := range of {
				d := Share{row, of}.Divide(n)
				sum, least, most = sum+d, min(least, d), max(most, d)
			}
			if sum != n || most-least > 1 {
				t.Errorf("%d of %d: the shares add up to %d, from %d to %d", n, of, sum, least, most)
			}
		}
	}
	if d := (Share{}).Divide(7); d != 7 {
		t.Errorf("the whole of 7 is %d", d)
	}
}

// counts are all counts of a usage, with the thoughts as they are billed.
func counts(u *Usage) map[string]int64 {
	all := map[string]int64{
		"prompt": u.PromptTokenCount, "cached": u.CachedContentTokenCount, "tool": u.ToolUsePromptTokenCount,
		"thoughts": u.Thoughts(), "output": u.CandidatesTokenCount, "total": u.TotalTokenCount,
		"searches": u.Searches, "map searches": u.MapSearches,
	}
	for name, details := range map[string][]ModalityTokens{
		"prompt": u.PromptTokensDetails, "cached": u.CacheTokensDetails, "output": u.CandidatesTokensDetails, "tool": u.ToolUsePromptTokensDetails,
	} {
		for i, d := range details {
			all[fmt.Sprint(name, " ", i, " ", d.Modality)] = d.TokenCount
		}
	}
	return all
}

// TestOwn divides usages of all kinds that servers report: thoughts reported, left out, or only
// in the total; totals that leave out parts, and totals that are above them.
func TestOwn(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 1))
	some := func(most int64) int64 { return max(0, r.Int64N(2*most)-most) } // half of them 0
	for range 500 {
		u := &Usage{
			PromptTokenCount: some(3000), CachedContentTokenCount: some(100), ToolUsePromptTokenCount: some(50), ThoughtsTokenCount: some(60),
			CandidatesTokenCount: some(300), Searches: some(4), MapSearches: some(4), ServiceTier: "flex", TrafficType: "ON_DEMAND",
			PromptTokensDetails:     []ModalityTokens{{"TEXT", some(100)}, {"IMAGE", some(1000)}, {"TEXT", some(9)}},
			CandidatesTokensDetails: []ModalityTokens{{"TEXT", some(100)}},
		}
		switch r.IntN(4) {
		case 0: // no total at all
		case 1:
			u.TotalTokenCount = some(5000)
		default:
			u.TotalTokenCount = u.PromptTokenCount + u.ToolUsePromptTokenCount + u.CandidatesTokenCount + u.ThoughtsTokenCount
			if r.IntN(2) == 0 {
				u.ThoughtsTokenCount = 0 // a gateway that drops them
			}
		}
		before := fmt.Sprintf("%+v", *u)
		whole := counts(u)
		for _, of := range []int{2, 3, 7, 25, 100} {
			sum, least, most := map[string]int64{}, map[string]int64{}, map[string]int64{}
			for row := range of {
				s := Spend{Usage: u, Share: Share{row, of}}
				own := s.Own()
				if own.ServiceTier != "flex" || own.TrafficType != "ON_DEMAND" {
					t.Fatalf("a share is of another tier: %+v", own)
				}
				for name, n := range counts(own) {
					if row == 0 {
						least[name], most[name] = n, n
					}
					sum[name], least[name], most[name] = sum[name]+n, min(least[name], n), max(most[name], n)
				}
			}
			for name, n := range whole {
				if sum[name] != n {
					t.Fatalf("%s of %d rows add up to %d, want %d: %s", name, of, sum[name], n, before)
				}
				if name != "total" && (most[name]-least[name] > 1 || least[name] < 0) {
					t.Fatalf("%s of %d rows are from %d to %d: %s", name, of, least[name], most[name], before)
				}
			}
			// A total that is the sum of its parts is so of each share, and they are rounded one by one.
			if whole["total"] == u.others()+u.Thoughts() && (most["total"]-least["total"] > 4 || least["total"] < 0) {
				t.Fatalf("totals of %d rows are from %d to %d: %s", of, least["total"], most["total"], before)
			}
		}
		if after := fmt.Sprintf("%+v", *u); after != before {
			t.Fatalf("Own has changed the whole: %s, before %s", after, before)
		}
		alone := Spend{Usage: u}
		if alone.Own() != u {
			t.Fatal("the whole is not its own")
		}
	}
	if (&Spend{Share: Share{1, 2}}).Own() != nil {
		t.Error("a share of an unknown usage is known")
	}
}

// pack returns the call that rows share.
func pack(all ...*Request) *Request {
	if len(all) == 1 {
		return all[0]
	}
	r := *all[0]
	r.Rows = all
	return &r
}

// halvingModel refuses the first calls for a quota. Of packs it answers the rows below 100, leaves
// out those that end in 9, and has no answer to a pack with a row from 100 on: that is halved.
func halvingModel(busy int, seen func(*Request)) requestFunc {
	return func(r *Request) Outcome {
		if seen(r); busy > 0 {
			busy--
			return Outcome{Consequence: SlowDown, Err: &Error{Kind: KindQuota, Message: "busy"}}
		}
		o := Outcome{Consequence: Answered, Status: OK, Response: []byte(`{}`), Usage: &Usage{PromptTokenCount: 101, TotalTokenCount: 101}}
		if r.Row%7 == 0 {
			o.Usage, o.MaybeBilled, o.Most = nil, true, &Usage{PromptTokenCount: 5}
		}
		if len(r.Rows) == 0 {
			return o
		}
		again := Outcome{Consequence: Retry, Uncounted: true, Err: &Error{Kind: KindAnswer, Message: "not answered"}}
		for _, row := range r.Rows {
			if row.Row >= 100 {
				half := len(r.Rows) / 2
				o.Consequence, o.Response = Settled, nil
				o.Parts = []Part{{pack(r.Rows[:half]...), again}, {pack(r.Rows[half:]...), again}}
				return o
			}
		}
		for _, row := range r.Rows {
			part := Part{row, Outcome{Consequence: Answered, Status: OK, Response: o.Response, Part: "bcd"}}
			if row.Row%10 == 9 {
				part.Outcome = again
			}
			o.Parts = append(o.Parts, part)
		}
		return o
	}
}

// openLimiter lets every call through.
type openLimiter struct{}

func (openLimiter) Acquire(context.Context, *Request) error { return nil }
func (openLimiter) Release(*Request, *Outcome)              {}

// Of all rows together, the attempts that are not shared are the calls that were made, and the
// shares of each call are there once. So it is also where rows come back in a later run, in
// other packs and without what their packs had come to.
func TestSharedAttemptsAreCountedOnce(t *testing.T) {
	for _, later := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const refused = 3
			calls, counted := 0, 0
			var left, all []*Request
			settled := map[int64]bool{}
			shares := map[time.Time]map[Share]int{} // by when the call began
			c := Config{
				Limiter: openLimiter{}, Sink: newSink(t), MaxAttempts: 50, Concurrency: 1,
				Model: halvingModel(refused, func(*Request) {
					calls++
					time.Sleep(time.Millisecond) // each call begins at a time of its own
				}),
				OnResult: func(r *Result) {
					counted += r.Attempts - r.Shared
					settled[r.Row] = settled[r.Row] || r.Status.Settled()
					for i := range r.Spent {
						s := &r.Spent[i]
						if shares[s.At] == nil {
							shares[s.At] = map[Share]int{}
						}
						shares[s.At][s.Share]++
						if (s.Share.Row == 0) != s.Counts() {
							t.Errorf("%+v counts: %v", s.Share, s.Counts())
						}
					}
				},
			}
			if later {
				c.Later = func(r *Request, _ *Outcome) { left = append(left, r) }
			}
			for i := range int64(40) {
				if i == 17 || i == 30 {
					i += 100
				}
				all = append(all, &Request{Row: i, Model: "m", Fingerprint: Fingerprint{byte(i)}})
			}
			inPacks := func(all []*Request, of int) iter.Seq2[*Request, error] {
				return func(yield func(*Request, error) bool) {
					for some := range slices.Chunk(all, of) {
						if !yield(pack(some...), nil) {
							return
						}
					}
				}
			}
			if err := Run(t.Context(), c, inPacks(all, 10)); err != nil {
				t.Fatal(err)
			}
			if later {
				c.Later = nil
				slices.Reverse(left)
				if err := Run(t.Context(), c, inPacks(left, 4)); err != nil || len(left) < 10 {
					t.Fatal(err, len(left))
				}
			}
			for _, r := range all {
				if !settled[r.Row] {
					t.Errorf("row %d is not settled", r.Row)
				}
			}
			if counted != calls || len(shares) != calls-refused {
				t.Errorf("%d calls are counted, of which %d were billed; %d were made, and %d refused", counted, len(shares), calls, refused)
			}
			for at, of := range shares {
				for s, times := range of {
					if times != 1 || max(1, s.Of) != len(of) {
						t.Errorf("the call at %v has share %+v %d times, and %d shares", at, s, times, len(of))
					}
				}
			}
		})
	}
}
