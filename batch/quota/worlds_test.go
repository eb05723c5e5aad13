package quota_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
)

// A world is a server as it may be: with limits that it enforces, and with troubles that
// it merely suffers.
type world struct {
	name string

	rpm, tpm int64                         // over a sliding minute; 0 = unlimited
	atOnce   int                           // calls that it works on at once; 0 = any number
	named    bool                          // refusals name the limit and when there is room
	fixed    bool                          // the minute is the clock's
	strict   bool                          // refused calls count as well
	bucket   int64                         // a bucket of so many calls, filled at rpm, instead of a window
	moves    func(at time.Duration) int64  // rpm as time passes
	row      func(r *rand.Rand) int64      // tokens of a row; nil = 100
	jitter   time.Duration                 // longest way of a call to the server
	refuses  float64                       // share of the calls that are refused at random
	after    time.Duration                 // Retry-After of those
	fault    string                        // what they are refused with; 429 if empty
	down     func(at time.Duration) string // how calls fail at the time; empty = they do not

	latency     time.Duration // of an answer: up to twice that; 0 = 1 s
	concurrency int           // of each process; 0 = 64
	processes   int           // 0 = 1
	from, to    time.Duration // what is measured; 0 = the second minute to the eleventh
	used        float64       // of what a perfect client gets, at least
	refused     float64       // of all calls, beyond those at random, at most
}

const way = 50 * time.Millisecond // of a refusal

// A served is a server at work.
type served struct {
	*world
	mu      sync.Mutex
	rand    *rand.Rand
	start   time.Time
	window  []call
	calls   int64
	tokens  int64
	working int
	filled  time.Time
	bucket  float64

	answered []int // calls of each second
	given    []int // tokens of those
	turned   []int // refused calls of each second, but for those at random
	spent    int   // calls while it was down
	failed   int   // rows
}

type call struct {
	at     time.Time
	tokens int64
}

func (s *served) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	s.mu.Lock()
	d := time.Duration(s.rand.Int64N(int64(s.jitter) + 1))
	s.mu.Unlock()
	if !sleep(ctx, d) {
		return batch.Outcome{Err: &batch.Error{Kind: batch.KindTransport, Message: "given up"}}
	}
	s.mu.Lock()
	o, took := s.serve(time.Now(), r)
	s.mu.Unlock()
	ok := sleep(ctx, took)
	if o.Consequence == batch.Answered {
		s.mu.Lock()
		s.working--
		s.mu.Unlock()
		if !ok {
			return batch.Outcome{Err: &batch.Error{Kind: batch.KindTransport, Message: "given up"}}
		}
	}
	return o
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// serve answers a call, or refuses it, and says how long that takes.
func (s *served) serve(now time.Time, r *batch.Request) (batch.Outcome, time.Duration) {
	at := now.Sub(s.start)
	second := int(at / time.Second)
	if s.down != nil {
		if kind := s.down(at); kind != "" {
			s.spent++
			return failure(kind)
		}
	}
	rpm := s.rpm
	if s.moves != nil {
		rpm = s.moves(at)
	}
	for len(s.window) > 0 && s.gone(now, s.window[0].at) {
		s.calls--
		s.tokens -= s.window[0].tokens
		s.window = s.window[1:]
	}
	tokens := int64(r.InputTokens)
	full := rpm > 0 && s.calls >= rpm
	if s.world.bucket > 0 {
		s.bucket = min(float64(s.world.bucket), s.bucket+now.Sub(s.filled).Minutes()*float64(rpm))
		s.filled = now
		full = s.bucket < 1
	}
	long := s.tpm > 0 && s.tokens > 0 && s.tokens+tokens > s.tpm
	chance := s.rand.Float64() < s.refuses
	if chance && s.fault != "" {
		return failure(s.fault)
	}
	if full || long || s.atOnce > 0 && s.working >= s.atOnce || chance {
		o, took := failure("429")
		switch {
		case full || long:
			if s.named {
				o.RetryAfter = s.window[0].at.Add(time.Minute).Sub(now)
				if full {
					o.Limits = append(o.Limits, batch.Limit{Value: rpm, Per: time.Minute})
				}
				if long {
					o.Limits = append(o.Limits, batch.Limit{Value: s.tpm, Per: time.Minute, Tokens: true})
				}
			}
		case chance:
			o.RetryAfter = s.after
		}
		if s.strict {
			s.window = append(s.window, call{now, 0})
			s.calls++
		}
		if !chance || full || long {
			s.turned[second]++
		}
		return o, took
	}
	s.window = append(s.window, call{now, tokens})
	s.calls++
	s.tokens += tokens
	s.bucket--
	s.working++
	s.answered[second]++
	s.given[second] += int(tokens)
	return batch.Outcome{Consequence: batch.Answered, Status: batch.OK, Usage: &batch.Usage{PromptTokenCount: tokens}},
		s.latency + time.Duration(s.rand.Int64N(int64(s.latency)))
}

