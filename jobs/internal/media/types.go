package media

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// sniffBytes is how many bytes of a medium tell its type.
const sniffBytes = 3072

// sniff returns the type of a medium by its content.
func sniff(head []byte) (string, error) {
	if len(head) == 0 {
		return "", errors.New("it is empty")
	}
	kind, _, _ := strings.Cut(mimetype.Detect(head[:min(len(head), sniffBytes)]).String(), ";")
	return normalType(kind), nil
}

// normalType returns the name that the API's documentation has for a type.
func normalType(kind string) string {
	if name, ok := typeNames[kind]; ok {
		return name
	}
	return kind
}

// typeNames are other names of types, with those of the API's documentation.
var typeNames = map[string]string{
	"image/jpg": "image/jpeg", "image/heic-sequence": "image/heic", "image/heif-sequence": "image/heif",
	"audio/mp3": "audio/mpeg", "audio/x-wav": "audio/wav", "audio/vnd.wave": "audio/wav", "audio/x-aiff": "audio/aiff",
	"audio/x-m4a": "audio/m4a", "audio/mp4": "audio/m4a", "audio/x-flac": "audio/flac", "application/ogg": "audio/ogg",
	"video/mov": "video/quicktime", "video/x-m4v": "video/mp4", "video/x-msvideo": "video/avi",
	"video/x-ms-asf": "video/wmv", "video/x-ms-wmv": "video/wmv",
}

// mediaTypes are the types that Gemini models take, with the extensions of their files. As
// of 2026-10: https://ai.google.dev/gemini-api/docs/image-understanding,
// audio, video-understanding, document-processing, and Vertex AI's pages for m4a
// and quicktime.
var mediaTypes = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg .jpeg", "image/webp": ".webp", "image/heic": ".heic", "image/heif": ".heif",
	"audio/wav": ".wav", "audio/mpeg": ".mp3", "audio/aiff": ".aiff .aif", "audio/aac": ".aac", "audio/ogg": ".ogg .oga .opus",
	"audio/flac": ".flac", "audio/m4a": ".m4a",
	"video/mp4": ".mp4 .m4v", "video/mpeg": ".mpeg .mpg", "video/quicktime": ".mov", "video/avi": ".avi", "video/x-flv": ".flv",
	"video/webm": ".webm", "video/wmv": ".wmv", "video/3gpp": ".3gp",
	"application/pdf": ".pdf",
}

// typeOfExtension returns the type of a file by its extension, or "".
func typeOfExtension(ext string) string {
	if ext == "" {
		return ""
	}
	for kind, exts := range mediaTypes {
		for e := range strings.FieldsSeq(exts) {
			if strings.EqualFold(e, ext) {
				return kind
			}
		}
	}
	return ""
}

// supported returns an error for a type that no model is known to take. It is not asked
// about a mime_type that the user gives.
func supported(kind string) error {
	if _, ok := mediaTypes[kind]; ok {
		return nil
	}
	switch {
	case strings.HasPrefix(kind, "text/") || kind == "application/json":
		return fmt.Errorf("the content is %s, which belongs into the prompt; to send it as a document, give mime_type for this column", kind)
	case strings.HasPrefix(kind, "image/"):
		return fmt.Errorf("the API takes no %s: convert it to PNG or JPEG", kind)
	}
	return fmt.Errorf("the content is %s, which Gemini models do not take: convert it, or give mime_type for this column", kind)
}
