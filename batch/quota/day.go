package quota

import (
	"fmt"
	"time"
	_ "time/tzdata" // a static binary finds Los Angeles on any machine
)

// A DayError says that a model's quota of the day is used up. Find it with
// errors.As.
type DayError struct {
	Model string
	Until time.Time // the reset: the next midnight in Los Angeles
	RPD   int       // the user's limit that was reached; 0 = the server refused
}

func (e *DayError) Error() string {
	what := "quota of the day"
	if e.RPD > 0 {
		what = fmt.Sprintf("given quota of %d requests a day", e.RPD)
	}
	return fmt.Sprintf("model %s: the %s is used up until %s; run again after that, or wait for it with --on-daily-quota wait",
		e.Model, what, e.Until.Format("2006-01-02 15:04 MST"))
}

// pacific is where the day of a quota ends:
// https://ai.google.dev/gemini-api/docs/rate-limits
func pacific() *time.Location {
	l, err := time.LoadLocation("America/Los_Angeles")
	if err != nil { // tzdata is linked in, so this is out of reach; an hour late is better than a panic
		return time.FixedZone("PST", -8*60*60)
	}
	return l
}

// nextMidnight is the end of the day that t lies in. By the calendar, since a day
// has 23 or 25 hours twice a year.
func nextMidnight(t time.Time, l *time.Location) time.Time {
	y, m, d := t.In(l).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, l)
}