// gone reports whether a call has left the minute.
func (s *served) gone(now, at time.Time) bool {
	if s.fixed {
		return now.Truncate(time.Minute).After(at)
	}
	return now.Sub(at) >= time.Minute
}

// failure returns an outcome as package batch/gemini classifies it, and how long it takes.
func failure(kind string) (batch.Outcome, time.Duration) {
	o := batch.Outcome{Err: &batch.Error{Message: kind}}
	took := way
	switch kind {
	case "429":
		o.Consequence, o.Err.Kind, o.Err.HTTPStatus = batch.SlowDown, batch.KindQuota, 429
	case "503":
		o.Consequence, o.Err.Kind, o.Err.HTTPStatus = batch.SlowDown, batch.KindOverload, 503
	case "500":
		o.Err.Kind, o.Err.HTTPStatus = batch.KindServer, 500
	case "502":
		o.Err.Kind, o.Err.HTTPStatus, o.MaybeBilled = batch.KindServer, 502, true
	case "reset":
		o.Err.Kind, o.MaybeBilled = batch.KindTransport, true
	case "refused":
		o.Consequence, o.Err.Kind = batch.SlowDown, batch.KindTransport
		took = time.Millisecond
	case "timeout":
		o.Err.Kind, o.MaybeBilled = batch.KindTimeout, true
		took = 5 * time.Second
	case "html":
		o.Err.Kind, o.Err.HTTPStatus = batch.KindServer, 502
	default:
		panic(kind)
	}
	return o, took
}

// run runs so many processes against the world for as long as it is measured.
func (w *world) run(t *testing.T, seed uint64) (s *served) {
	synctest.Test(t, func(t *testing.T) {
		c := *w
		c.latency = cmp.Or(c.latency, time.Second)
		s = &served{world: &c, rand: rand.New(rand.NewPCG(seed, 1)), start: time.Now(), filled: time.Now(), bucket: float64(c.bucket)}
		seconds := int(c.to/time.Second) + 2
		s.answered, s.given, s.turned = make([]int, seconds), make([]int, seconds), make([]int, seconds)
		ctx, cancel := context.WithTimeout(t.Context(), c.to)
		defer cancel()
		dir := t.TempDir()
		var wg sync.WaitGroup
		for p := range max(1, c.processes) {
			config := quota.Config{Concurrency: cmp.Or(c.concurrency, quota.DefaultConcurrency)}
			if c.processes > 1 {
				config.Store = &quota.Store{Dir: dir, Endpoint: "world"}
			}
			wg.Go(func() {
				l := quota.New(config)
				err := batch.Run(ctx, batch.Config{Model: s, Limiter: l, Sink: discard{}, Concurrency: config.Concurrency, Drain: time.Nanosecond,
					OnResult: func(r *batch.Result) {
						if r.Status == batch.Failed {
							s.failed++
						}
					}}, s.rows(rand.New(rand.NewPCG(seed, 2+uint64(p)))))
				if ctx.Err() == nil {
					t.Errorf("the run ended: %v", err)
				}
				l.Close()
			})
		}
		wg.Wait()
	})
	return s
}

