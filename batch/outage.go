package batch

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// outageRows is how many rows must fail for the first time, with no answer to any row
	// between them, before that is the endpoint's fault and no longer theirs. Rows that have
	// failed while others were answered do not count: they may be all that is left.
	outageRows = 5

	// patienceAtFirst is how long a run goes on if it was never answered: the address or the
	// account is probably wrong, and a run that begins in an outage is better tried again
	// later. A quota of the minute needs more than a minute.
	patienceAtFirst      = time.Minute
	patienceAtFirstQuota = 5 * time.Minute
	// patience is how long it goes on once something was.
	patience = 30 * time.Minute
)

// Unanswered reports whether the endpoint did not answer the request: it could not be
// reached, it failed, or it had no room. Such an outcome may be the endpoint's trouble and
// not the row's.
func (o *Outcome) Unanswered() bool {
	if o.Err == nil || o.Consequence == Answered || o.Consequence == Settled || o.Consequence == Stop {
		return false
	}
	switch o.Err.Kind {
	case KindTransport, KindTimeout, KindServer, KindOverload, KindQuota, KindConfig:
		return true
	}
	return o.Err.HTTPStatus >= http.StatusInternalServerError
}

// Refused reports whether the endpoint refused a call for a quota, or because it is overloaded.
func (o *Outcome) Refused() bool {
	if o.Consequence == Park || o.Consequence == SlowDown {
		return true
	}
	if o.Err == nil {
		return false
	}
	switch o.Err.Kind {
	case KindQuota, KindDayQuota, KindOverload:
		return true
	}
	return false
}

// An outage is a time in which no call is answered. It belongs to the judge.
type outage struct {
	answered bool // some call of this run was answered

	began time.Time     // when the first of the calls was sent
	idle  time.Duration // for how long the run had been paused until then
	rows  int           // that have failed for the first time since
	calls int           // that have failed since
	quota bool          // all of them were refused for a quota
}

// answer ends an outage.
func (u *outage) answer() { u.answered, u.calls, u.rows = true, 0, 0 }

// failed counts a call that was not answered. It reports whether that is the endpoint's
// fault, so that the row keeps its attempts, and returns why the run must end, if it must.
// paused is for how long the run has been paused so far: time in which nothing could be answered.
func (u *outage) failed(c *call, o *Outcome, begin, end time.Time, paused time.Duration, endpoint string) (theirs bool, stop error) {
	if u.calls == 0 {
		u.began, u.idle, u.quota = begin, paused, true
	}
	u.calls++
	u.quota = u.quota && o.Err.Kind == KindQuota
	if !c.unanswered {
		c.unanswered = true
		u.rows++
	}
	// What was not even sent is no row's fault, however few there are.
	unreachable := o.Err.Kind == KindTransport && !o.MaybeBilled
	if u.rows < outageRows && !unreachable {
		return false, nil
	}
	longest := patienceAtFirst
	switch {
	case u.answered:
		longest = patience
	case u.quota:
		longest = patienceAtFirstQuota
	}
	if lasted := end.Sub(u.began) - (paused - u.idle); lasted >= longest {
		stop = &StopError{Err: o.Err, Times: u.calls, Unanswered: lasted, Endpoint: endpoint}
	}
	return true, stop
}

// unanswered is the text of a StopError for an endpoint that does not answer.
func (e *StopError) unanswered() string {
	at := ""
	if e.Endpoint != "" {
		at = " by " + e.Endpoint
	}
	return fmt.Sprintf("none of %d calls in %v was answered%s, the last with: %s", e.Times, e.Unanswered.Round(time.Second), at, e.Err.Message)
}
