package wire

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// mediaTypes are the types of media that the API reads.
// https://ai.google.dev/gemini-api/docs/file-input-methods
var mediaTypes = strings.Fields(`image/png image/jpeg image/jpg image/webp image/heic image/heif image/avif
	audio/wav audio/x-wav audio/wave audio/mp3 audio/mpeg audio/mpga audio/aiff audio/x-aiff audio/aac audio/ogg audio/opus audio/flac
	audio/x-flac audio/m4a audio/x-m4a audio/mp4 audio/webm audio/pcm audio/l16
	video/mp4 video/mpeg video/mov video/quicktime video/avi video/x-msvideo video/x-flv video/mpg video/mpegps video/webm video/wmv
	video/x-ms-wmv video/3gpp video/x-matroska
	application/pdf application/json application/rtf application/x-javascript application/x-python application/x-python-code application/xml`)

// baseType returns a media type without its parameters, in lower case.
func baseType(mime string) string {
	kind, _, _ := strings.Cut(strings.ToLower(mime), ";")
	return strings.TrimSpace(kind)
}

// decodeBase64 reads both alphabets, with and without padding, as Google's parser does.
func decodeBase64(s string) ([]byte, error) {
	s = strings.TrimRight(s, "=")
	if strings.ContainsAny(s, "-_") {
		return base64.RawURLEncoding.DecodeString(s)
	}
	return base64.RawStdEncoding.DecodeString(s)
}

// checkMedia refuses media of types that the API does not read, and data that is not of
// the type that it is said to be of.
func (q *Request) checkMedia(Dialect, *Model) *Error {
	for i, c := range q.Contents {
		for j, p := range c.Parts {
			at := fmt.Sprintf("contents[%d].parts[%d]", i, j)
			blob, _ := p.options["inlineData"].(map[string]any)
			if blob != nil {
				text, isText := blob["data"].(string)
				switch {
				case !isText || p.Data == nil && text != "":
					return invalidValue(at+".inline_data.data", "TYPE_BYTES", "Base64 decoding failed for "+Clip(fmt.Sprintf("%q", text), 60))
				case p.MIME == "":
					return Invalid("* GenerateContentRequest.%s.inline_data.mime_type: mime_type must be specified\n", at)
				}
			}
			if blob == nil && p.URI == "" {
				continue
			}
			kind := baseType(p.MIME)
			if kind != "" && !slices.Contains(mediaTypes, kind) && !strings.HasPrefix(kind, "text/") {
				return Invalid("Unsupported MIME type: %s", p.MIME)
			}
			if e := contradiction(kind, p.Data, blob != nil); e != nil {
				return e
			}
		}
	}
	return nil
}

// contradiction returns why data cannot be of a type, judging by how it begins. Data
// that is not recognized may be of any type. whole is false when the data is elsewhere.
func contradiction(kind string, data []byte, whole bool) *Error {
	if len(data) == 0 && !whole {
		return nil // behind an address
	}
	sniffed := baseType(http.DetectContentType(data))
	major, _, _ := strings.Cut(sniffed, "/")
	unknown := sniffed == "application/octet-stream" && len(data) > 0
	switch {
	case strings.HasPrefix(kind, "image/"):
		if !unknown && major != "image" && !strings.HasPrefix(kind, "image/he") && kind != "image/avif" {
			return Invalid("Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting")
		}
	case kind == "application/pdf":
		if !unknown && sniffed != kind {
			return Invalid("The document has no pages.")
		}
	case strings.HasPrefix(kind, "audio/"), strings.HasPrefix(kind, "video/"):
		if !unknown && major != "audio" && major != "video" && sniffed != "application/ogg" && kind != "audio/pcm" && kind != "audio/l16" {
			return Invalid("Request contains an invalid argument.")
		}
	}
	return nil
}
