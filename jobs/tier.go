package jobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
)

// A DeadlineError ends a run because its deadline came: nothing new is sent after
// it, and rows that have no answer stay pending.
type DeadlineError struct {
	At time.Time
}

func (e *DeadlineError) Error() string {
	return fmt.Sprintf("the deadline has come: %s", e.At.Local().Format("Mon 2 Jan 15:04:05 MST"))
}

// tierNames are the tiers that a call can ask for. Batch is a service of its own.
var tierNames = []string{"flex", "standard", "priority"}

const (
	// defaultTierWait is as long as the flex tier aims to answer in.
	// https://ai.google.dev/gemini-api/docs/flex-inference
	defaultTierWait = 15 * time.Minute
	// longestTierWait is the most that rows wait for a tier where a deadline gives
	// them more.
	longestTierWait = time.Hour
)

// tiers are the tiers to try, the first first. YAML and the environment may have
// them as one text.
func (s *Spec) tiers() (list []string) {
	for _, text := range s.Tier {
		for name := range strings.SplitSeq(text, ",") {
			list = append(list, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	return list
}

// checkTiers finds what is wrong with tier, tier_wait and deadline.
func (s *Spec) checkTiers() error {
	tiers := s.tiers()
	for i, name := range tiers {
		switch {
		case name == "batch":
			return specErrorf("use flex: it costs the same", "tier names batch, which is another service than generateContent")
		case !slices.Contains(tierNames, name):
			return specErrorf("use flex, standard or priority, or several in the order in which they are to be tried: flex,standard", "tier names %q", name)
		case slices.Contains(tiers[:i], name):
			return specErrorf("name each once", "tier names %s twice", name)
		}
	}
	if s.TierWait < 0 {
		return specErrorf("", "tier_wait is %v; it cannot be negative", s.TierWait)
	}
	if s.TierWait > 0 && len(tiers) == 0 {
		return specErrorf("add --tier flex,standard", "tier_wait is given, and no tier to wait for")
	}
	if len(tiers) > 0 {
		if field(s.Request, "serviceTier") != nil {
			return specErrorf("keep one of them", "tier and request.serviceTier are both given")
		}
		for _, pair := range s.Header {
			name, _, _ := strings.Cut(pair, "=")
			if http.CanonicalHeaderKey(strings.TrimSpace(name)) == http.CanonicalHeaderKey(gemini.TierHeader) {
				return specErrorf("keep one of them", "tier and the header %s are both given", gemini.TierHeader)
			}
		}
		if err := checkTierEndpoint(s.Endpoint); err != nil {
			return err
		}
	}
	_, err := parseDeadline(s.Deadline, time.Now())
	return err
}

// checkTierEndpoint refuses tiers where an endpoint does not sell them: it would
// charge its own price for what looks like half of it.
func checkTierEndpoint(name string) error {
	if gemini.FactsOf(name).NoTiers {
		return specErrorf("leave --tier out; serviceTier under request: is passed on as it is",
			"the gateway %s has no service tiers that are known to be sold or billed as Google's", name)
	}
	return nil
}

// deadline returns when a run that begins now is to end; zero: there is no deadline.
func (s *Spec) deadline(now time.Time) (time.Time, error) {
	at, err := parseDeadline(s.Deadline, now)
	if err == nil && !at.IsZero() && !at.After(now) {
		return at, specErrorf("write a later one", "the deadline %s has passed", s.Deadline)
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
		return at, specErrorf("write --deadline 6h, --deadline 18:00 or --deadline 2027-01-31T18:00:00+01:00", "deadline is %q", text)
	}
	return at, nil
}

// withDeadline returns a context that ends at the deadline with a *DeadlineError.
func withDeadline(ctx context.Context, at time.Time) (context.Context, context.CancelFunc) {
	if at.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, at, &DeadlineError{At: at})
}

// planTier is the tier that a plan is priced at: the one that is tried first.
func (s *Spec) planTier() string {
	if tiers := s.tiers(); len(tiers) > 0 {
		return tiers[0]
	}
	return ""
}

// dearest returns the most that the plan's rows can cost in any tier that the job
// names, where first is what they cost in the first one.
func (j *Job) dearest(first price.USD, s *planShare) price.USD {
	most := first
	for _, tier := range j.spec.tiers() {
		// A tier's prices are the same multiple for all rows of one prompt size, so the
		// mean request stands for all.
		q := price.Query{Model: s.model, At: time.Now(), Prompt: s.input / s.rows, Output: max(1, s.most/s.rows)}
		q.Tier = j.spec.planTier()
		base, ok1 := j.prices.Most(q)
		q.Tier = tier
		cost, ok2 := j.prices.Most(q)
		if ok1 && ok2 && base > 0 {
			most = max(most, price.USD(float64(first)*(float64(cost)/float64(base))))
		}
	}
	return most
}

// askedTier is the tier that a request asks for: the attempt's, or its own.
func askedTier(r *batch.Request) string {
	var own struct {
		Camel string `json:"serviceTier"`
		Snake string `json:"service_tier"`
	}
	if bytes.Contains(r.Body, []byte("ier\"")) && json.Unmarshal(r.Body, &own) == nil && own.Camel+own.Snake != "" {
		return strings.TrimPrefix(strings.ToLower(cmp.Or(own.Camel, own.Snake)), "service_tier_")
	}
	return r.Tier
}

// inTier names a tier in a message; nothing for none.
func inTier(tier string) string {
	if tier == "" {
		return ""
	}
	return " in the " + tier + " tier"
}

// service names a tier, or the traffic type of an answer, as the price table does.
// An unknown one keeps its name.
func service(tier string) string {
	if s, ok := price.ServiceOf(tier); ok {
		return string(s)
	}
	return strings.ToLower(tier)
}