// rows yields rows without end.
func (s *served) rows(r *rand.Rand) iter.Seq2[*batch.Request, error] {
	return func(yield func(*batch.Request, error) bool) {
		for row := int64(1); ; row++ {
			tokens := int64(100)
			if s.row != nil {
				tokens = s.row(r)
			}
			if !yield(&batch.Request{Row: row, Model: "m", InputTokens: int(tokens)}, nil) {
				return
			}
		}
	}
}

type discard struct{}

func (discard) Write([]*batch.Result) error { return nil }

// perfect returns how many calls, or tokens if those are limited, a client could have had
// answered in a second who knows all about the world.
func (s *served) perfect(second int) float64 {
	at := time.Duration(second) * time.Second
	if s.down != nil && s.down(at) != "" {
		return 0
	}
	mean := 1.5 * s.latency.Seconds()
	calls := float64(max(1, s.processes)*cmp.Or(s.concurrency, quota.DefaultConcurrency)) /
		(mean + s.jitter.Seconds()/2 + s.refuses/(1-s.refuses)*way.Seconds())
	rpm := s.rpm
	if s.moves != nil {
		rpm = s.moves(at)
	}
	if rpm > 0 {
		calls = min(calls, float64(rpm)/60)
	}
	if s.atOnce > 0 {
		calls = min(calls, float64(s.atOnce)/(mean+s.jitter.Seconds()/2))
	}
	return calls
}

// knowing returns the tokens a second of a client who knows the limits and sends row after
// row as soon as the server accepts it.
func (s *served) knowing(seed uint64) float64 {
	r := rand.New(rand.NewPCG(seed, 3))
	var window []call
	const span = 200 * time.Minute
	now, all, sum := s.start, int64(0), int64(0)
	for now.Sub(s.start) < span {
		row := s.row(r)
		for len(window) > 0 && (sum+row > s.tpm || s.rpm > 0 && int64(len(window)) >= s.rpm || now.Sub(window[0].at) >= time.Minute) {
			if end := window[0].at.Add(time.Minute); end.After(now) {
				now = end
			}
			sum -= window[0].tokens
			window = window[1:]
		}
		window = append(window, call{now, row})
		sum += row
		all += row
	}
	return float64(all) / span.Seconds()
}

// A score is how a run did from one second to another.
type score struct {
	used    float64 // of what a perfect client gets
	refused float64 // of all calls, but for those at random
	calls   int     // refused calls, but for those at random
}

func (s *served) score(from, to time.Duration, seed uint64) (c score) {
	var got, best float64
	var answered int
	tokens := s.tpm > 0 && s.row != nil
	knowing := 0.0
	if tokens {
		knowing = s.knowing(seed)
	}
	for i := int(from / time.Second); i < int(to/time.Second); i++ {
		answered += s.answered[i]
		c.calls += s.turned[i]
		if tokens {
			got += float64(s.given[i])
			best += knowing
			continue
		}
		got += float64(s.answered[i])
		best += s.perfect(i)
	}
	if s.tpm > 0 && !tokens { // rows of 100
		best = min(best, float64(s.tpm)/100*(to-from).Minutes())
	}
	c.used = got / best
	c.refused = float64(c.calls) / float64(max(1, answered+c.calls))
	return c
}

func spread(sigma float64) func(r *rand.Rand) int64 { // log-normal, 100 on average
	return func(r *rand.Rand) int64 { return int64(1 + 100*math.Exp(sigma*r.NormFloat64()-sigma*sigma/2)) }
}

func outage(kind string, from, to time.Duration) func(time.Duration) string {
	return func(at time.Duration) string {
		if at >= from && at < to {
			return kind
		}
		return ""
	}
}

