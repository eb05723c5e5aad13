package args

import (
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs"
)

func TestParseRows(t *testing.T) {
	for text, want := range map[string]jobs.RowRange{"7": {First: 7, Last: 7}, " 10-20": {First: 10, Last: 20}, "3-3": {First: 3, Last: 3}} {
		if got, err := parseRows(text); got != want || err != nil {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"0": "rows count from 1", "0-4": "rows count from 1", "5-2": "write 2-5",
		"one": "--key finds a row by its key", "": "write a number", "1-": "write a number", "-3": "write a number", "99999999999999999999": "write a number", "1.5": "write a number",
	} {
		if got, err := parseRows(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %v, %v, want an error with %q", text, got, err, want)
		}
	}
}
