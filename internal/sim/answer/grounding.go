package answer

import (
	"html"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// sites are what every search finds.
var sites = []string{"example.com", "example.org", "example.net", "encyclopedia.example", "news.example"}

// search adds what a search for the prompt has found, as the sources of the text.
func (t *Turn) search(r *Reply) {
	p := t.Prompt
	hash := chance.Hash(p.User) ^ p.Seed
	g := &groundingMetadata{}
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

// queryOf makes a search query of the words of a text.
func queryOf(s string) string {
	var kept []string
	for w := range words(s) {
		if !stopWords[w] && len(kept) < 8 {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

// support names sources for the sentences of a text: of the n chunks from first on.
func (g *groundingMetadata) support(text string, first, n int, hash uint64) {
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

// ground adds sources to those that the answer has already.
func (e *extras) ground(g *groundingMetadata) {
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

// fetch adds what came of the addresses in the prompt. The words "missing", "paywall"
// and "unsafe" in an address say how it fails; any other is found.
func (t *Turn) fetch(r *Reply) {
	p := t.Prompt
	urls := wire.URLsIn(p.User)
	if len(urls) == 0 {
		return
	}
	out := &urlContextMetadata{}
	g := &groundingMetadata{}
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
