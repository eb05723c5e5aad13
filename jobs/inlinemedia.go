package jobs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/genbatch/genbatch/batch"
)

// inlineInput takes the base64 of the media that a whole request holds out of the
// bytes that count as tokens, and adds twice what each medium is estimated at:
// a photo of a megabyte is no million tokens. The media of [Spec.Media] are not in
// the body; see mediaInput.
func inlineInput(r *batch.Request, b *parsedBody, most *batch.Usage) {
	if !bytes.Contains(r.Body, []byte(`"data":"`)) {
		return
	}
	var contents []struct {
		Parts []map[string]json.RawMessage
	}
	if json.Unmarshal(b.members["contents"], &contents) != nil {
		return // a single content, not in a list, is small or counts in full
	}
	model := strings.TrimPrefix(r.Model, "models/")
	w := weigher{tiled: strings.HasPrefix(model, "gemini-2") || strings.HasPrefix(model, "gemini-1")}
	_ = json.Unmarshal(b.config["mediaResolution"], &w.level) // by number: as if it were not there
	for _, c := range contents {
		for _, part := range c.Parts {
			inline := object(camel(part)["inlineData"])
			var kind, text string
			if json.Unmarshal(inline["mimeType"], &kind) != nil || json.Unmarshal(inline["data"], &text) != nil {
				continue
			}
			data, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				continue // it is refused, or read in a way that is not known here
			}
			size := int64(len(data))
			tokens := 2 * int64(w.tokens("", kind, size, factsOf(kind, bytes.NewReader(data), size)))
			most.PromptTokenCount += tokens - int64(len(text))
			if strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/") {
				most.PromptTokensDetails = append(most.PromptTokensDetails, batch.ModalityTokens{Modality: "AUDIO", TokenCount: tokens})
			}
		}
	}
}
