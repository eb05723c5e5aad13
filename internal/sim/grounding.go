package sim

import (
	"html"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// sites are what a search finds.
var sites = []string{"example.com", "example.org", "example.net", "encyclopedia.example", "news.example"}

// search grounds the text in what a search for the prompt has found.
func (t *turn) search(r *reply) {
	p := t.prompt
	hash := hashText(p.user) ^ p.seed
	g := &groundingOut{}
	for part := range strings.SplitSeq(clip(strings.Join(strings.Fields(subjectOf(p)), " "), 300), " and ") {
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
		c := webChunk{URI: "https://vertexaisearch.cloud.google.com/grounding-api-redirect/" + token(hash+uint64(i), 40), Title: site}
		if t.dialect.vertexShaped() {
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

var urlInText = regexp.MustCompile(`https?://[^\s<>"'\])]+`)

// urlsLimit is how many addresses urlContext looks up in one request.
const urlsLimit = 20

// urlsIn returns the addresses that stand in a text, each once.
func urlsIn(s string) []string {
	var found []string
	seen := map[string]bool{}
	for _, u := range urlInText.FindAllString(s, -1) {
		u = strings.TrimRight(u, ".,;:!?")
		if !seen[u] {
			seen[u] = true
			found = append(found, u)
		}
	}
	return found
}

// fetch says what came of the addresses in the prompt. One with "missing" in it is
// not found, and "paywall" and "unsafe" speak for themselves.
func (t *turn) fetch(r *reply) {
	p := t.prompt
	urls := urlsIn(p.user)
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
			r.extras.toolTokens += 200 + int(hashText(u)%2000)
		}
		out.URLs = append(out.URLs, urlMetadata{u, "URL_RETRIEVAL_STATUS_" + status})
	}
	r.extras.urls = out
	r.extras.toolTokens += 30
	if len(g.Chunks) > 0 {
		g.support(r.text, 0, len(g.Chunks), hashText(p.user))
		r.extras.ground(g)
	}
}

func (q *apiRequest) checkURLs(Dialect, *model) *apiError {
	if !q.tools.urls {
		return nil
	}
	if n := len(urlsIn(q.prompt().user)); n > urlsLimit {
		return invalid("Number of urls to lookup exceeds the limit (%d > %d).", n, urlsLimit)
	}
	return nil
}

var arithmetic = regexp.MustCompile(`(-?\d+(?:\.\d+)?)\s*([-+*/])\s*(\d+(?:\.\d+)?)`)

// runCode writes a program for the prompt and runs it: the first sum in it, else
// the total of its numbers, else its length.
func (t *turn) runCode(r *reply) {
	p := t.prompt
	code, output, failed := "", "", false
	if m := arithmetic.FindStringSubmatch(p.user); m != nil {
		code = "print(" + m[1] + " " + m[2] + " " + m[3] + ")"
		output, failed = calculate(m[1], m[2], m[3])
	} else if n := numbersIn(subjectOf(p)); len(n) > 1 {
		total := 0.0
		var items []string
		for _, v := range n {
			total += v
			items = append(items, strconv.FormatFloat(v, 'f', -1, 64))
		}
		code = "values = [" + strings.Join(items, ", ") + "]\nprint(sum(values))"
		output = strconv.FormatFloat(total, 'f', -1, 64)
	} else {
		text := clip(p.user, 60)
		code = "print(len(" + strconv.Quote(text) + "))"
		output = strconv.Itoa(len([]rune(text)))
	}
	result := &codeResult{"OUTCOME_OK", output + "\n"}
	if failed {
		result.Outcome = "OUTCOME_FAILED"
	}
	ex := &r.extras
	ex.before = append(ex.before, outPart{Code: &executableCode{"PYTHON", code + "\n"}}, outPart{Result: result})
	ex.toolTokens += 40 + countText(code) + countText(output)
	if t.request.schema == nil {
		r.text = "The result is " + output + "."
		if failed {
			r.text = "The calculation failed: " + output
		}
	}
}

// calculate returns what Python prints for an operation.
func calculate(left, op, right string) (output string, failed bool) {
	a, okA := new(big.Rat).SetString(left)
	b, okB := new(big.Rat).SetString(right)
	if !okA || !okB {
		return "ValueError: no number", true
	}
	out := new(big.Rat)
	switch op {
	case "+":
		out.Add(a, b)
	case "-":
		out.Sub(a, b)
	case "*":
		out.Mul(a, b)
	case "/":
		if b.Sign() == 0 {
			return "ZeroDivisionError: division by zero", true
		}
		out.Quo(a, b)
	}
	if out.IsInt() && op != "/" && !strings.Contains(left+right, ".") {
		return out.Num().String(), false
	}
	f, _ := out.Float64()
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s, false
}
