// Package quota has the limits that the simulator sets for each model.
package quota

import (
	"cmp"
	"strconv"
	"sync"
	"time"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A Quota limits one model. A field that is zero sets no limit. A negative RPM refuses
// every request with "limit: 0", as for a model that is not offered at all.
type Quota struct {
	RPM int // requests in any 60 seconds
	TPM int // input tokens in any 60 seconds
	RPD int // requests in a day, which ends at midnight in Los Angeles

	// CountRefused makes refused requests count as requests too.
	CountRefused bool
	// Bare makes refusals say neither which limit was reached nor how long to wait.
	Bare bool

	// Window is the time over which RPM and TPM are counted; zero means a minute. The
	// limits shrink with it: with 6 s, an RPM of 600 lets 60 requests through in any 6 s.
	// So a short test can reach them. Refusals still speak of the minute.
	Window time.Duration
}

const window = time.Minute

// scaled returns what a limit per minute allows in the window.
func (q *Quota) scaled(limit int) int {
	if q.Window <= 0 || limit <= 0 {
		return limit
	}
	return max(1, int(int64(limit)*int64(q.Window)/int64(window)))
}

// A meter counts the requests of one model. mu guards all of it.
type meter struct {
	mu       sync.Mutex
	requests []time.Time  // in the window, oldest first
	tokens   []tokenCount // likewise
	tokenSum int          // of tokens
	day      string       // the day that today counts
	today    int
}

type tokenCount struct {
	at time.Time
	n  int
}

// The names that refusals have for the limits.
const (
	MetricRequests = wire.Service + "/generate_content_free_tier_requests"
	metricTokens   = wire.Service + "/generate_content_free_tier_input_token_count"
	IDMinute       = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
	IDDay          = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
	IDTokens       = "GenerateContentInputTokensPerModelPerMinute-FreeTier"
)

// pacific is the time zone in which the day of a quota ends.
var pacific = sync.OnceValue(func() *time.Location {
	l, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		return time.FixedZone("PST", -8*60*60) // without a time zone database, standard time
	}
	return l
})

// admit counts a request, or returns the limits that it would break, and how long it
// takes until those of the minute allow it.
func (m *meter) admit(now time.Time, q Quota, model string, tokens int) (broken []wire.Violation, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	window := cmp.Or(q.Window, window)
	rpm, tpm := q.scaled(q.RPM), q.scaled(q.TPM)
	m.expire(now, window)

	breaks := func(metric, id string, limit int, until time.Time) {
		broken = append(broken, wire.Violation{Metric: metric, ID: id, Model: model, Limit: strconv.Itoa(limit)})
		wait = max(wait, until.Sub(now))
	}
	switch {
	case q.RPM < 0:
		breaks(MetricRequests, IDMinute, 0, now.Add(window))
	case q.RPM > 0 && len(m.requests) >= rpm:
		breaks(MetricRequests, IDMinute, q.RPM, m.requests[len(m.requests)-rpm].Add(window))
	}
	if q.TPM > 0 && m.tokenSum+tokens > tpm {
		breaks(metricTokens, IDTokens, q.TPM, m.roomFor(tokens, tpm, now, window))
	}
	if q.RPD > 0 && m.today >= q.RPD {
		// The delay is in seconds although the day is used up, as the real one is.
		breaks(MetricRequests, IDDay, q.RPD, now.Add(time.Minute-now.Sub(now.Truncate(time.Minute))))
	}

	if len(broken) > 0 {
		if q.CountRefused {
			m.requests = append(m.requests, now)
			if q.RPM > 0 && len(m.requests) > rpm { // older ones decide nothing any more
				m.requests = m.requests[len(m.requests)-rpm:]
			}
			m.today++
		}
		return broken, wait
	}
	if q.RPM > 0 {
		m.requests = append(m.requests, now)
	}
	if q.TPM > 0 && tokens > 0 {
		m.tokens = append(m.tokens, tokenCount{now, tokens})
		m.tokenSum += tokens
	}
	m.today++
	return nil, 0
}

// expire forgets what has left the window, and yesterday.
func (m *meter) expire(now time.Time, window time.Duration) {
	for len(m.requests) > 0 && now.Sub(m.requests[0]) >= window {
		m.requests = m.requests[1:]
	}
	for len(m.tokens) > 0 && now.Sub(m.tokens[0].at) >= window {
		m.tokenSum -= m.tokens[0].n
		m.tokens = m.tokens[1:]
	}
	if day := now.In(pacific()).Format(time.DateOnly); day != m.day {
		m.day, m.today = day, 0
	}
}

// roomFor returns when enough tokens have left the window.
func (m *meter) roomFor(tokens, limit int, now time.Time, window time.Duration) time.Time {
	sum := m.tokenSum
	for _, s := range m.tokens {
		if sum -= s.n; sum+tokens <= limit {
			return s.at.Add(window)
		}
	}
	return now.Add(window)
}

// Quotas are the limits of the models, and the meters that count against them. It is safe
// for concurrent use.
type Quotas struct {
	Each   Quota
	Single map[string]Quota // of the models named here, instead
	meters sync.Map         // model name to *meter
}

// Admit counts a request of a model, or returns why its quota refuses it.
func (s *Quotas) Admit(d wire.Dialect, model string, tokens int) *wire.Error {
	q, ok := s.Single[model]
	if !ok {
		q = s.Each
	}
	if q.RPM == 0 && q.TPM == 0 && q.RPD == 0 {
		return nil
	}
	v, ok := s.meters.Load(model)
	if !ok {
		v, _ = s.meters.LoadOrStore(model, new(meter))
	}
	broken, wait := v.(*meter).admit(time.Now(), q, model, tokens)
	switch {
	case len(broken) == 0:
		return nil
	case q.Bare || d != wire.Google:
		return wire.BareQuota(d)
	}
	return wire.QuotaExceeded(broken, wait)
}
