package schema

import (
	"encoding/json"
	"strings"
)

// Elements returns the elements of the lists of objects that stand in an answer's text, in
// order. Mostly that is one list, possibly in a fence, in an object or between words. whole
// reports whether there is a list and none breaks off. Of one that does the elements before the
// break are returned, which are whole as such.
func Elements(text string) (elements []json.RawMessage, whole bool) {
	for at := 0; ; {
		next := strings.IndexByte(text[at:], '[')
		if next < 0 {
			return elements, whole
		}
		if at += next; !beginsList(text[at:]) {
			at++
			continue
		}
		d := json.NewDecoder(strings.NewReader(text[at:]))
		if _, err := d.Token(); err != nil {
			return elements, false
		}
		for d.More() {
			var e json.RawMessage
			if d.Decode(&e) != nil {
				return elements, false // what follows cannot be told from what stands in a string
			}
			elements = append(elements, e)
		}
		if _, err := d.Token(); err != nil {
			return elements, false
		}
		whole = true
		at += int(d.InputOffset())
	}
}

// beginsList reports whether a text that begins with a bracket is meant as a list of objects.
func beginsList(text string) bool {
	rest := strings.TrimLeft(text[1:], blanks)
	return strings.HasPrefix(rest, "]") || strings.HasPrefix(rest, "{") && begins(text)
}
