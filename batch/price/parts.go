package price

import "math"

// Parts are the parts of a call's cost. The sum of all but CacheSaved is the cost.
type Parts struct {
	Input    USD `json:"input_picousd"`        // the prompt without its cached part
	Cached   USD `json:"cached_input_picousd"` // the cached part of the prompt
	Tool     USD `json:"tool_picousd"`         // what tools fed back to the model
	Output   USD `json:"output_picousd"`       // the output without thinking
	Thinking USD `json:"thinking_picousd"`
	Searches USD `json:"search_fees_picousd"`  // the fees of searches; see [Table.SearchFee]
	Requests USD `json:"request_fees_picousd"` // the fixed prices of requests; see [Period.PerRequest]

	// CacheSaved is how much more the cached part would have cost if it had not been
	// cached.
	CacheSaved USD `json:"cache_saved_picousd"`
}

// Total returns the cost.
func (p *Parts) Total() USD {
	return p.Input + p.Cached + p.Tool + p.Output + p.Thinking + p.Searches + p.Requests
}

// Add adds the parts of another call.
func (p *Parts) Add(o *Parts) {
	p.Input += o.Input
	p.Cached += o.Cached
	p.Tool += o.Tool
	p.Output += o.Output
	p.Thinking += o.Thinking
	p.Searches += o.Searches
	p.Requests += o.Requests
	p.CacheSaved += o.CacheSaved
}

// Divided returns the parts with each of them divided by a function, which returns the share that
// it is to have. Shares of a call add up to its cost, and to each part of it, if those of an
// amount do.
func (p *Parts) Divided(share func(n int64) int64) Parts {
	of := func(part USD) USD { return USD(share(int64(part))) }
	return Parts{
		Input: of(p.Input), Cached: of(p.Cached), Tool: of(p.Tool), Output: of(p.Output), Thinking: of(p.Thinking),
		Searches: of(p.Searches), Requests: of(p.Requests), CacheSaved: of(p.CacheSaved),
	}
}

// Parts returns the parts of what [Table.Cost] returns. They are all 0 if the cost is not
// known.
func (t *Table) Parts(q Query) (p Parts, ok bool) {
	m := t.find(q.Model)
	if m == nil {
		return Parts{}, false
	}
	fixed, perToken := m.At(q.At).requestFee()
	if !perToken {
		all, ok := m.withSearches(fixed, &q)
		if !ok {
			return Parts{}, false
		}
		return Parts{Requests: fixed, Searches: all - fixed}, true
	}
	rates := m.rates(&q)
	if rates == nil {
		return Parts{}, false
	}
	prompt, ok1 := q.PromptDetails.parts(q.Prompt)
	cached, ok2 := q.CachedDetails.parts(q.Cached)
	tool, ok3 := q.ToolDetails.parts(q.Tool)
	output, ok4 := q.OutputDetails.parts(q.Output)
	if !ok1 || !ok2 || !ok3 || !ok4 || q.Thoughts < 0 {
		return Parts{}, false
	}
	if q.Output > 0 && q.OutputDetails == (Split{}) && rates.severalOutputs() {
		// An image costs 20 times as much as text, so the cost is unknown without the split.
		return Parts{}, false
	}
	cached = cached.within(prompt)

	s := sum{rates: rates, total: fixed, ok: true}
	full := sum{rates: rates, ok: true} // the cost of the cached part, had it not been cached
	for i := range prompt {
		input, discounted := InputText+Kind(i), CachedInput
		if i == audio {
			discounted = CachedInputAudio
		}
		p.Input += s.add(input, prompt[i]-cached[i])
		p.Cached += s.add(discounted, cached[i])
		p.Tool += s.add(input, tool[i])
		full.add(input, cached[i])
	}
	plain := rates.plainOutput()
	p.Output = s.add(plain, output[text])
	p.Thinking = s.add(plain, q.Thoughts)
	for i := image; i <= audio; i++ {
		p.Output += s.add(OutputText+Kind(i), output[i])
	}
	fee, known := m.searchFee(&q)
	if !known || !s.ok || fee > math.MaxInt64-s.total {
		return Parts{}, false
	}
	p.Searches, p.Requests = fee, fixed
	if full.ok {
		p.CacheSaved = full.total - p.Cached
	}
	return p, true
}
