package output

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
)

// Canonical returns a value as a text that is the same for values that mean the same,
// whatever the format they were read from: numbers by their value, and JSON without regard
// to spaces and the order of keys. Null is empty, since CSV cannot tell the two apart.
func Canonical(v any) string {
	text := batch.TextOfBytes(v)
	if text == "" || !strings.ContainsRune("[{-0123456789", rune(text[0])) {
		return text
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var parsed any
	if d.Decode(&parsed) != nil || d.More() {
		return text
	}
	written, err := apijson.Marshal(plainNumbers(parsed))
	if err != nil { // out of reach: it was parsed from JSON
		return text
	}
	return string(bytes.TrimSpace(written))
}

// plainNumbers writes the numbers within a value in one form. Those with more digits than a
// float64 keeps stay as they are, so that two of them never become one.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		const digits = 15 // that any float64 keeps
		if f, err := v.Float64(); err == nil && len(v) <= digits {
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	}
	return v
}
