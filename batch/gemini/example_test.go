package gemini_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

func ExampleClient() {
	// This server stands in for the API.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path)
		io.WriteString(w, `{"candidates":[{"content":{"parts":[{"text":"Paris"}]},"finishReason":"STOP"}],
			"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1,"totalTokenCount":10}}`)
	}))
	defer server.Close()

	endpoint, err := gemini.ParseEndpoint(gemini.EndpointOptions{Name: "google", BaseURL: server.URL}, os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	client, err := gemini.New(gemini.Config{Endpoint: endpoint, Key: func() string { return "some-key" }})
	if err != nil {
		log.Fatal(err)
	}

	o := client.Attempt(context.Background(), &batch.Request{
		Model: "gemini-2.5-flash",
		Body:  json.RawMessage(`{"contents":[{"parts":[{"text":"What is the capital of France?"}]}]}`),
	})
	if o.Err != nil {
		log.Fatal(o.Err)
	}
	answer, err := gemini.Parse(o.Response)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(o.Status, answer.Text, o.Usage.TotalTokenCount)
	// Output:
	// POST /v1beta/models/gemini-2.5-flash:generateContent
	// ok Paris 10
}

// A batch's results come as a file, and each of its lines is classified like the answer
// to a single call.
func ExampleClient_Classify() {
	endpoint, err := gemini.ParseEndpoint(gemini.EndpointOptions{Name: "google"}, func(string) string { return "" })
	if err != nil {
		log.Fatal(err)
	}
	client, err := gemini.New(gemini.Config{Endpoint: endpoint, Key: func() string { return "some-key" }})
	if err != nil {
		log.Fatal(err)
	}
	o := client.Classify(http.StatusOK, nil, []byte(`{"promptFeedback":{"blockReason":"SAFETY"}}`))
	fmt.Println(o.Status, o.Consequence == batch.Settled, o.Err)
	// Output:
	// blocked true the prompt was blocked: SAFETY
}

func ExampleFactsOf() {
	for _, name := range []string{"google", "vertex", "gptproto"} {
		f := gemini.FactsOf(name)
		fmt.Printf("%s: Files API %t, service tiers %t, requests up to %d MB\n", name, f.FilesAPI, !f.NoTiers, f.InlineLimit>>20)
	}
	// Output:
	// google: Files API true, service tiers true, requests up to 100 MB
	// vertex: Files API false, service tiers true, requests up to 20 MB
	// gptproto: Files API false, service tiers false, requests up to 20 MB
}
