package jobs

import (
	"reflect"
	"strings"

	"github.com/xrash/smetrics" // in the graph already, by way of urfave/cli
)

// specKeys returns every key that a job file may have, at any depth of our own.
func specKeys() []string {
	var keys []string
	for _, v := range []any{Spec{}, Classify{}, Examples{}, Example{}, Summarize{}, Extract{}, Raw{}, MediaColumn{}} {
		t := reflect.TypeOf(v)
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			keys = append(keys, name)
		}
	}
	return keys
}

// nearest returns the candidate that is most like word, or "" when none is like
// it: at most half of its letters differ.
func nearest(word string, candidates []string) string {
	best, limit := "", len(word)/2+1
	for _, c := range candidates {
		if d := smetrics.WagnerFischer(strings.ToLower(word), strings.ToLower(c), 1, 1, 1); d < limit {
			best, limit = c, d
		}
	}
	return best
}
