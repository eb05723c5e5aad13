package budget

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/media"
)

// inlineInput takes the base64 of the media that a whole request holds out of the
// bytes that count as tokens, and adds twice what each medium is estimated at:
// a photo of a megabyte is no million tokens. The media of [Spec.Media] are not in
// the body; see mediaInput.
func inlineInput(r *batch.Request, b *apijson.ParsedBody, most *batch.Usage) {
	if !bytes.Contains(r.Body, []byte(`"data":"`)) {
		return
	}
	var contents []struct {
		Parts []map[string]json.RawMessage
	}
	if json.Unmarshal(b.Members["contents"], &contents) != nil {
		return // a single content, not in a list, is small or counts in full
	}
	var level string
	_ = json.Unmarshal(b.Config["mediaResolution"], &level) // by number: as if it were not there
	for _, c := range contents {
		for _, part := range c.Parts {
			inline := apijson.Object(apijson.Camel(part)["inlineData"])
			var kind, text string
			if json.Unmarshal(inline["mimeType"], &kind) != nil || json.Unmarshal(inline["data"], &text) != nil {
				continue
			}
			data, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				continue // it is refused, or read in a way that is not known here
			}
			tokens := 2 * int64(media.InlineTokens(r.Model, level, kind, data))
			most.PromptTokenCount += tokens - int64(len(text))
			if strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/") {
				most.PromptTokensDetails = append(most.PromptTokensDetails, batch.ModalityTokens{Modality: "AUDIO", TokenCount: tokens})
			}
		}
	}
}
