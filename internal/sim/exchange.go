package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// An exchange is one request on its way to its answer. One goroutine owns it.
type exchange struct {
	s     *Server
	w     http.ResponseWriter
	r     *http.Request
	at    wire.Address
	name  string // of the model or file in the path
	model wire.Model
	key   string

	stream, sse bool

	body []byte
	sum  [32]byte // of the body
	hash uint64   // the sum's first bytes

	q            *wire.Request
	promptTokens []wire.TokensDetail // by modality

	faults faultState
}

// sleep waits, and reports whether the caller is still there.
func (x *exchange) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// refuse counts and sends an error.
func (x *exchange) refuse(reason string, e *wire.Error) {
	x.s.stats.refused.add(reason)
	x.fail(e)
}

// fail sends an error in the shape of the dialect and of the call: a stream
// without alt=sse is an array, of one error here.
func (x *exchange) fail(e *wire.Error) {
	body := e.Body(x.s.config.Dialect, x.id())
	if x.stream && !x.sse {
		body = []any{body}
	}
	x.writeJSON(e.HTTPStatus, body)
}

func (x *exchange) writeJSON(status int, v any) {
	var b bytes.Buffer
	if err := wire.Encode(&b, v); err != nil {
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"error":{"code":500,"message":"Internal error encountered.","status":"INTERNAL"}}`)
	}
	x.writeBody(status, "application/json; charset=UTF-8", b.Bytes())
}

func (x *exchange) writeBody(status int, contentType string, body []byte) {
	x.w.Header().Set("Content-Type", contentType)
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // a caller who left needs no answer
}

// unknownPath answers a path that is not part of the API: a page for Google, an
// error for gateways.
func (x *exchange) unknownPath() {
	if x.s.config.Dialect.Gateway() {
		x.refuse("path", wire.UnknownURL(x.r.Method, x.r.URL.Path))
		return
	}
	x.s.stats.refused.add("path")
	x.writeBody(http.StatusNotFound, "text/html; charset=UTF-8", []byte(htmlPage(http.StatusNotFound, "Error 404 (Not Found)!!1")))
}

// htmlPage is what a proxy in front of the API answers.
func htmlPage(status int, title string) string {
	return fmt.Sprintf("<!DOCTYPE html>\n<html lang=en>\n<head><title>%s</title></head>\n<body><h1>Error %d</h1><p>%s</p>%s</body>\n</html>\n",
		title, status, title, strings.Repeat("<!-- padding to disable a friendly error page -->\n", 10))
}

// bodyLimit is the API's limit of a request; the gateways' is lower.
const (
	bodyLimit        = 100 << 20
	gatewayBodyLimit = 20 << 20
)

// id returns the next response id.
func (x *exchange) id() string {
	var b [12]byte
	copy(b[:], x.s.nonce[:])
	binary.BigEndian.PutUint64(b[4:], chance.Mix(x.s.serial.Add(1)))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// readBody reads and hashes the request's body.
func (x *exchange) readBody() bool {
	limit := int64(bodyLimit)
	if x.s.config.Dialect.Gateway() {
		limit = gatewayBodyLimit
	}
	// Google refuses with 400 and in JSON, a gateway with 413, before reading it all.
	status := http.StatusRequestEntityTooLarge
	if !x.s.config.Dialect.Gateway() {
		status = http.StatusBadRequest
	}
	tooLarge := wire.Errorf(status, "INVALID_ARGUMENT", "Request payload size exceeds the limit: %d bytes.", limit)
	if x.r.ContentLength > limit {
		x.refuse("invalid", tooLarge)
		return false
	}
	var b bytes.Buffer
	if n := x.r.ContentLength; n > 0 {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(x.w, x.r.Body, limit))
	if err != nil {
		x.refuse("invalid", tooLarge)
		return false
	}
	x.body = b.Bytes()
	x.sum = sha256.Sum256(x.body)
	x.hash = binary.BigEndian.Uint64(x.sum[:])
	return true
}
