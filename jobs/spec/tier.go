package spec

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
)

// tierNames are the service tiers that a call can ask for. Batch is not one of them: it is
// another service than generateContent.
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
		case name == "batch":
			return Errorf("use flex: it costs the same", "tier names batch, which is another service than generateContent")
		case !slices.Contains(tierNames, name):
			return Errorf("use flex, standard or priority, or several in the order in which they are to be tried: flex,standard", "tier names %q", name)
		case slices.Contains(tiers[:i], name):
			return Errorf("name each once", "tier names %s twice", name)
		}
	}
	if s.TierWait < 0 {
		return Errorf("", "tier_wait is %v; it cannot be negative", s.TierWait)
	}
	if s.TierWait > 0 && len(tiers) == 0 {
		return Errorf("add --tier flex,standard", "tier_wait is given, and no tier to wait for")
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
		if err := CheckTierEndpoint(s.Endpoint, gemini.FactsOf(s.Endpoint)); err != nil {
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
