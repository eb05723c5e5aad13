package price

import (
	"math"
	"math/bits"
	"strings"
	"time"
)

// A Query is a call whose cost is asked for. Counts are tokens, as usageMetadata
// reports them.
type Query struct {
	Model string    // the answer's modelVersion, else the model that was asked
	At    time.Time // when it was sent

	// Tier is the serviceTier (Google AI) or trafficType (Vertex AI) that served it,
	// or a [Service]; empty = standard. Provisioned throughput has no price a token.
	Tier string

	Prompt   int64 // promptTokenCount, the cached part included; it chooses the price tier
	Cached   int64 // cachedContentTokenCount
	Tool     int64 // toolUsePromptTokenCount
	Output   int64 // candidatesTokenCount
	Thoughts int64 // thinking, reported or derived from the total

	// Searches and MapSearches are how many queries to Google Search and Google Maps
	// the answer is grounded on.
	Searches, MapSearches int64

	// The counts by modality, from the lists of the same names. They need not be
	// complete: what they leave out is text.
	PromptDetails, CachedDetails, ToolDetails, OutputDetails Split
}

// A Split is a count by modality.
type Split struct {
	Text, Image, Video, Audio, Document int64
}

// Add adds one element of a *TokensDetails list. A modality that it does not know
// counts as text.
func (s *Split) Add(modality string, n int64) {
	switch modality {
	case "IMAGE":
		s.Image += n
	case "VIDEO":
		s.Video += n
	case "AUDIO":
		s.Audio += n
	case "DOCUMENT":
		s.Document += n
	default:
		s.Text += n
	}
}

// parts is a count by what has a price of its own.
type parts [4]int64

// The places in parts; the kinds of input and of output have the same order.
const (
	text = iota
	image
	video
	audio
)

// parts divides a total: what is missing in the split is text, and what is too much
// is taken from text first. Pages of documents are images, as Gemini 3 itself
// reports them. It is false for counts that cannot be.
func (s *Split) parts(total int64) (p parts, ok bool) {
	for _, n := range []int64{total, s.Text, s.Image, s.Video, s.Audio, s.Document} {
		if n < 0 || n > maxTokens {
			return p, false
		}
	}
	p = parts{s.Text, s.Image + s.Document, s.Video, s.Audio}
	rest := total
	for _, n := range p {
		rest -= n
	}
	if rest > 0 {
		p[text] += rest
	}
	for i := range p {
		if rest >= 0 {
			break
		}
		less := min(p[i], -rest)
		p[i] -= less
		rest += less
	}
	return p, true
}

// maxTokens is the largest count that is believed. It is far above every context,
// and keeps sums of counts from overflowing.
const maxTokens = math.MaxInt64 / 16

// within returns the cached parts so that no part exceeds the prompt's. Where the
// server did not say which part is cached, or says more than there is, it is text as
// far as there is text, then image, video, audio.
func (p parts) within(prompt parts) parts {
	over := int64(0)
	for i := range p {
		if p[i] > prompt[i] {
			over += p[i] - prompt[i]
			p[i] = prompt[i]
		}
	}
	for i := range p {
		more := min(over, prompt[i]-p[i])
		p[i] += more
		over -= more
	}
	return p
}

// Cost returns what a call cost at the list price:
//
//	(prompt - cached) * input + cached * cached input + tool * input + (output + thoughts) * output
//
// each part split by modality, and the fee of its searches (see [Table.SearchFee]) and
// of the request itself (see [Period.PerRequest]).
// It is false when the price of any part is not known:
// the model, the day, the service, or a modality is not in the table, or counts are
// impossible. An unknown cost is not 0.
//
// https://ai.google.dev/gemini-api/docs/pricing
func (t *Table) Cost(q Query) (USD, bool) {
	p, ok := t.Parts(q)
	return p.Total(), ok
}

