package prompt

import (
	"bytes"
	"encoding/binary"
)

// EstimateTokens estimates the input tokens of a body: 4 bytes of ASCII text are
// a token, and 5 other characters are 4. Inline media counts as one tile of an image.
// https://ai.google.dev/gemini-api/docs/tokens
func EstimateTokens(body []byte) int {
	const mediaTokens = 258
	if i := bytes.Index(body, []byte(`"data":"`)); i >= 0 {
		i += len(`"data":"`)
		if end := bytes.IndexByte(body[i:], '"'); end > 1024 {
			return mediaTokens + EstimateTokens(body[:i]) + EstimateTokens(body[i+end:])
		}
	}
	ascii, other := 0, 0
	for len(body) >= 8 && binary.LittleEndian.Uint64(body)&0x8080808080808080 == 0 { // most text, and each row's
		ascii += 8
		body = body[8:]
	}
	for _, b := range body {
		switch {
		case b < 0x80:
			ascii++
		case b >= 0xC0: // the first byte of a character
			other++
		}
	}
	const frame = 48 // bytes of JSON around a prompt that are no text
	return max(1, max(0, ascii-frame)/4+other*4/5)
}
