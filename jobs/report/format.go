package report

import (
	"fmt"
	"io"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/terminal"
)

// Count writes a number with its digits in groups of three, such as 1,234,567.
func Count(n int64) string { return message.Count(n) }

// Many writes how many there are of a thing, such as "1 row" or "2,000 rows".
func Many(n int64, thing string) string { return message.Many(n, thing) }

// Money rounds an amount of dollars to what people read: to cents, and below ten cents to
// two significant digits, of at most eight decimals. It has no currency sign.
func Money(usd price.USD) string {
	digits := 2
	for below := price.USD(1e11); usd != 0 && usd < below && digits < 8; below /= 10 {
		digits++
	}
	return usd.Format(digits)
}

// amount writes a cost of which the price of some calls may be unknown.
func amount(cost price.USD, unpriced int64) string {
	switch {
	case unpriced > 0 && cost == 0:
		return "unknown"
	case unpriced > 0:
		return fmt.Sprintf("at least $%s (without %s of unknown price)", Money(cost), Many(unpriced, "call"))
	}
	return "$" + Money(cost)
}

// CostText is amount where no label says that it is a cost.
func CostText(cost price.USD, unpriced int64) string {
	text := amount(cost, unpriced)
	if text == "unknown" {
		return "cost unknown"
	}
	return text
}

// Percent writes a part of a whole, which is above 0, in percent.
func Percent(part, whole int64) string {
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

// fraction writes how many of a total there are; of a total of 0, which is not known
// yet, only how many.
func fraction(n, total int64) string {
	if total == 0 {
		return Count(n)
	}
	return Count(n) + "/" + Count(total)
}

// decimal writes a rate in about two significant digits.
func decimal(f float64) string {
	switch {
	case f >= 100:
		return Count(int64(f + 0.5))
	case f >= 10:
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.1f", f)
}

// Size writes a number of bytes as people read it, such as 1.5 MB. It is 1 kB at the least.
func Size(bytes int64) string {
	n, unit := float64(bytes)/1e3, "kB"
	for _, larger := range []string{"MB", "GB", "TB"} {
		if n < 1e3 {
			break
		}
		n, unit = n/1e3, larger
	}
	return decimal(max(1, n)) + " " + unit
}

// Duration writes how long something took or takes.
func Duration(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// durationInDays is duration, but counts two days and more in days.
func durationInDays(d time.Duration) string {
	if d < 48*time.Hour {
		return Duration(d)
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

// oneUnit writes how long ago something was, in one unit.
func oneUnit(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(max(0, d).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

// newTable returns a writer that aligns the cells of lines, which tabs separate, and keeps
// them within 80 columns. It writes when it is flushed.
func newTable(w io.Writer) *terminal.Table { return terminal.NewTable(w) }
