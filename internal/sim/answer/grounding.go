package answer

import (
	"html"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// sites are what a search finds.
var sites = []string{"example.com", "example.org", "example.net", "encyclopedia.example", "news.example"}

// search grounds the text in what a search for the prompt has found.
func (t *Turn) search(r *reply) {
	p := t.Prompt
	hash := chance.Hash(p.User) ^ p.Seed
	g := &groundingOut{}
	for part := range strings.SplitSeq(wire.Clip(strings.Join(strings.Fields(subjectOf(p)), " "), 300), " and ") {
		if q := queryOf(part); q != "" && len(g.Queries) < 2 {
			g.Queries = append(g.Queries, q)
		}
	}
	if len(g.Queries) == 0 {
		return // nothing to search for, and a model searches only where that helps
	}
	var chips strings.Builder
	for _, q := range g.Queries {
		chips.WriteString(`<a class="chip" href="https://www.google.com/search?q=` + html.EscapeString(strings.ReplaceAll(q, " ", "+")) + `">` + html.EscapeString(q) + `</a>`)
	}
	g.Entry = &searchEntryPoint{"<style>\n.container {\n  display: flex;\n}\n</style>\n<div class=\"container\">" + chips.String() + "</div>\n"}
	for i := range 2 + int(hash%3) {
		site := sites[(int(hash%uint64(len(sites)))+i)%len(sites)]
		c := webChunk{URI: "https://vertexaisearch.cloud.google.com/grounding-api-redirect/" + chance.Name(hash+uint64(i), 40), Title: site}
		if t.Dialect.VertexShaped() {
			c.Domain = site
		}
		g.Chunks = append(g.Chunks, groundingChunk{c})
	}
	g.support(r.text, 0, len(g.Chunks), hash)
	r.extras.ground(g)
	r.extras.toolTokens += 80 + int(hash%300)
}

// queryOf makes a search query of a text: its words that say something.
func queryOf(s string) string {
	var kept []string
	for w := range words(s) {
		if !stopWords[w] && len(kept) < 8 {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

// support rests the sentences of the text on chunks: those from the first up to n
// of them.
func (g *groundingOut) support(text string, first, n int, hash uint64) {
	start := 0
	ends := []int{}
	for e := range sentenceEnds(text) {
		ends = append(ends, e)
	}
	if len(ends) == 0 || ends[len(ends)-1] < len(text) {
		ends = append(ends, len(text))
	}
	for i, end := range ends {
		for start < end && (text[start] == ' ' || text[start] == '\n') {
			start++
		}
		if start < end && len(g.Supports) < 8 {
			s := groundingSupport{Segment: segment{start, end, text[start:end]}, Chunks: []int{first + (i+int(hash%7))%n}}
			if n > 1 && i == 0 {
				s.Chunks = []int{first, first + 1}
			}
			g.Supports = append(g.Supports, s)
		}
		start = end
	}
}

// ground adds sources to the ones that the answer has.
func (e *extras) ground(g *groundingOut) {
	if e.grounding == nil {
		e.grounding = g
		return
	}
	shift := len(e.grounding.Chunks)
	e.grounding.Chunks = append(e.grounding.Chunks, g.Chunks...)
	for _, s := range g.Supports {
		moved := make([]int, len(s.Chunks))
		for i, c := range s.Chunks {
			moved[i] = c + shift
		}
		s.Chunks = moved
		e.grounding.Supports = append(e.grounding.Supports, s)
	}
}

// fetch says what came of the addresses in the prompt. One with "missing" in it is
// not found, and "paywall" and "unsafe" speak for themselves.
func (t *Turn) fetch(r *reply) {
	p := t.Prompt
	urls := wire.URLsIn(p.User)
	if len(urls) == 0 {
		return
	}
	out := &urlContextOut{}
	g := &groundingOut{}
	for _, u := range urls {
		status := "SUCCESS"
		switch {
		case strings.Contains(u, "missing"):
			status = "ERROR"
		case strings.Contains(u, "paywall"):
			status = "PAYWALL"
		case strings.Contains(u, "unsafe"):
			status = "UNSAFE"
		default:
			host, _, _ := strings.Cut(u[strings.Index(u, "://")+3:], "/")
			g.Chunks = append(g.Chunks, groundingChunk{webChunk{URI: u, Title: host}})
			r.extras.toolTokens += 200 + int(chance.Hash(u)%2000)
		}
		out.URLs = append(out.URLs, urlMetadata{u, "URL_RETRIEVAL_STATUS_" + status})
	}
	r.extras.urls = out
	r.extras.toolTokens += 30
	if len(g.Chunks) > 0 {
		g.support(r.text, 0, len(g.Chunks), chance.Hash(p.User))
		r.extras.ground(g)
	}
}
