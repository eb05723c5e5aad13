// Package pacific knows the time zone in which Google's days begin.
package pacific

import (
	"time"
	_ "time/tzdata" // a static binary finds Los Angeles on any machine
)

// Location returns the zone of Los Angeles. A quota of the day ends at midnight there:
// https://ai.google.dev/gemini-api/docs/rate-limits
func Location() *time.Location {
	l, err := time.LoadLocation("America/Los_Angeles")
	if err != nil { // tzdata is linked in, so this is out of reach; an hour late is better than a panic
		return time.FixedZone("PST", -8*60*60)
	}
	return l
}

// NextMidnight is the end of the day that t lies in. It goes by the calendar, since a day
// has 23 or 25 hours twice a year.
func NextMidnight(t time.Time, l *time.Location) time.Time {
	y, m, d := t.In(l).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, l)
}

// DayName is the calendar's name for the day that t lies in.
func DayName(t time.Time, l *time.Location) string { return t.In(l).Format(time.DateOnly) }