func worlds() (list []world) {
	add := func(used, refused float64, w world) {
		w.used, w.refused = used, refused
		list = append(list, w)
	}
	limit := func(w world) { add(0.94, 0.012, w) }
	for _, named := range []bool{true, false} {
		says := map[bool]string{true: "named", false: "silent"}[named]
		limit(world{name: "5 rpm, " + says, rpm: 5, named: named, to: 31 * time.Minute})
		limit(world{name: "60 rpm, " + says, rpm: 60, named: named})
		limit(world{name: "600 rpm, " + says, rpm: 600, named: named})
		limit(world{name: "4,000 rpm, " + says, rpm: 4000, named: named, concurrency: 300})
		limit(world{name: "30,000 rpm, " + says, rpm: 30_000, named: named, concurrency: 1000, from: 2 * time.Minute, to: 4 * time.Minute})
		add(0.85, 0.04, world{name: "6,000 tpm, log-normal 0.5, " + says, tpm: 6000, row: spread(0.5), named: named, to: 21 * time.Minute})
		limit(world{name: "60,000 tpm, log-normal 1, " + says, tpm: 60_000, row: spread(1), named: named})
		limit(world{name: "700 rpm and 60,000 tpm, log-normal 0.5, " + says, rpm: 700, tpm: 60_000, row: spread(0.5), named: named})
		limit(world{name: "600, 300, 1,200 rpm, " + says, named: named, to: 21 * time.Minute,
			moves: func(at time.Duration) int64 { return []int64{600, 300, 1200}[min(2, at/(5*time.Minute))] }})
	}
	// Five processes know of each other only what a refusal has named.
	limit(world{name: "5 processes, 600 rpm, named", rpm: 600, processes: 5, named: true})
	add(0.94, 0.2, world{name: "5 processes, 600 rpm, silent", rpm: 600, processes: 5})
	// These servers do not count as the package does.
	add(0.9, 0.06, world{name: "60 rpm by the clock, silent", rpm: 60, fixed: true})
	add(0.75, 0.03, world{name: "600 rpm by the clock, silent", rpm: 600, fixed: true})
	add(0.65, 0.2, world{name: "60 rpm, refused calls count, silent", rpm: 60, strict: true})
	add(0.93, 0.3, world{name: "600 rpm, bucket of 20, silent", rpm: 600, bucket: 20})
	add(0.94, 0.02, world{name: "600 rpm, jitter of 200 ms, silent", rpm: 600, jitter: 200 * time.Millisecond})
	limit(world{name: "60,000 tpm, equal rows, silent", tpm: 60_000})
	limit(world{name: "2 at once", atOnce: 2})
	limit(world{name: "20 at once", atOnce: 20})
	add(0.6, 0.03, world{name: "50 at once, jitter of 200 ms", atOnce: 50, jitter: 200 * time.Millisecond})
	limit(world{name: "20 at once and 600 rpm", atOnce: 20, rpm: 600})

	for _, p := range []float64{0.01, 0.05, 0.2, 0.5} {
		for _, after := range []time.Duration{0, time.Second, 30 * time.Second} {
			name := fmt.Sprintf("%.0f %% refused at random", p*100)
			if after > 0 {
				name += fmt.Sprintf(", Retry-After %.0f s", after.Seconds())
			}
			used := 0.8
			if p == 0.5 {
				used = 0.55
			}
			add(used, 0, world{name: name, refuses: p, after: after})
		}
	}
	add(0.9, 0, world{name: "20 % refused at random, answers in 20 ms", refuses: 0.2, after: time.Second, latency: 20 * time.Millisecond, to: 3 * time.Minute})
	add(0.9, 0, world{name: "20 % fail with 503", refuses: 0.2, fault: "503"})
	add(0.9, 0, world{name: "5 % fail with 500", refuses: 0.05, fault: "500"})
	add(0.7, 0.03, world{name: "600 rpm silent, 1 % refused", rpm: 600, refuses: 0.01})
	add(0.6, 0.04, world{name: "600 rpm silent, 20 % refused", rpm: 600, refuses: 0.2})
	add(0.6, 0.04, world{name: "60 rpm silent, 5 % refused", rpm: 60, refuses: 0.05})
	add(0.6, 0.04, world{name: "60,000 tpm silent, log-normal 0.5, 5 % refused", tpm: 60_000, row: spread(0.5), refuses: 0.05})
	for _, kind := range []string{"500", "503", "502", "reset", "refused", "timeout", "html"} {
		for _, d := range []time.Duration{time.Second, time.Minute, 10 * time.Minute} {
			end := 2*time.Minute + d
			add(0.9, 0, world{name: fmt.Sprintf("%v of %s", d, kind), down: outage(kind, 2*time.Minute, end), from: end + 10*time.Second, to: end + 70*time.Second})
		}
	}
	add(0.9, 0, world{name: "40 s of 503 at the start", down: outage("503", 0, 40*time.Second), from: 50 * time.Second, to: 110 * time.Second})
	add(0.75, 0.03, world{name: "2 min of 503, 600 rpm silent", rpm: 600, down: outage("503", 3*time.Minute, 5*time.Minute), from: 5*time.Minute + 10*time.Second, to: 10 * time.Minute})
	add(0.6, 0.04, world{name: "2 min of 503, 600 rpm silent, 10 % refused", rpm: 600, refuses: 0.1, down: outage("503", 3*time.Minute, 5*time.Minute), from: 5*time.Minute + 10*time.Second, to: 10 * time.Minute})
	for i := range list {
		if list[i].to == 0 {
			list[i].to = 11 * time.Minute
		}
		if list[i].from == 0 {
			list[i].from = time.Minute
		}
	}
	return list
}

