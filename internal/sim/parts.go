package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// extras are what an answer has besides its text.
type extras struct {
	before []outPart // code and its output
	after  []outPart // function calls, images, sound
	noText bool      // there is no text part

	grounding *groundingOut
	urls      *urlContextOut
	citations *citationOut
	ratings   []safetyRating

	toolTokens int            // what tools have put into the prompt
	media      []tokensDetail // the output that is not text
	others     []string       // the texts of the further candidates
}

// tokens counts what the answer's extras cost as output, in each candidate.
func (e *extras) tokens() int {
	n := sumTokens(e.media)
	for _, p := range append(e.before[:len(e.before):len(e.before)], e.after...) {
		switch {
		case p.Call != nil:
			n += countText(p.Call.Name) + countText(string(p.Call.Args)) + 2
		case p.Code != nil:
			n += countText(p.Code.Code) + 2
		case p.Result != nil:
			n += countText(p.Result.Output) + 2
		}
	}
	return n
}

// dropMedia takes out the images and the sound.
func (e *extras) dropMedia() {
	e.after = slices.DeleteFunc(e.after, func(p outPart) bool { return p.Blob != nil })
	e.media = nil
}

// The parts that are no text: https://ai.google.dev/api/caching#Part
type (
	functionCall struct {
		ID   string          `json:"id,omitempty"` // since Gemini 3
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	}
	outBlob struct {
		MIME string `json:"mimeType"`
		Data []byte `json:"data"` // base64 in JSON
	}
	executableCode struct {
		Language string `json:"language"`
		Code     string `json:"code"`
	}
	codeResult struct {
		Outcome string `json:"outcome"`
		Output  string `json:"output,omitempty"`
	}
)

// isData reports whether a part is something else than text.
func (p *outPart) isData() bool {
	return p.Call != nil || p.Blob != nil || p.Code != nil || p.Result != nil
}

// MarshalJSON leaves the text out where the part is something else, and only
// there: an empty text is a part too.
func (p outPart) MarshalJSON() ([]byte, error) {
	type fields outPart
	var b bytes.Buffer
	var err error
	if p.isData() {
		err = encode(&b, struct {
			Text *string `json:"text,omitempty"`
			fields
		}{fields: fields(p)})
	} else {
		err = encode(&b, fields(p))
	}
	return b.Bytes(), err
}

// produce makes the answer's text and everything that comes with it.
func (x *exchange) produce(r *reply, p prompt) {
	q, m, ex := x.q, &x.model, &r.extras
	switch {
	case m.speaks():
		x.speak(ex, p)
		return
	case m.draws() && q.wants("IMAGE"):
		x.draw(r, p)
		return
	}
	if calls := q.callsFor(p, &x.s.sets, m); len(calls) > 0 {
		ex.after, ex.noText = calls, true
		if !x.s.config.Dialect.vertexShaped() {
			r.message = "Model generated function call(s)."
		}
		return
	}
	if said := q.functionsSaid(); said != "" && q.schema == nil {
		r.text, r.confidence = said, 0.9
	} else {
		r.text, r.confidence = q.answer(p, &x.s.sets)
	}
	if q.tools.code {
		x.runCode(r, p)
	}
	for i := 1; i < q.candidates(); i++ {
		other := p
		other.seed = mix(p.seed + uint64(i))
		text, _ := q.answer(other, &x.s.sets)
		if q.schema == nil {
			text = otherWords[(i-1)%len(otherWords)] + text
		}
		ex.others = append(ex.others, text)
	}
}

// otherWords begin the further candidates of an answer that is free text.
var otherWords = []string{"In other words: ", "Put differently: ", "Or: ", "Again: ", "That is: ", "Differently said: ", "Once more: "}

// annotate adds what refers to the final text: sources, citations, ratings.
func (x *exchange) annotate(r *reply, p prompt) {
	q, ex := x.q, &r.extras
	if q.tools.search {
		x.search(r, p)
	}
	if q.tools.urls {
		x.fetch(r, p)
	}
	if q.schema == nil && r.text != "" && quotes(p) {
		ex.citations = citationsOf(r.text, x.s.config.Dialect)
	}
	if len(q.settings) > 0 {
		blocked := false
		if ex.ratings, blocked = q.ratings(p, x.s.config.Dialect); blocked {
			r.finish, r.noContent, r.text = "SAFETY", true, ""
		}
	}
}

// candidates is how many answers are asked for.
func (q *apiRequest) candidates() int {
	n, ok := number(q.config["candidateCount"])
	if !ok {
		return 1
	}
	return int(n)
}

// wants reports whether the answer may hold a modality: all that the model has
// where the request names none.
func (q *apiRequest) wants(modality string) bool {
	asked := list(q.config["responseModalities"])
	for _, v := range asked {
		if s, _ := v.(string); strings.EqualFold(s, modality) {
			return true
		}
	}
	return len(asked) == 0
}

type (
	citationOut struct {
		Sources   []citation `json:"citationSources,omitempty"` // Google AI
		Citations []citation `json:"citations,omitempty"`       // Vertex AI
	}
	citation struct {
		Start   int    `json:"startIndex,omitempty"`
		End     int    `json:"endIndex"`
		URI     string `json:"uri"`
		License string `json:"license,omitempty"`
	}
)

// quotes reports whether the prompt asks for a quotation, which is when a model
// says what it has taken from elsewhere.
func quotes(p prompt) bool {
	for w := range words(p.system + " " + clip(p.user, 300)) {
		switch w {
		case "quote", "quotation", "cite", "citation", "citations", "recite":
			return true
		}
	}
	return false
}

// citationsOf cites the first sentence of a text.
func citationsOf(text string, d Dialect) *citationOut {
	end := len(text)
	for e := range sentenceEnds(text) {
		end = e
		break
	}
	found := []citation{{0, end, "https://example.com/source/" + token(hashText(text[:end]), 8), "CC-BY-4.0"}}
	if d.vertexShaped() {
		return &citationOut{Citations: found}
	}
	return &citationOut{Sources: found}
}

// token makes a name of n characters out of a hash.
func token(hash uint64, n int) string {
	var b []byte
	for len(b) < n {
		hash = mix(hash)
		b = append(b, byte(hash), byte(hash>>8), byte(hash>>16))
	}
	s := base64.RawURLEncoding.EncodeToString(b)
	return strings.NewReplacer("-", "a", "_", "b").Replace(strings.ToLower(s))[:n]
}
