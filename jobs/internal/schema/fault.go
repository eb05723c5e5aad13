package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/genbatch/genbatch/internal/message"
)

const (
	faultsShown = 3   // of one document
	faultLength = 200 // of each, in characters
)

// A fault is one thing that is wrong with a document, which has no further cause.
type fault struct {
	at    string // JSON pointer
	text  string
	types *kind.Type // when it is of another type than is wanted
}

// validationText flattens what a document fails into one line: the first of its faults,
// such as "/items/2/price: got string, want number".
func validationText(e *jsonschema.ValidationError) string {
	faults := appendFaults(nil, e)
	// The library goes through maps: without an order, the same answer would have
	// another error each time.
	slices.SortFunc(faults, func(a, b fault) int {
		return strings.Compare(a.at+"\x00"+a.text, b.at+"\x00"+b.text)
	})
	var said []string
	for _, f := range faults[:min(len(faults), faultsShown)] {
		said = append(said, message.OneLine(pointerName(f.at)+": "+f.text, faultLength))
	}
	if n := len(faults) - faultsShown; n > 0 {
		said = append(said, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(said, "; ")
}

// appendFaults appends the faults that an error comes from, each once.
func appendFaults(faults []fault, e *jsonschema.ValidationError) []fault {
	// A oneOf of which several options fit has no fault below it: it is one itself.
	if one, ok := e.ErrorKind.(*kind.OneOf); len(e.Causes) > 0 && (!ok || len(one.Subschemas) == 0) {
		for _, cause := range e.Causes {
			faults = appendFaults(faults, cause)
		}
		return faults
	}
	f := fault{}
	for _, step := range e.InstanceLocation {
		f.at += "/" + escapePointer(step)
	}
	if f.types, _ = e.ErrorKind.(*kind.Type); f.types != nil {
		for i := range faults {
			if o := &faults[i]; o.at == f.at && o.types != nil {
				o.want(f.types)
				return faults
			}
		}
	}
	if unit := (&jsonschema.ValidationError{ErrorKind: e.ErrorKind}).BasicOutput(); unit.Error != nil {
		f.text = unit.Error.String()
	}
	if slices.ContainsFunc(faults, func(o fault) bool { return o.at == f.at && o.text == f.text }) {
		return faults
	}
	return append(faults, f)
}

// want adds the types that would be right as well to a fault, since the options of an anyOf
// want one type each.
func (f *fault) want(other *kind.Type) {
	merged := kind.Type{Got: f.types.Got, Want: slices.Clone(f.types.Want)}
	for _, w := range other.Want {
		if !slices.Contains(merged.Want, w) {
			merged.Want = append(merged.Want, w)
		}
	}
	f.types = &merged
	f.text = fmt.Sprintf("got %s, want %s", merged.Got, strings.Join(merged.Want, " or "))
}
