package gemini

import "github.com/genbatch/genbatch/batch"

// grounding is what tells of the searches that were made for a candidate.
type grounding struct {
	WebSearchQueries   []string `json:"webSearchQueries"`
	ImageSearchQueries []string `json:"imageSearchQueries"`
	GroundingChunks    []struct {
		Web  present `json:"web"`
		Maps present `json:"maps"`
	} `json:"groundingChunks"`
}

// searched is what the chunks of one candidate tell together.
type searched struct {
	index   int
	queries map[string]int64 // how often each was made
	web     bool             // a source is a page
	maps    bool             // a source is a place
	fetched bool             // pages were named by their address, and not searched for
}

// search notes what a chunk tells of a candidate's searches. The chunks of a
// stream repeat the queries of those before them, or go on with their own.
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

// addSearches puts into the usage what has a fee of its own. A server that names
// pages and no queries has made one at least, unless the pages were fetched by
// their address.
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
		case s.maps: // the queries, where they are told, are those to the maps
			u.MapSearches += max(n, 1)
		case n == 0 && s.web && !s.fetched:
			u.Searches++
		default:
			u.Searches += n
		}
	}
}
