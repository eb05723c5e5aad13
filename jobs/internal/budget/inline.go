package budget

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/media"
)

// addInlineMedia corrects the count for media whose base64 stands in the body, as raw
// requests have them. Their bytes do not count as tokens, since a photo of a megabyte is no
// million tokens. Twice the estimate counts in their place.
func addInlineMedia(r *batch.Request, b apijson.Object, most *batch.Usage) {
	if !bytes.Contains(r.Body, []byte(`"data":"`)) {
		return
	}
	var contents []struct {
		Parts []apijson.Object
	}
	if json.Unmarshal(b["contents"], &contents) != nil {
		return // a single content that is in no list counts in full
	}
	var level string
	_ = json.Unmarshal(b.Object("generationConfig")["mediaResolution"], &level) // a level by number counts as none
	for _, c := range contents {
		for _, part := range c.Parts {
			inline := part.Camel().Object("inlineData")
			var kind, text string
			if json.Unmarshal(inline["mimeType"], &kind) != nil || json.Unmarshal(inline["data"], &text) != nil {
				continue
			}
			data, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				continue // the API refuses it, or reads it in a way that is not known here
			}
			tokens := 2 * int64(media.InlineTokens(r.Model, level, kind, data))
			most.PromptTokenCount += tokens - int64(len(text))
			if sounds(kind) {
				most.PromptTokensDetails = append(most.PromptTokensDetails, batch.ModalityTokens{Modality: "AUDIO", TokenCount: tokens})
			}
		}
	}
}