// Most returns the most that a call with such counts can cost: its output, of
// which the modality is not known beforehand, at the dearest rate of the model's.
// It is false where [Table.Cost] would not know the price of any such call.
func (t *Table) Most(q Query) (USD, bool) {
	m := t.find(q.Model)
	if m == nil {
		return 0, false
	}
	fixed, perToken := m.At(q.At).requestFee()
	if !perToken {
		return m.withSearches(fixed, &q)
	}
	rates := m.rates(&q)
	if rates == nil {
		return 0, false
	}
	dearest := OutputText
	for k := OutputText; k <= OutputAudio; k++ {
		if rates.known[k] && (!rates.known[dearest] || rates.token[k] > rates.token[dearest]) {
			dearest = k
		}
	}
	prompt, ok := q.PromptDetails.parts(q.Prompt)
	if !ok || q.Output < 0 || q.Output > maxTokens {
		return 0, false
	}
	s := sum{rates: rates, total: fixed, ok: true}
	for i := range prompt {
		s.add(InputText+Kind(i), prompt[i])
	}
	s.add(dearest, q.Output)
	fee, known := m.searchFee(&q)
	if !known || fee > math.MaxInt64-s.total {
		return 0, false
	}
	return s.total + fee, s.ok
}

// withSearches adds the fee of searches to a fixed price, which includes them where
// none is stated.
func (m *Model) withSearches(fixed USD, q *Query) (USD, bool) {
	fee, known := m.searchFee(q)
	if !known && m.Grounding == nil {
		return fixed, q.Searches >= 0 && q.MapSearches >= 0
	}
	return fixed + fee, known
}

// rates returns the rates for a call; nil: not known.
func (m *Model) rates(q *Query) *Rates {
	service, ok := ServiceOf(q.Tier)
	period := m.At(q.At)
	if !ok || period == nil {
		return nil
	}
	for i := range period.Tiers {
		t := &period.Tiers[i]
		if t.MaxPromptTokens == 0 || q.Prompt <= t.MaxPromptTokens {
			return t.Rates[service]
		}
	}
	return nil
}

// ServiceOf maps the API's names of tiers and traffic types; empty is Standard. It is
// false for one that has no price a token, or is not known.
func ServiceOf(tier string) (Service, bool) {
	switch strings.ToLower(tier) {
	case "", "standard", "on_demand", "unspecified", "service_tier_unspecified", "traffic_type_unspecified":
		return Standard, true
	case "flex", "on_demand_flex":
		return Flex, true
	case "priority", "on_demand_priority":
		return Priority, true
	case "batch":
		return Batch, true
	}
	return "", false
}

// severalOutputs reports whether output has prices beside the one for text.
func (r *Rates) severalOutputs() bool {
	return r.known[OutputText] && (r.known[OutputImage] || r.known[OutputVideo] || r.known[OutputAudio])
}

// plainOutput is what output of no stated modality, and thinking, is billed as: text,
// or the one thing that the model puts out (speech models have no price for text).
func (r *Rates) plainOutput() Kind {
	only := OutputText
	n := 0
	for k := OutputText; k <= OutputAudio; k++ {
		if r.known[k] {
			only = k
			n++
		}
	}
	if n == 1 {
		return only
	}
	return OutputText
}

// A sum adds up a cost; ok is false once a price was missing or the sum too large.
type sum struct {
	rates *Rates
	total USD
	ok    bool
}

// add returns what it has added.
func (s *sum) add(k Kind, tokens int64) USD {
	if tokens == 0 {
		return 0
	}
	if !s.rates.known[k] {
		s.total, s.ok = 0, false
		return 0
	}
	hi, lo := bits.Mul64(uint64(tokens), uint64(s.rates.token[k])) // neither is negative
	if hi > 0 || lo > uint64(math.MaxInt64-int64(s.total)) {
		s.total, s.ok = 0, false
		return 0
	}
	if !s.ok {
		return 0
	}
	s.total += USD(lo)
	return USD(lo)
}
