package preflight

import (
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
)

// TopFields returns the fields of a request that either of Google's two APIs knows.
func TopFields() []string { return slices.Clone(topFields) }

// NearestField returns the known field that a name is most likely meant to be. It is empty
// when the name itself is known, in either spelling, and when no known one is near.
func NearestField(name string, known []string) string {
	name = apijson.FieldName(name)
	if slices.Contains(known, name) || slices.Contains(topFields, name) || slices.Contains(configFields, name) { // the wrong place is refused
		return ""
	}
	name = strings.ToLower(strings.ReplaceAll(name, "_", ""))
	// What differs in more is a new field rather than a slip.
	return message.NearestWithin(min(len(name)/2, max(1, len(name)/4)), name, known)
}

// topFields are the fields of a request that either of Google's two APIs knows, in
// camelCase.
var (
	topFields = strings.Fields(`contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent
		serviceTier store labels modelArmorConfig model continuationToken`)
	configFields   = apijson.ConfigFields()
	thinkingFields = apijson.ThinkingFields()
)
