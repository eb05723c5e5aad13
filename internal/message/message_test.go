package message

import "testing"

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"labels": "labels", "Lable": "label", "bodi": "body", "xyz": ""} {
		if got := Nearest(word, []string{"label", "labels", "body"}); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
