package spec

import (
	"reflect"
	"testing"
)

// What is not sent is free to change, and a header is stored without its value.
func TestWithoutSecrets(t *testing.T) {
	s := Spec{Model: "m", Prompt: "x", Header: List{"Authorization=Bearer abc", "X-Team=blue"}, BaseURL: "https://user:abc@example.org", Force: true}
	stored := s.WithoutSecrets()
	if stored.Force || stored.Header[0] == s.Header[0] || stored.Header[1] != s.Header[1] || stored.BaseURL == s.BaseURL {
		t.Errorf("stored as %+v", stored)
	}
	if s.Header[0] != "Authorization=Bearer abc" || !s.Force {
		t.Errorf("the Spec itself has become %+v", s)
	}
	if !SameQuestion(&s, &stored) {
		t.Error("what is stored asks something else")
	}
}

func TestSameQuestion(t *testing.T) {
	s := Spec{Model: "m", Classify: &Classify{Text: "x", Labels: Labels{{Name: "a"}, {Name: "b"}}}, Output: "a.csv"}
	for name, tt := range map[string]struct {
		change func(*Spec)
		same   bool
	}{
		"output": {func(s *Spec) { s.Output = "b.csv" }, true},
		"tier": {func(s *Spec) {
			s.Tier, s.TierWait, s.BatchBucket, s.BatchCleanup = List{"batch", "flex"}, 1, "gs://bucket", true
		}, true},
		"limits":  {func(s *Spec) { s.RPM, s.MaxCost = 7, "1" }, true},
		"model":   {func(s *Spec) { s.Model = "n" }, false},
		"labels":  {func(s *Spec) { s.Classify = &Classify{Text: "x", Labels: Labels{{Name: "b"}, {Name: "a"}}} }, false},
		"request": {func(s *Spec) { s.Request = config(map[string]any{"temperature": 0}) }, false},
	} {
		changed := s
		tt.change(&changed)
		if got := SameQuestion(&s, &changed); got != tt.same {
			t.Errorf("another %s: the same question is %t", name, got)
		}
	}
}

// Where and how batches are kept changes no row and no output, so that a finished output stays
// up to date.
func TestDerivedFromNoBatchSettings(t *testing.T) {
	s := Spec{Model: "m", Prompt: "x", Tier: List{"batch"}}
	with := s
	with.BatchBucket, with.BatchCleanup = "gs://bucket", true
	if !reflect.DeepEqual(with.DerivedFrom(), s.DerivedFrom()) {
		t.Errorf("derived from %+v, want %+v", with.DerivedFrom(), s.DerivedFrom())
	}
}
