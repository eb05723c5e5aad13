package batch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"strings"

	"github.com/genbatch/genbatch/batch"
)

// upper is a Model that answers each request in capitals, without an endpoint.
type upper struct{}

func (upper) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	answer := fmt.Sprintf(`{"text":%q}`, strings.ToUpper(r.Key))
	return batch.Outcome{Consequence: batch.Answered, Status: batch.OK, Response: json.RawMessage(answer)}
}

// memory is a Sink that only remembers. A real one makes results durable before Write
// returns: see package batch/journal.
type memory struct{ results []*batch.Result }

func (m *memory) Write(results []*batch.Result) error {
	m.results = append(m.results, results...)
	return nil
}

func ExampleRun() {
	rows := []string{"red", "green", "blue"}
	requests := func(yield func(*batch.Request, error) bool) {
		for i, row := range rows {
			body := fmt.Appendf(nil, `{"contents":[{"parts":[{"text":%q}]}]}`, row)
			fingerprint, err := batch.FingerprintOf("some-model", body)
			r := &batch.Request{Row: int64(i + 1), Key: row, Model: "some-model", Fingerprint: fingerprint, Body: body}
			if !yield(r, err) {
				return
			}
		}
	}

	sink := new(memory)
	err := batch.Run(context.Background(), batch.Config{
		Model: upper{},
		Sink:  sink,
		// A journal would say which requests an earlier run has settled.
		Skip: func(r *batch.Request) bool { return r.Key == "green" },
	}, requests)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range sink.results {
		fmt.Println(r.Row, r.Status, string(r.Response))
	}
	// Unordered output:
	// 1 ok {"text":"RED"}
	// 3 ok {"text":"BLUE"}
}
