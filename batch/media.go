package batch

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/genbatch/genbatch/internal/apijson"
)

// Media is an image, a recording, a film or a document that a request's body
// holds by reference, so that a request stays small while it waits:
//
//	{"inlineData":{"data":{"sha256":"…"},"mimeType":"image/png"}}
//
// A [Model] replaces each reference by the bytes, or by the address of an upload,
// just before it sends. The fingerprint counts bytes and reference alike, see
// [FingerprintOf].
type Media struct {
	SHA256   [sha256.Size]byte // of the bytes
	Size     int64             // in bytes
	MIMEType string

	Data []byte // the bytes, where they stood in the row; nil: they are in a file
	Root string // the folder that the file must lie in, links followed
	Path string // of the file, below Root
}

// Reference returns the member of a part that stands for the medium in a body. Its
// members are in alphabetical order, so that it stays the same text when a body is
// decoded and encoded again.
func (m *Media) Reference() []byte {
	ref := append([]byte(nil), mediaReference...)
	ref = hex.AppendEncode(ref, m.SHA256[:])
	ref = append(ref, `"},"mimeType":`...)
	return append(apijson.AppendString(ref, m.MIMEType), '}')
}

// mediaReference is how each reference begins.
const mediaReference = `"inlineData":{"data":{"sha256":"`
