package price_test

import (
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/price"
)

// The prices of a gateway, in dollars per million tokens.
const gateway = `{"models": [{"id": "some-model", "periods": [{"tiers": [
	{"standard": {"input_text": 0.2, "output_text": 1.8, "cached_input": 0.02}}]}]}]}`

func ExampleTable_Cost() {
	table, err := price.Load(strings.NewReader(gateway))
	if err != nil {
		log.Fatal(err)
	}
	call := price.Query{
		Model:  "some-model",
		At:     time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC),
		Prompt: 1500, Cached: 500, Output: 100, Thoughts: 200,
	}
	cost, known := table.Cost(call)
	fmt.Println(cost, known)

	// The parts add up to the cost.
	parts, _ := table.Parts(call)
	fmt.Println(parts.Input, parts.Cached, parts.Output, parts.Thinking)

	// A price that is not in the table is unknown, and not 0.
	call.Model = "another-model"
	_, known = table.Cost(call)
	fmt.Println(known)
	// Output:
	// 0.00075 true
	// 0.0002 0.00001 0.00018 0.00036
	// false
}

func ExampleTable_Lookup() {
	table, err := price.Load(strings.NewReader(gateway))
	if err != nil {
		log.Fatal(err)
	}
	// The name may be a resource name, and may end in a version.
	entry, ok := table.Lookup("models/some-model-001", time.Now())
	if !ok {
		log.Fatal("there is no such model")
	}
	input, _ := entry.Period.Quoted().PerMillion(price.InputText)
	fmt.Printf("%s: %s USD per million tokens of input\n", entry.ID, input)
	// Output:
	// some-model: 0.2 USD per million tokens of input
}

// Money is read and written exactly.
func ExampleParseUSD() {
	amount, err := price.ParseUSD("0.075")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(int64(amount), amount, amount.Format(2))
	// Output:
	// 75000000000 0.075 0.08
}
