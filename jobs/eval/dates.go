package eval

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// dates compare dates.
type dates struct{}

func (dates) add(known string, g *Answer, _ bool) (bool, error) {
	if isNull(known) {
		return g.OK && g.Text == "", nil
	}
	expected, err := parseDate(known)
	if err != nil {
		return false, err
	}
	given, err := parseDate(g.Text)
	return g.OK && err == nil && expected.same(given), nil
}

func (dates) finish(*Evaluation) {}

// A date is a day, with a time of the day if it has a clock, and with that an instant if it
// has a zone.
type date struct {
	time.Time
	clock, zone bool
}

// same reports whether two dates are the same as far as both of them say.
func (d date) same(o date) bool {
	switch {
	case d.zone && o.zone:
		return d.Equal(o.Time)
	case d.clock && o.clock:
		return d.wall().Equal(o.wall())
	}
	return d.wall().Truncate(24 * time.Hour).Equal(o.wall().Truncate(24 * time.Hour))
}

// wall returns what the calendar and the clock show, as if they stood in UTC.
func (d date) wall() time.Time {
	_, offset := d.Zone()
	return d.UTC().Add(time.Duration(offset) * time.Second)
}

// The forms of a day and of a time behind it. A month in words cannot be taken for a day.
var (
	days = []string{
		"2006-01-02", "20060102", "2006/01/02", "2006/1/2", "2006.01.02", "2006-1-2",
		"2 January 2006", "2. January 2006", "January 2, 2006", "January 2 2006", "2 Jan 2006", "Jan 2, 2006", "Jan 2 2006", "2-Jan-2006",
		"Monday, 2 January 2006", "Monday, January 2, 2006", "Mon, 2 Jan 2006", "Mon, Jan 2, 2006",
	}
	clocks = []string{"15:04:05.999999999", "15:04", "3:04 PM", "3:04:05 PM"}
	zones  = []string{"Z07:00", " Z07:00", " -0700", "-0700", " MST"}
	// dayMonth matches days in figures with the year at the end.
	dayMonth = regexp.MustCompile(`^(\d{1,2})([./-])(\d{1,2})[./-](\d{4})$`)
)

// parseDate reads a date in ISO 8601 and the usual forms of which there is one reading. In
// 03/04/2026 either may be the day, so that it is none; in 13/04/2026 and 04/13/2026 only the
// 13 can be. With full stops the day comes first.
func parseDate(text string) (date, error) {
	const longest = 60 // bytes of a date in any of the forms
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longest || !strings.ContainsAny(text, "0123456789") {
		return date{}, fmt.Errorf("%q is no date", text) // without a try of each form
	}
	if m := dayMonth.FindStringSubmatch(text); m != nil {
		return parseDayMonth(text, m)
	}
	for _, day := range days {
		if t, err := time.Parse(day, text); err == nil {
			return date{Time: t}, nil
		}
	}
	for _, day := range days {
		for _, between := range []string{"T", " ", ", "} {
			for _, clock := range clocks {
				layout := day + between + clock
				if t, err := time.Parse(layout, text); err == nil {
					return date{Time: t, clock: true}, nil
				}
				for _, zone := range zones {
					// In UTC, or EST would be a zone on some machines only.
					t, err := time.ParseInLocation(layout+zone, text, time.UTC)
					if name, offset := t.Zone(); err == nil && (offset != 0 || zone != " MST" || name == "UTC" || name == "GMT") {
						return date{Time: t, clock: true, zone: true}, nil
					}
				}
			}
		}
	}
	return date{}, fmt.Errorf("%q is no date", text)
}

// parseDayMonth reads a date in figures with the year at the end.
func parseDayMonth(text string, m []string) (date, error) {
	day, _ := strconv.Atoi(m[1])
	month, _ := strconv.Atoi(m[3])
	year, _ := strconv.Atoi(m[4])
	if m[2] != "." && day != month {
		switch {
		case day <= 12 && month <= 12:
			return date{}, fmt.Errorf("%q may be either of two dates", text)
		case month > 12:
			day, month = month, day
		}
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Day() != day || int(t.Month()) != month {
		return date{}, fmt.Errorf("%q is no date", text)
	}
	return date{Time: t}, nil
}
