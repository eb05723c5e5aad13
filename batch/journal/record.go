package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// This file encodes and decodes the lines of the journal.

// These are the fixed parts of a line; see the package comment.
const (
	formatName    = "genbatch-journal"
	formatVersion = 1

	startHeader = `{"format":`
	startPruned = `{"pruned_from":`
	fieldPruned = `,"pruned_to":`
	startRecord = `{"seq":`
	startAnswer = `{"answer":"`
	fieldFinger = `,"fingerprint":"`
	fieldOccur  = `","occurrence":`
	fieldStatus = `,"status":"`
	fieldAnswer = `,"response":`
	fieldBlob   = `,"blob":"`
	fieldShared = `,"answer":"`

	// maxNumber is the largest seq and occurrence: they have at most 18 digits.
	maxNumber = 999_999_999_999_999_999

	blobLen   = len(fieldBlob) + 2*sha256.Size + len(`"`)
	sharedLen = len(fieldShared) + 2*len(answerID{}) + len(`"`)
)

// A header is the first line of a segment.
type header struct {
	Format   string `json:"format"`
	Version  int    `json:"version"`
	FirstSeq int64  `json:"first_seq"`
}

func appendHeader(buf []byte, firstSeq int64) []byte {
	start := len(buf)
	buf = fmt.Appendf(buf, `{"format":%q,"version":%d,"first_seq":%d`, formatName, formatVersion, firstSeq)
	return durable.AppendSum(buf, start)
}

// parseHeader returns the header that has this body. An error says that the file belongs
// to something that this program must not touch.
func parseHeader(body []byte) (header, error) {
	var h header
	if err := json.Unmarshal(append(bytes.Clone(body), '}'), &h); err != nil {
		return h, fmt.Errorf("unreadable header line: %w", err)
	}
	if h.Format != formatName {
		return h, fmt.Errorf("the file is a %q, not a %s", h.Format, formatName)
	}
	if h.Version != formatVersion {
		return h, fmt.Errorf("format version %d was written by another genbatch, this one reads version %d: use the one that wrote it", h.Version, formatVersion)
	}
	if h.FirstSeq < 1 || h.FirstSeq > maxNumber {
		return h, fmt.Errorf("unreadable header line: first_seq is %d", h.FirstSeq)
	}
	return h, nil
}

// A head is what the index needs of a line.
type head struct {
	seq         int64
	fingerprint batch.Fingerprint
	occurrence  int
	status      uint8    // see statusCode
	shared      answerID // the answer that it shares, or zero
	blob        string   // the name of the blob, or empty
}

// An encoder writes lines into a buffer, which every Write reuses.
type encoder struct {
	buf     []byte
	results []encodedLine   // the lines in buf of results
	answers []encodedAnswer // and of answers that they share

	// borrowed says that a result in buf needs an answer that is not there, but in the last
	// segment.
	borrowed bool
}

// add appends the line of r, which gets its seq, its shared answer and its blob from h. If
// h has one of these two, the line names it in place of response.
func (e *encoder) add(r *batch.Result, h head, response []byte) error {
	start := len(e.buf)
	b := append(e.buf, startRecord...)
	b = strconv.AppendInt(b, h.seq, 10)
	b = append(b, fieldFinger...)
	b = hex.AppendEncode(b, r.Fingerprint[:])
	b = append(b, fieldOccur...)
	b = strconv.AppendInt(b, int64(r.Occurrence), 10)
	b = append(b, fieldStatus...)
	b = append(b, r.Status...)
	b = append(b, `",`...)
	b, err := appendMiddle(b, r)
	if err != nil {
		return err
	}
	e.buf = durable.AppendSum(appendAnswer(b, response, h.shared, h.blob), start)
	return nil
}

// appendAnswer appends the last member of a line, which is a response or says where it is.
func appendAnswer(b, response []byte, shared answerID, blob string) []byte {
	switch {
	case shared != answerID{}:
		b = append(b, fieldShared...)
		b = hex.AppendEncode(b, shared[:])
		return append(b, '"')
	case blob != "":
		b = append(b, fieldBlob...)
		b = append(b, blob...)
		return append(b, '"')
	case len(response) > 0:
		b = append(b, fieldAnswer...)
		return append(b, response...)
	}
	return b
}

