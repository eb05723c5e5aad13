package batch

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/genbatch/genbatch/internal/apijson"
)

// Media is an image, a recording, a film or a document that a request's body holds by
// reference, so that a request stays small while it waits:
//
//	{"inlineData":{"data":{"sha256":"…"},"mimeType":"image/png"}}
//
// Just before it sends, a [Model] replaces each reference by the bytes, or by the
// address of an upload. Bytes and reference have the same fingerprint; see
// [FingerprintOf].
type Media struct {
	SHA256   [sha256.Size]byte // of the bytes
	Size     int64             // in bytes
	MIMEType string

	Data []byte // the bytes, if the row itself held them; nil if they are in a file or an object
	Root string // the folder that must contain the file once links are followed, or the beginning of an address
	Path string // the path of the file below Root, or the rest of the address
}

// Reference returns the member of a part that stands for the medium in a body. Its own
// members are in alphabetical order, so that the text stays the same if a body is
// decoded and encoded again.
func (m *Media) Reference() []byte {
	ref := append([]byte(nil), mediaReference...)
	ref = hex.AppendEncode(ref, m.SHA256[:])
	ref = append(ref, `"},"mimeType":`...)
	return append(apijson.AppendString(ref, m.MIMEType), '}')
}

// mediaReference is the text with which each reference begins.
const mediaReference = `"inlineData":{"data":{"sha256":"`
