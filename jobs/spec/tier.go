package spec

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
)

// tierNames are the tiers that a call can ask for. Batch is a service of its own.
var tierNames = []string{"flex", "standard", "priority"}

// tiers are the tiers to try, the first first. YAML and the environment may have
// them as one text.
func (s *Spec) Tiers() (list []string) {
	for _, text := range s.Tier {
		for name := range strings.SplitSeq(text, ",") {
			list = append(list, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	return list
}

// checkTiers finds what is wrong with tier, tier_wait and deadline.
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
		if err := CheckTierEndpoint(s.Endpoint); err != nil {
			return err
		}
	}
	_, err := parseDeadline(s.Deadline, time.Now())
	return err
}

// CheckTierEndpoint refuses tiers where an endpoint does not sell them: it would
// charge its own price for what looks like half of it.
func CheckTierEndpoint(name string) error {
	if gemini.FactsOf(name).NoTiers {
		return Errorf("leave --tier out; serviceTier under request: is passed on as it is",
			"the gateway %s has no service tiers that are known to be sold or billed as Google's", name)
	}
	return nil
}

// deadline returns when a run that begins now is to end; zero: there is no deadline.
func (s *Spec) DeadlineAt(now time.Time) (time.Time, error) {
	at, err := parseDeadline(s.Deadline, now)
	if err == nil && !at.IsZero() && !at.After(now) {
		return at, Errorf("write a later one", "the deadline %s has passed", s.Deadline)
	}
	return at, err
}

// parseDeadline reads a duration, a time of the day, or a date with time.
func parseDeadline(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	var at time.Time
	if d, err := time.ParseDuration(text); err == nil {
		at = now.Add(d)
	} else if clock, err := time.Parse("15:04", text); err == nil {
		local := now.Local()
		at = time.Date(local.Year(), local.Month(), local.Day(), clock.Hour(), clock.Minute(), 0, 0, time.Local)
		if !at.After(now) {
			at = time.Date(local.Year(), local.Month(), local.Day()+1, clock.Hour(), clock.Minute(), 0, 0, time.Local)
		}
	} else if at, err = time.Parse(time.RFC3339, text); err != nil {
		return at, Errorf("write --deadline 6h, --deadline 18:00 or --deadline 2027-01-31T18:00:00+01:00", "deadline is %q", text)
	}
	return at, nil
}

// PlanTier is the tier that a plan is priced at: the one that is tried first.
func (s *Spec) PlanTier() string {
	if tiers := s.Tiers(); len(tiers) > 0 {
		return tiers[0]
	}
	return ""
}
