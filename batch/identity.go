package batch

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/genbatch/genbatch/internal/apijson"
)

// A Fingerprint identifies what is asked of which model: 128 bits of SHA-256
// over the model and the canonical body. See [FingerprintOf].
type Fingerprint [16]byte

func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// MarshalText implements encoding.TextMarshaler: 32 hexadecimal digits.
func (f Fingerprint) MarshalText() ([]byte, error) {
	return hex.AppendEncode(make([]byte, 0, 2*len(f)), f[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if len(text) != 2*len(f) {
		return fmt.Errorf("a fingerprint has %d hexadecimal digits, not %d", 2*len(f), len(text))
	}
	_, err := hex.Decode(f[:], text)
	return err
}

// FingerprintOf returns the fingerprint of a generateContent body for a model.
//
// The body counts in canonical form: object members in the order of RFC 8785,
// numbers as written, the API's own field names in camelCase (the API takes
// snake_case as well), inline media by the SHA-256 of its bytes. What stands
// where names and values are the user's (function arguments, JSON Schemas,
// labels) counts as it is.
//
// It returns an error when body is not one JSON object, or when an object gives
// a field twice: the API would take one of the two, and which is not said.
func FingerprintOf(model string, body []byte) (Fingerprint, error) {
	buf := fingerprinted.Get().(*[]byte)
	defer fingerprinted.Put(buf)
	text, err := apijson.AppendCanonical(appendModel((*buf)[:0], model), body)
	*buf = text
	if err != nil {
		return Fingerprint{}, err
	}
	return sumOf(text), nil
}

// FingerprintOfCanonical is [FingerprintOf] for a body that is known to be as
// [Canonical] returns it, which it does not look at: that takes a quarter of the time
// (BenchmarkFingerprint).
func FingerprintOfCanonical(model string, body []byte) Fingerprint {
	buf := fingerprinted.Get().(*[]byte)
	defer fingerprinted.Put(buf)
	*buf = append(appendModel((*buf)[:0], model), body...)
	return sumOf(*buf)
}

// Canonical returns the form of a body that its fingerprint is of. The errors are
// those of [FingerprintOf].
func Canonical(body []byte) ([]byte, error) { return apijson.AppendCanonical(nil, body) }

// fingerprinted saves the buffers for the texts whose sums are fingerprints: there is
// one for each row.
var fingerprinted = sync.Pool{New: func() any { return new([]byte) }}

// appendModel appends what precedes the canonical body in such a text.
func appendModel(dst []byte, model string) []byte {
	dst = append(dst, "genbatch fingerprint 1\n"...)
	dst = append(dst, strings.TrimPrefix(model, "models/")...)
	return append(dst, '\n')
}

func sumOf(text []byte) Fingerprint {
	sum := sha256.Sum256(text)
	return Fingerprint(sum[:16])
}

// Shared returns the fingerprint of a row whose request has this one, and which may share its
// call with other rows: its answer may be another than that to the request alone. It does not
// depend on which rows these are, or how many.
func (f Fingerprint) Shared() Fingerprint {
	return sumOf(append([]byte("genbatch shared call 1\n"), f[:]...))
}

// Piloted returns the fingerprint of a row whose request shared its call with others in a pilot
// of so many rows a call. f is what [Fingerprint.Shared] returned. A pilot asks the same row in
// several ways, and keeps each answer.
func (f Fingerprint) Piloted(rowsPerCall int) Fingerprint {
	return sumOf(fmt.Appendf(nil, "genbatch piloted with %d rows a call 1\n%s", rowsPerCall, f[:]))
}

// An ID is a row's identity: the fingerprint of its request, and which of the rows
// with that fingerprint it is.
type ID struct {
	Fingerprint Fingerprint
	Occurrence  int // from 0
}

// Compare orders IDs by fingerprint and then by occurrence. Fingerprints are sums, so
// that the lowest ones are a choice by chance that repeats.
func (id ID) Compare(o ID) int {
	return cmp.Or(bytes.Compare(id.Fingerprint[:], o.Fingerprint[:]), cmp.Compare(id.Occurrence, o.Occurrence))
}

// ID returns the identity of the row that the request is for.
func (r *Request) ID() ID { return ID{r.Fingerprint, r.Occurrence} }

// ID returns the identity of the row whose result it is.
func (r *Result) ID() ID { return ID{r.Fingerprint, r.Occurrence} }