// oneLine returns a response as JSON without a line break. It does not validate one that
// has no line break and looks like an object or array. The client has done so when it
// classified the answer, and to do it again would cost more than all the rest of a write.
// A response that is not JSON breaks the rules and is kept as a JSON string, since an
// answer that was paid for must not be lost for its form.
func oneLine(response json.RawMessage) []byte {
	r := bytes.TrimSpace(response)
	if len(r) == 0 {
		return nil
	}
	if bytes.IndexByte(r, '\n') >= 0 {
		var b bytes.Buffer
		if json.Compact(&b, r) == nil {
			return b.Bytes()
		}
	} else if first, last := r[0], r[len(r)-1]; first == '{' && last == '}' || first == '[' && last == ']' || json.Valid(r) {
		return r
	}
	text, _ := json.Marshal(string(r)) // a string always has a JSON form
	return text
}

// parseHead reads the first four fields of a body, and at its end the name of the blob or of
// the shared answer. It reads nothing between, because a scan has millions of lines to read.
func parseHead(body []byte) (h head, ok bool) {
	h, _, ok = parseStart(body)
	h.shared, h.blob = sharedOf(body), blobOf(body)
	return h, ok
}

// parseStart reads the first four fields of a body and returns the rest of the body.
func parseStart(s []byte) (h head, rest []byte, ok bool) {
	if h.seq, s, ok = cutNumber(s, startRecord); !ok || h.seq < 1 {
		return h, nil, false
	}
	if s, ok = bytes.CutPrefix(s, []byte(fieldFinger)); !ok || len(s) < 32 {
		return h, nil, false
	}
	if _, err := hex.Decode(h.fingerprint[:], s[:32]); err != nil {
		return h, nil, false
	}
	occurrence, s, ok := cutNumber(s[32:], fieldOccur)
	if !ok {
		return h, nil, false
	}
	h.occurrence = int(occurrence)
	if s, ok = bytes.CutPrefix(s, []byte(fieldStatus)); !ok {
		return h, nil, false
	}
	end := bytes.IndexByte(s, '"')
	if end < 0 {
		return h, nil, false
	}
	h.status = statusCode(string(s[:end]))
	return h, s[end+1:], h.status > 0
}

// blobOf returns the name of the blob at the end of the body, or "". No other field can
// look like it, because quotes inside of strings are escaped.
func blobOf(body []byte) string {
	n := len(body) - blobLen
	if n < 0 || string(body[n:n+len(fieldBlob)]) != fieldBlob || body[len(body)-1] != '"' {
		return ""
	}
	return string(body[n+len(fieldBlob) : len(body)-1])
}

// cutNumber takes prefix and the decimal number after it, which is at most maxNumber. It
// returns the number and what follows.
func cutNumber(s []byte, prefix string) (n int64, rest []byte, ok bool) {
	s, ok = bytes.CutPrefix(s, []byte(prefix))
	if !ok {
		return 0, s, false
	}
	i := 0
	for ; i < len(s) && i < 18 && '0' <= s[i] && s[i] <= '9'; i++ {
		n = 10*n + int64(s[i]-'0')
	}
	return n, s[i:], i == 1 || i > 1 && s[0] != '0'
}

// decode decodes the result that has this body to r, and reuses the memory of r. It returns
// where the answer is, if it is not in the line. The answer shares memory with body. It is
// not parsed, because the sum says that it is as it was written. The first `,"response":` in
// body is the field's name: no field before it can hold these bytes, since quotes inside of
// strings are escaped.
func decode(body []byte, r *batch.Result) (shared answerID, blob string, err error) {
	shared, blob = sharedOf(body), blobOf(body)
	elsewhere := 0 // bytes that say where the answer is
	if blob != "" {
		elsewhere = blobLen
	} else if (shared != answerID{}) {
		elsewhere = sharedLen
	}
	switch rest, ok := decodePlain(body, r); {
	case !ok:
	case len(rest) == elsewhere:
		return shared, blob, nil
	case elsewhere == 0 && bytes.HasPrefix(rest, []byte(fieldAnswer)):
		r.Response = slices.Clip(rest[len(fieldAnswer):]) // other lines follow in its memory
		return shared, blob, nil
	}
	*r = batch.Result{}
	cut := len(body) - elsewhere
	var response json.RawMessage
	if i := bytes.Index(body, []byte(fieldAnswer)); i >= 0 && elsewhere == 0 {
		cut, response = i, body[i+len(fieldAnswer):]
	}
	if err := json.Unmarshal(append(bytes.Clone(body[:cut]), '}'), r); err != nil {
		return shared, blob, err
	}
	r.Response = response
	return shared, blob, nil
}
