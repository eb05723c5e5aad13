package apijson_test

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/genbatch/genbatch/internal/apijson"
)

// However a body is written, its canonical form is one. The names and values below
// labels are the user's, and stay.
func ExampleAppendCanonical() {
	for _, body := range []string{
		`{"generationConfig":{"topP":0.50,"seed":7},"labels":{"top_p":"mine"}}`,
		`{"labels": {"top_p": "mine"}, "generation_config": {"seed": 7, "top_p": 0.50}}`,
	} {
		canonical, err := apijson.AppendCanonical(nil, []byte(body))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", canonical)
	}
	// Output:
	// {"generationConfig":{"seed":7,"topP":0.50},"labels":{"top_p":"mine"}}
	// {"generationConfig":{"seed":7,"topP":0.50},"labels":{"top_p":"mine"}}
}

// An edit finds a field in either spelling, and leaves everything else as it was
// written.
func ExampleObject_Set() {
	body, err := apijson.Parse([]byte(`{"contents": [{"parts": [{"text": "<hi>"}]}], "generation_config": {"top_p": 0.50}}`))
	if err != nil {
		log.Fatal(err)
	}
	if err := body.Set([]string{"generationConfig", "temperature"}, json.RawMessage(`1.0`)); err != nil {
		log.Fatal(err)
	}
	text, err := apijson.Marshal(body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", text)
	// Output:
	// {"contents":[{"parts":[{"text":"<hi>"}]}],"generationConfig":{"temperature":1.0,"topP":0.50}}
}
