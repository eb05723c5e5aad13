package sim

import (
	"strconv"
	"strings"
)

// A directive is a fault that a request's text asks for.
type directive struct {
	Fault
	tries int // it applies to the first so many; 0 for all
}

const (
	directiveMark = "[[sim:"
	directiveEnd  = "]]"
)

// findDirectives returns the directives in the JSON of a request. It does not undo the
// escapes of JSON, so their values cannot hold quotes.
func findDirectives(body string) []directive {
	var found []directive
	for {
		at := strings.Index(body, directiveMark)
		if at < 0 {
			return found
		}
		body = body[at+len(directiveMark):]
		end := strings.Index(body, directiveEnd)
		if end < 0 {
			return found
		}
		var d directive
		d.Kind, d.Value, _ = strings.Cut(body[:end], "=")
		if at := strings.LastIndexByte(d.Kind, 'x'); at > 0 {
			if n, err := strconv.Atoi(d.Kind[at+1:]); err == nil && n > 0 {
				d.Kind, d.tries = d.Kind[:at], n
			}
		}
		if k := findFault(d.Kind); k != nil && k.check != nil && d.Value != "" && k.check(d.Value) != nil {
			d.Value = "" // an unusable value is the default
		}
		found = append(found, d)
		body = body[end:]
	}
}

// stripDirectives removes the directives from a text, so that the answer does not depend
// on them.
func stripDirectives(s string) string {
	for {
		at := strings.Index(s, directiveMark)
		if at < 0 {
			return s
		}
		end := strings.Index(s[at:], directiveEnd)
		if end < 0 {
			return s
		}
		s = strings.TrimSpace(s[:at] + s[at+end+len(directiveEnd):])
	}
}
