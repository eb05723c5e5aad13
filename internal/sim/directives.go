package sim

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A directive is a fault that a request's text asks for.
type directive struct {
	Fault
	tries int      // it applies to the first so many; 0 for all
	key   [32]byte // what the tries are counted by
	row   int      // of a pack, in whose text it stands; -1 for none
}

const (
	directiveMark = "[[sim:"
	directiveEnd  = "]]"
)

// directivesOf returns the directives in a request, whose tries are counted by a key. In a pack,
// each row counts the tries of its text as it would alone.
func directivesOf(q *wire.Request, body []byte, key [32]byte) []directive {
	if !bytes.Contains(body, []byte(directiveMark)) {
		return nil
	}
	var pack *wire.Pack
	if q != nil { // or else the body is no request for an answer
		pack = q.Pack()
	}
	if pack == nil {
		return findDirectives(string(body), key, -1)
	}
	var all []directive
	find := func(s string, row int) {
		if strings.Contains(s, directiveMark) {
			var text bytes.Buffer
			_ = wire.Encode(&text, s) // strings always encode
			all = append(all, findDirectives(s, triesKey(key, text.Bytes()), row)...)
		}
	}
	find(pack.Around, -1)
	for i, r := range pack.Rows {
		find(r.Text, i)
	}
	return all
}

// findDirectives returns the directives in the JSON of a request. It does not undo the
// escapes of JSON, so their values cannot hold quotes. All of them get the key and the row.
func findDirectives(body string, key [32]byte, row int) []directive {
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
		d := directive{key: key, row: row}
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