var (
	worldSeeds = flag.Int("seeds", 1, "seeds of each world")
	worldSeed  = flag.Uint64("seed", 1, "the first seed; 0 = a new one")
)

// TestWorlds runs jobs in each world and prints what they got of what a perfect client would
// have got, the least of all seeds, what was refused but for what is refused at random, the
// most of all seeds, and the calls that were spent while the server was down. What is asserted
// has held for dozens of seeds, and mostly much more is reached. A world that is built of
// chance misses it for one seed in a hundred or so, and the suite is to say the same each time:
// it takes one seed, and more are run on demand:
//
//	go test -run TestWorlds -v ./batch/quota -args -seed 0 -seeds 100
func TestWorlds(t *testing.T) {
	if testing.Short() {
		t.Skip("seventy worlds take minutes under the race detector: run it without -short")
	}
	first := cmp.Or(*worldSeed, rand.Uint64()>>32)
	var mu sync.Mutex
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 1, 2, ' ', 0)
	fmt.Fprintf(w, "world\tused\tleast\trefused\tmost\tfailed\tspent\n")
	list := worlds()
	rows := make([]string, len(list))
	t.Run("in", func(t *testing.T) {
		for i, world := range list {
			t.Run(world.name, func(t *testing.T) {
				t.Parallel()
				var used, refused, least, most float64
				var failed, spent int
				least = math.Inf(1)
				for seed := range uint64(*worldSeeds) {
					s := world.run(t, first+seed)
					c := s.score(world.from, world.to, first+seed)
					used += c.used / float64(*worldSeeds)
					refused += c.refused / float64(*worldSeeds)
					least, most = min(least, c.used), max(most, c.refused)
					failed += s.failed
					spent = max(spent, s.spent)
					allowed := max(1, (world.to-world.from).Minutes()/6) // where there are few calls
					few := 0
					if world.fault != "" || world.refuses >= 0.5 { // all attempts of a row may meet it
						few = 50
					}
					if c.used < world.used || c.refused > world.refused && float64(c.calls) > allowed || s.failed > few {
						t.Errorf("seed %d: used %.3f, want %.2f; refused %.4f, want %.2f; %d rows failed", first+seed, c.used, world.used, c.refused, world.refused, s.failed)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				mark := ""
				if t.Failed() {
					mark = "  !"
				}
				rows[i] = fmt.Sprintf("%s\t%.3f\t%.3f\t%.4f\t%.4f\t%d\t%d%s\n", world.name, used, least, refused, most, failed, spent, mark)
			})
		}
	})
	for _, r := range rows {
		io.WriteString(w, r)
	}
	w.Flush()
	t.Logf("seed %d\n%s", first, &table)
}
