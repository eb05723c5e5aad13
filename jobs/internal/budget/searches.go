package budget

import (
	"encoding/json"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
)

// assumedSearches is how many searches count for a request that may search. Nothing bounds
// them, but models make one to five for a question.
const assumedSearches = 10

// addSearches adds the searches that a body may make.
func addSearches(b apijson.Object, most *batch.Usage) {
	var tools []apijson.Object
	if json.Unmarshal(b["tools"], &tools) != nil {
		return
	}
	for _, tool := range tools {
		tool = tool.Camel()
		if tool["googleSearch"] != nil || tool["googleSearchRetrieval"] != nil {
			most.Searches = assumedSearches
		}
		if tool["googleMaps"] != nil {
			most.MapSearches = assumedSearches
		}
	}
}
