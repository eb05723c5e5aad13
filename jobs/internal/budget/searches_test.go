package budget

import (
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// A cap reserves for searches too, in either spelling.
func TestCapOfSearches(t *testing.T) {
	for body, want := range map[string][2]int64{
		`{}`:                               {0, 0},
		`{"tools":[{"urlContext":{}}]}`:    {0, 0},
		`{"tools":[{"google_search":{}}]}`: {assumedSearches, 0},
		`{"tools":[{"googleMaps":{}},{"googleSearch":{}}]}`: {assumedSearches, assumedSearches},
		`{"tools":7}`: {0, 0},
	} {
		most, _ := mostUsage(price.Default(), &batch.Request{Model: "gemini-3.5-flash", Body: []byte(body)})
		if got := [2]int64{most.Searches, most.MapSearches}; got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
	}
}
