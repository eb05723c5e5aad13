package spec

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTierMistakes(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		want string // empty: none
	}{
		{Spec{Tier: List{"flex", "standard"}}, ""},
		{Spec{Tier: List{"Flex, standard"}}, ""},
		{Spec{Tier: List{"flexible"}}, "flex,standard"},
		{Spec{Tier: List{"flex", "flex"}}, "twice"},
		{Spec{Tier: List{"batch"}}, ""},
		{Spec{Tier: List{"batch", "flex", "standard"}}, ""},
		{Spec{Tier: List{"Batch ,flex"}, TierWait: time.Minute}, ""},
		{Spec{Tier: List{"flex", "batch"}}, "write --tier batch,flex"},
		{Spec{Tier: List{"flex", "standard,batch"}}, "names batch after standard, and it can only come first: what a batch leaves goes on to single calls, and never the other way; write --tier batch,flex,standard"},
		{Spec{Tier: List{"batch", "batch"}}, "twice"},
		{Spec{Tier: List{"batch"}, TierWait: time.Minute}, "goes by batch alone; leave it out, or add flex"},
		{Spec{Tier: List{"batch"}, Request: map[string]any{"serviceTier": "flex"}}, "request.serviceTier"},
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
