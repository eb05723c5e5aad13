package gemini

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
)

// grounding holds the fields that report which searches were made for a candidate.
type grounding struct {
	WebSearchQueries   []string `json:"webSearchQueries"`
	ImageSearchQueries []string `json:"imageSearchQueries"`
	GroundingChunks    []struct {
		Web  wire.Present `json:"web"`
		Maps wire.Present `json:"maps"`
	} `json:"groundingChunks"`
}

// searched is what all chunks together report of one candidate's searches.
type searched struct {
	index   int
	queries map[string]int64 // how often each query was made
	web     bool             // a source is a page
	maps    bool             // a source is a place
	fetched bool             // pages were fetched by their address, without a search
}

// search records what a chunk reports of a candidate's searches. The chunks of a stream
// repeat the queries of earlier chunks, or add their own.
func (a *reading) search(index int, c *candidate) {
	g := &c.GroundingMetadata
	if len(g.WebSearchQueries)+len(g.ImageSearchQueries)+len(g.GroundingChunks) == 0 && !bool(c.URLContextMetadata) {
		return
	}
	var s *searched
	for i := range a.searches {
		if a.searches[i].index == index {
			s = &a.searches[i]
		}
	}
	if s == nil {
		a.searches = append(a.searches, searched{index: index, queries: make(map[string]int64)})
		s = &a.searches[len(a.searches)-1]
	}
	here := make(map[string]int64)
	for _, list := range [][]string{g.WebSearchQueries, g.ImageSearchQueries} {
		for _, q := range list {
			if q != "" {
				here[q]++
			}
		}
	}
	for q, n := range here {
		s.queries[q] = max(s.queries[q], n)
	}
	for _, chunk := range g.GroundingChunks {
		s.web = s.web || bool(chunk.Web)
		s.maps = s.maps || bool(chunk.Maps)
	}
	s.fetched = s.fetched || bool(c.URLContextMetadata)
}

// addSearches adds the searches that have a fee of their own to the usage. If a server
// names pages but no queries, at least one query was made, unless the pages were fetched
// by their address.
func (a *reading) addSearches(u *batch.Usage) {
	for i := range a.searches {
		s := &a.searches[i]
		var n int64
		for _, times := range s.queries {
			n += times
		}
		switch {
		case s.maps && s.web:
			u.MapSearches++
			u.Searches += max(n, 1)
		case s.maps: // the queries, if any are named, went to Google Maps
			u.MapSearches += max(n, 1)
		case n == 0 && s.web && !s.fetched:
			u.Searches++
		default:
			u.Searches += n
		}
	}
}
