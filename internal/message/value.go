package message

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The hints where nothing is known of what was meant.
const (
	AnyNumber   = "write a whole number, such as 10"
	AnyDuration = "write 90s, 5m or 1h30m"
	AnySwitch   = "write true or false"
)

// Number returns what to write in place of a text that is not a whole number, or is below the
// least one that makes sense.
func Number(text string, least int) (hint string) {
	switch n, ok := MeantNumber(text); {
	case ok && n < float64(least):
		return "write a whole number from " + strconv.Itoa(least) + " on, such as 10"
	case ok && n == math.Trunc(n) && n < 1e15 && strconv.FormatFloat(n, 'f', 0, 64) != text:
		return "did you mean " + strconv.FormatFloat(n, 'f', 0, 64) + "? Write a whole number"
	case ok && n >= 1e15:
		return "write a smaller number"
	}
	return AnyNumber
}

// number matches a number with a multiple or a unit behind it: 1k, 1.5M, 256 MiB, 1,000.
var number = regexp.MustCompile(`(?i)^\s*[$€£]?\s*([+-]?[0-9][0-9,_' ]*(?:\.[0-9]+)?|[+-]?\.[0-9]+)\s*([kmgt]?)(i?)(b|bytes?)?\s*(?:%|usd|dollars?|eur|€|\$|rpm|tpm|rpd|rows?|requests?|tokens?|/\s*min|per minute)?\s*$`)

// grouped matches digits in groups of three: 1,000 or 1_000.
var grouped = regexp.MustCompile(`^[+-]?[0-9]{1,3}(?:[,_' ][0-9]{3})+(?:\.[0-9]+)?$`)

// MeantNumber reads what people write for a number, such as 1k, 5,00 or 256 MiB.
func MeantNumber(text string) (n float64, ok bool) {
	if n, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	m := number.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	digits := strings.TrimSpace(m[1])
	switch {
	case grouped.MatchString(digits):
		digits = strings.NewReplacer(",", "", "_", "", "'", "", " ", "").Replace(digits)
	case strings.Count(digits, ",") == 1 && !strings.Contains(digits, "."): // 5,00
		digits = strings.Replace(digits, ",", ".", 1)
	default:
		digits = strings.ReplaceAll(digits, "_", "")
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, false
	}
	base := 1000.0
	if m[3] != "" {
		base = 1024
	}
	if m[2] != "" {
		n *= math.Pow(base, float64(strings.Index("kmgt", strings.ToLower(m[2]))+1))
	}
	return n, true
}

// Duration returns what to write in place of a text that is no duration.
func Duration(text string) (hint string) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 {
		if d, err := time.ParseDuration(text + "s"); err == nil && d > 0 {
			return "did you mean " + text + "s? A duration has a unit, as in 90s, 5m or 1h30m"
		}
	}
	if d, ok := meantDuration(text); ok && d != text {
		return "did you mean " + d + "? A duration is written 90s, 5m or 1h30m"
	}
	return AnyDuration
}

// timeSpan matches a number and a unit that durations do not have.
var timeSpan = regexp.MustCompile(`(?i)^\s*([0-9]+(?:[.,][0-9]+)?)\s*(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)\.?\s*$`)

// meantDuration writes a duration as it is to be written.
func meantDuration(text string) (string, bool) {
	m := timeSpan.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	n, err := strconv.ParseFloat(strings.Replace(m[1], ",", ".", 1), 64)
	if err != nil {
		return "", false
	}
	unit := strings.ToLower(m[2][:1])
	switch unit {
	case "d":
		n, unit = 24*n, "h"
	case "w":
		n, unit = 168*n, "h"
	}
	written := strconv.FormatFloat(n, 'f', -1, 64) + unit
	_, err = time.ParseDuration(written)
	return written, err == nil
}

// Switch returns what to write in place of a text that is neither true nor false.
func Switch(text string) (hint string) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "yes", "y", "on", "enable", "enabled":
		return "write true"
	case "no", "n", "off", "none", "disable", "disabled":
		return "write false"
	}
	return AnySwitch
}
