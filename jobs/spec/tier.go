package spec

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
)

// tierNames are the service tiers that a single call can ask for. The tier batch is another
// service than generateContent, with limits and dangers of its own; see ByBatch.
var tierNames = []string{"flex", "standard", "priority"}

// Tiers returns the service tiers to try, in this order. It is nil if the job names none. A
// text with commas, as the environment gives it, stands for several.
func (s *Spec) Tiers() (list []string) {
	for _, text := range s.Tier {
		for name := range strings.SplitSeq(text, ",") {
			list = append(list, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	return list
}

// checkTiers finds mistakes in tier, tier_wait and deadline.
func (s *Spec) checkTiers() error {
	tiers := s.Tiers()
	for i, name := range tiers {
		switch {
		case name != batchTier && !slices.Contains(tierNames, name):
			return Errorf("use batch, flex, standard or priority, or several in the order in which they are to be tried: flex,standard", "tier names %q", name)
		case slices.Contains(tiers[:i], name):
			return Errorf("name each once", "tier names %s twice", name)
		case name == batchTier && i > 0:
			first := append([]string{batchTier}, slices.Delete(slices.Clone(tiers), i, i+1)...)
			return Errorf("write --tier "+strings.Join(first, ","),
				"tier names batch after %s, and it can only come first: what a batch leaves goes on to single calls, and never the other way", tiers[i-1])
		}
	}
	if s.TierWait < 0 {
		return Errorf("", "tier_wait is %v; it cannot be negative", s.TierWait)
	}
	switch {
	case s.TierWait > 0 && len(tiers) == 0:
		return Errorf("add --tier flex,standard", "tier_wait is given, and no tier to wait for")
	case s.TierWait > 0 && len(CallTiers(s)) == 0:
		return Errorf("leave it out, or add flex; --deadline says when rows leave a batch", "tier_wait is how long single calls try a tier, and the job goes by batch alone")
	}
	facts := gemini.FactsOf(s.Endpoint)
	if err := checkBatch(s, s.Endpoint, facts.Dialect == gemini.VertexDialect, facts); err != nil {
		return err
	}
	if len(tiers) > 0 {
		if apijson.Field(s.Request, "serviceTier") != nil {
			return Errorf("keep one of them", "tier and request.serviceTier are both given")
		}
		for _, pair := range s.Header {
			name, _, _ := strings.Cut(pair, "=")
			if http.CanonicalHeaderKey(strings.TrimSpace(name)) == http.CanonicalHeaderKey(gemini.TierHeader) {
				return Errorf("keep one of them", "tier and the header %s are both given", gemini.TierHeader)
			}
		}
		if err := CheckTierEndpoint(s.Endpoint, facts); err != nil {
			return err
		}
	}
	_, err := parseDeadline(s.Deadline, time.Now())
	return err
}

// CheckTierEndpoint returns an [*Error] if the endpoint with these facts does not sell service
// tiers. It would charge its own price for what the job expects at half of it.
func CheckTierEndpoint(name string, f gemini.Facts) error {
	if f.NoTiers {
		return Errorf("leave --tier out; serviceTier under request: is passed on as it is",
			"the gateway %s has no service tiers that are known to be sold or billed as Google's", name)
	}
	return nil
}
