package gemini_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/batchtest"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/sim"
)

// The client keeps the contract of a Model, unary and streaming. The simulator answers.
func TestConformance(t *testing.T) {
	for name, stream := range map[string]bool{"unary": false, "stream": true} {
		t.Run(name, func(t *testing.T) {
			var exchanges atomic.Int64
			simulator := sim.New(sim.Config{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				exchanges.Add(1)
				simulator.ServeHTTP(w, r)
			}))
			defer server.Close()
			e, err := gemini.ParseEndpoint(gemini.EndpointOptions{Name: server.URL}, func(string) string { return "" })
			if err != nil {
				t.Fatal(err)
			}
			client, err := gemini.New(gemini.Config{Endpoint: e, Key: func() string { return "k" }, Stream: stream})
			if err != nil {
				t.Fatal(err)
			}
			request := func(text string) *batch.Request {
				return &batch.Request{Model: "gemini-2.5-flash-lite", Body: []byte(`{"contents":[{"parts":[{"text":"` + text + `"}]}]}`)}
			}
			batchtest.TestModel(t, client, request("hello"), request("[[sim:slow=1m]]"), func() int { return int(exchanges.Load()) })
		})
	}
}
