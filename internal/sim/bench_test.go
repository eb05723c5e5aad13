package sim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// discard is a response writer that keeps nothing, so that the benchmark measures
// the handler.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header { return d.header }

func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

func (d *discard) WriteHeader(int) {}

func BenchmarkServeHTTP(b *testing.B) {
	const text = "A small tennis game in which two players hit a ball over the net until one of them scores ten points."
	bodies := map[string]string{
		"echo": `{"contents":[{"role":"user","parts":[{"text":"` + text + `"}]}]}`,
		"classify": `{"systemInstruction":{"parts":[{"text":"Classify.\n- sport: ball games and races\n- politics: elections and laws\n- food: cooking and eating"}]},` +
			`"contents":[{"role":"user","parts":[{"text":"` + text + `"}]}],` +
			`"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"label":{"type":"STRING","enum":["sport","politics","food"]}},"required":["label"]}}}`,
	}
	for name, body := range bodies {
		b.Run(name, func(b *testing.B) {
			s := New(Config{})
			w := &discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("POST", "/v1beta/models/gemini-2.5-flash:generateContent", strings.NewReader(body))
				r.Header.Set("X-Goog-Api-Key", "k")
				s.ServeHTTP(w, r)
			}
		})
	}
}
