package price

import (
	"math"
	"math/bits"
	"strings"
	"time"
)

// A Query describes a call whose cost is asked for. Counts are in tokens, as
// usageMetadata reports them.
type Query struct {
	Model string    // the answer's modelVersion; without one, the model that was asked
	At    time.Time // when the call was sent

	// Tier is the serviceTier (Google AI) or trafficType (Vertex AI) that served the
	// call, or a [Service]. Empty means standard. Provisioned throughput has no price
	// per token.
	Tier string

	Prompt   int64 // promptTokenCount, which includes the cached part; it decides the price tier
	Cached   int64 // cachedContentTokenCount
	Tool     int64 // toolUsePromptTokenCount
	Output   int64 // candidatesTokenCount
	Thoughts int64 // the thinking tokens, reported or derived from the total

	// Searches and MapSearches count the queries to Google Search and Google Maps on
	// which the answer is grounded.
	Searches, MapSearches int64

	// These are the counts by modality, from the *TokensDetails lists. They need not be
	// complete: tokens that they leave out are text.
	PromptDetails, CachedDetails, ToolDetails, OutputDetails Split
}

// A Split is a count of tokens, divided by modality.
type Split struct {
	Text, Image, Video, Audio, Document int64
}

// Add adds one element of a *TokensDetails list. An unknown modality counts as text.
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

// parts is a count of tokens, divided by what has a price of its own.
type parts [4]int64

// The places in parts. The kinds of input and of output have the same order.
const (
	text = iota
	image
	video
	audio
)

// parts divides a total. Tokens that the split leaves out are text. If the split has more
// than the total, the surplus is taken from text first. Pages of documents count as
// images, because Gemini 3 itself reports them so. The result is false if the counts are
// impossible.
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

// maxTokens is the largest count that is believed. It is far above every context window,
// and it keeps sums of counts from overflowing.
const maxTokens = math.MaxInt64 / 16

// within returns the cached parts, limited to the same parts of the prompt. Tokens beyond
// that, because the server did not say which part is cached or said too much, are
// assigned to text as far as there is text, then to image, video and audio.
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
// Each part is split by modality. The fees of the call's searches (see [Table.SearchFee])
// and of the request itself (see [Period.PerRequest]) are added.
//
// The result is false if the price of any part is unknown. Then the model, the day, the
// service or a modality is not in the table, or the counts are impossible. An unknown
// cost is not 0.
//
// https://ai.google.dev/gemini-api/docs/pricing
func (t *Table) Cost(q Query) (USD, bool) {
	p, ok := t.Parts(q)
	return p.Total(), ok
}

// Most returns the most that a call with these counts can cost. The modality of its
// output is not known beforehand, so output has the model's highest rate. The result is
// false if [Table.Cost] would not know the price of any such call.
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

// withSearches adds the fee of searches to a fixed price. If the model has no such fee,
// the fixed price includes the searches.
func (m *Model) withSearches(fixed USD, q *Query) (USD, bool) {
	fee, known := m.searchFee(q)
	if !known && m.Grounding == nil {
		return fixed, q.Searches >= 0 && q.MapSearches >= 0
	}
	return fixed + fee, known
}

// rates returns the rates for a call, or nil if they are not known.
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

// ServiceOf returns the service that the API's name of a tier or traffic type stands for.
// Empty means Standard. The result is false if the name is unknown, or if that service
// has no price per token.
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

// severalOutputs reports whether output has other prices beside the one for text.
func (r *Rates) severalOutputs() bool {
	return r.known[OutputText] && (r.known[OutputImage] || r.known[OutputVideo] || r.known[OutputAudio])
}

// plainOutput returns the kind that thinking, and output without a stated modality, is
// billed as. It is text, or the only kind that the model puts out: speech models have no
// price for text.
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

// A sum adds up a cost. Its ok is false once a price was missing or the sum overflowed.
type sum struct {
	rates *Rates
	total USD
	ok    bool
}

// add adds the price of the tokens, and returns it.
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
