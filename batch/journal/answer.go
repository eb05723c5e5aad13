package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// This file keeps an answer that rows share in a line of its own, to which theirs refer.

// An answerID names an answer that rows share: it is the first half of the SHA-256 of its
// bytes. Since a row says what its answer is and not where, no damage can give it another
// one, and a line may be copied to anywhere. The zero value stands for none.
type answerID [16]byte

// A place is where the journal has the line of a shared answer.
type place struct {
	segment uint16
	offset  uint32
	length  uint32
	lost    bool // the line is whole, and its blob is missing or damaged
}

func (p place) end() int64 { return int64(p.offset) + int64(p.length) }

// An encodedAnswer says where the line of an answer stands in the encoder's buffer.
type encodedAnswer struct {
	id             answerID
	offset, length int
}

// A sharing encodes the answers that the results of one Write share.
type sharing struct {
	j   *Journal
	raw json.RawMessage // of the result before
	id  answerID        // of raw
}

// add returns the name of the answer of r, or zero if it has none. It encodes the answer's
// line, unless the segment has it already: results that share an answer come one after the
// other, but two calls of Write may have them. A long answer is appended to blobs.
func (s *sharing) add(r *batch.Result, blobs []blob) (answerID, []blob) {
	if bytes.Equal(r.Response, s.raw) {
		return s.id, blobs
	}
	j := s.j
	s.raw, s.id = r.Response, answerID{}
	response := oneLine(r.Response)
	if len(response) == 0 {
		return s.id, blobs
	}
	sum := sha256.Sum256(response)
	s.id = answerID(sum[:len(s.id)])
	if slices.ContainsFunc(j.enc.answers, func(a encodedAnswer) bool { return a.id == s.id }) {
		return s.id, blobs
	}
	if p, ok := j.answers[s.id]; ok && !p.lost && j.out != nil && int(p.segment) == len(j.segments)-1 {
		j.enc.borrowed = true
		return s.id, blobs
	}
	name := ""
	if len(response) > j.config.BlobBytes {
		b := newBlob(response)
		blobs, name = append(blobs, b), b.name
	}
	start := len(j.enc.buf)
	j.enc.addAnswer(s.id, response, name)
	j.enc.answers = append(j.enc.answers, encodedAnswer{id: s.id, offset: start, length: len(j.enc.buf) - start - 1})
	return s.id, blobs
}

// addAnswer appends the line of an answer that rows share. If blob is not empty, the line names
// that blob in place of response.
func (e *encoder) addAnswer(id answerID, response []byte, blob string) {
	start := len(e.buf)
	b := append(e.buf, startAnswer...)
	b = hex.AppendEncode(b, id[:])
	b = append(b, '"')
	e.buf = durable.AppendSum(appendAnswer(b, response, answerID{}, blob), start)
}

// parseAnswer is the inverse of addAnswer. The response shares memory with body.
func parseAnswer(body []byte) (id answerID, response json.RawMessage, blob string, ok bool) {
	s, ok := bytes.CutPrefix(body, []byte(startAnswer))
	n := hex.EncodedLen(len(id))
	if !ok || len(s) <= n || s[n] != '"' {
		return id, nil, "", false
	}
	if _, err := hex.Decode(id[:], s[:n]); err != nil {
		return id, nil, "", false
	}
	s = s[n+1:]
	if blob = blobOf(s); blob != "" && len(s) == blobLen {
		return id, nil, blob, true
	}
	response, ok = bytes.CutPrefix(s, []byte(fieldAnswer))
	return id, slices.Clip(response), "", ok
}

// sharedOf returns the name of the shared answer at the end of the body of a result, or zero.
// No other field can look like it, because quotes inside of strings are escaped.
func sharedOf(body []byte) (id answerID) {
	n := len(body) - sharedLen
	if n < 0 || string(body[n:n+len(fieldShared)]) != fieldShared || body[len(body)-1] != '"' {
		return id
	}
	if _, err := hex.Decode(id[:], body[n+len(fieldShared):len(body)-1]); err != nil {
		return answerID{}
	}
	return id
}

// acceptAnswer takes the line of an answer. If its blob is lost, it still has to be known where
// the line is: pruning must not remove what a copy of the blob would bring back.
func acceptAnswer(j *Journal, at int, l line) error {
	id, _, blob, ok := parseAnswer(l.body)
	if !ok {
		return errors.New("a line with the right checksum that holds no answer: use the genbatch that wrote it")
	}
	p := place{segment: uint16(at), offset: uint32(l.offset), length: uint32(len(l.text))}
	if blob != "" {
		if err := j.checkBlob(blob); err != nil {
			j.report(blobDamage(j.segments[at].name, l, err))
			p.lost = true
		}
	}
	putAnswer(j, id, p)
	return nil
}

// putAnswer notes where the line of an answer is. Of several with the same answer the last one
// counts, since only the last segment can get more results.
func putAnswer(j *Journal, id answerID, p place) {
	if j.answers == nil {
		j.answers = make(map[answerID]place)
	}
	j.answers[id] = p
}

// hasAnswer reports whether the journal has the answer to which a result refers. A result that
// refers to none has it in its own line.
func hasAnswer(j *Journal, id answerID) bool {
	p, ok := j.answers[id]
	return id == answerID{} || ok && !p.lost
}

// A lastAnswer is the shared answer that was read last. The results that share it stand side
// by side, so that each answer is mostly read once.
type lastAnswer struct {
	id       answerID
	response json.RawMessage
}

// readAnswer returns the answer to which the result in line l refers. If that is missing or
// damaged, the error is the [*Damage] of the result. last may be nil.
func readAnswer(j *Journal, segment string, l line, id answerID, last *lastAnswer) (json.RawMessage, error) {
	if last != nil && last.id == id {
		return last.response, nil
	}
	j.mu.Lock()
	p, ok := j.answers[id]
	j.mu.Unlock()
	if !ok {
		return nil, answerDamage(segment, l, lostAnswer(id))
	}
	_, text, err := j.bytes(p.segment, int64(p.offset), p.end())
	if err != nil {
		return nil, err
	}
	body, ok := durable.VerifySum(text)
	found, response, blob, parsed := parseAnswer(body)
	if !ok || !parsed || found != id {
		return nil, answerDamage(segment, l, lostAnswer(id))
	}
	if blob != "" {
		if response, err = j.readBlob(blob); err != nil {
			return nil, answerDamage(segment, l, err)
		}
	}
	if last != nil {
		*last = lastAnswer{id, response}
	}
	return response, nil
}

// lostAnswer says that the line of an answer is not there, or not as it was written.
func lostAnswer(id answerID) error {
	return fmt.Errorf("the answer %x, which other rows may share, is missing or damaged", id)
}

// answerDamage returns the damage of a result whose answer cannot be read because of err.
func answerDamage(segment string, l line, err error) *Damage {
	d := blobDamage(segment, l, err)
	d.Kind = Answer
	return d
}
