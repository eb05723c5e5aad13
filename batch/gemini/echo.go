package gemini

import (
	"bytes"
	"encoding/json"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/redact"
)

// withoutSecrets returns a response without the secrets that were sent. In a stream, a
// secret may be spread over the texts of several events, and become whole only in the
// output. Then all of the text is moved into the first event.
func withoutSecrets(r *redact.Redactor, response json.RawMessage) json.RawMessage {
	response = r.Body(response)
	if len(response) == 0 || response[0] != '[' {
		return response
	}
	a, err := Parse(response)
	if err != nil || bytes.Equal(r.Body([]byte(a.Text)), []byte(a.Text)) {
		return response
	}
	d := json.NewDecoder(bytes.NewReader(response))
	d.UseNumber()
	var chunks any
	if d.Decode(&chunks) != nil {
		return response
	}
	var first map[string]any
	var text string
	eachText(chunks, func(part map[string]any, t string) {
		if first == nil {
			first = part
		}
		text += t
		part["text"] = ""
	})
	if first != nil {
		first["text"] = string(r.Body([]byte(text)))
	}
	redacted, err := apijson.Marshal(chunks)
	if err != nil {
		return response
	}
	return redacted
}

// eachText calls f with each part of an answer that holds text. It skips thoughts.
func eachText(v any, f func(part map[string]any, text string)) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			eachText(item, f)
		}
	case map[string]any:
		if text, ok := v["text"].(string); ok {
			if v["thought"] != true {
				f(v, text)
			}
			return
		}
		for _, name := range []string{"candidates", "content", "parts"} {
			eachText(v[name], f)
		}
	}
}
