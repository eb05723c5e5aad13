package spec

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestDeadlineForms(t *testing.T) {
	now := time.Date(2026, 11, 22, 17, 30, 0, 0, time.Local)
	for text, want := range map[string]time.Time{
		"":                     {},
		"6h":                   now.Add(6 * time.Hour),
		"18:00":                now.Add(30 * time.Minute),
		"17:30":                time.Date(2026, 11, 23, 17, 30, 0, 0, time.Local),
		"2026-12-24T18:00:00Z": time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC),
	} {
		s := Spec{Deadline: text}
		if at, err := s.DeadlineAt(now); err != nil || !at.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, at, err, want)
		}
	}
	for text, want := range map[string]string{
		"soon": "--deadline 18:00", "-1h": "has passed", "0s": "has passed", "2026-11-22T00:00:00Z": "has passed", "25:00": "--deadline 6h",
	} {
		s := Spec{Deadline: text}
		if _, err := s.DeadlineAt(now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestTierMistakes(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		want string // empty: none
	}{
		{Spec{Tier: List{"flex", "standard"}}, ""},
		{Spec{Tier: List{"Flex, standard"}}, ""},
		{Spec{Tier: List{"flexible"}}, "flex,standard"},
		{Spec{Tier: List{"flex", "flex"}}, "twice"},
		{Spec{Tier: List{"batch"}}, "use flex"},
		{Spec{TierWait: time.Minute}, "no tier"},
		{Spec{Tier: List{"flex"}, TierWait: -1}, "negative"},
		{Spec{Tier: List{"flex"}, Request: map[string]any{"service_tier": "flex"}}, "request.serviceTier"},
		{Spec{Tier: List{"flex"}, Header: List{"x-vertex-ai-llm-shared-request-type=flex"}}, "header"},
		{Spec{Tier: List{"flex"}, Endpoint: "yescale"}, "serviceTier under request:"},
	} {
		err := tt.spec.checkTiers()
		if spec, ok := errors.AsType[*Error](err); (tt.want == "") != (err == nil) || err != nil && (!ok || !strings.Contains(spec.Error(), tt.want)) {
			t.Errorf("%+v: %v, want %q", tt.spec, err, tt.want)
		}
	}
}
