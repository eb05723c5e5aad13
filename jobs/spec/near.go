package spec

import (
	"reflect"
	"strings"
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
