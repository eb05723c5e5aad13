package cost

import (
	"encoding/json"
	"reflect"
	"testing"
)

// Scripts, and the manifests of earlier versions, have the counts of the only question alone.
func TestLabelCountsAsJSON(t *testing.T) {
	for text, want := range map[string]LabelCounts{
		`{"":1,"good":2}`:                {"": {"good": 2, "": 1}},
		`{"mood":{"good":2},"tags":{}}`:  {"mood": {"good": 2}, "tags": {}},
		`{"mood":{"mood":1,"other":12}}`: {"mood": {"mood": 1, "other": 12}},
	} {
		var got LabelCounts
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %v, %v", text, got, err)
		}
		if written, err := json.Marshal(want); err != nil || string(written) != text {
			t.Errorf("%v is written as %s, %v", want, written, err)
		}
	}
}
