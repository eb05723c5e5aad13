package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// An exchange is one call on its way to its answer. One goroutine owns it.
type exchange struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request

	at    wire.Address
	name  string     // of the model or file in the path
	key   string     // the key or token that the call brings
	model wire.Model // set where the path names one

	stream bool // the answer is a stream
	sse    bool // of server-sent events

	body    []byte
	bodySum [32]byte // the SHA-256 of the body

	request      *wire.Request       // set by generate
	promptTokens []wire.TokensDetail // likewise

	damage damage

	bill bill.Charge // for the answer, once it is made
}

// sleep waits, and reports whether the caller is still there after it. Nobody waits for the
// row of a batch.
func (x *exchange) sleep(d time.Duration) bool {
	if d <= 0 || x.inBatch() {
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

// refuse counts a refusal by its reason, and sends it.
func (x *exchange) refuse(reason string, e *wire.Error) {
	x.server.stats.refused.add(reason)
	x.fail(e)
}

// fail sends an error in the shape of the dialect. A stream that is an array is an array
// of one error then.
func (x *exchange) fail(e *wire.Error) {
	body := e.Body(x.server.config.Dialect, x.id())
	if x.stream && !x.sse {
		body = []any{body}
	}
	x.writeJSON(e.HTTPStatus, body)
}

// writeJSON sends a value as JSON.
func (x *exchange) writeJSON(status int, v any) {
	var b bytes.Buffer
	if err := wire.Encode(&b, v); err != nil {
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"error":{"code":500,"message":"Internal error encountered.","status":"INTERNAL"}}`)
	}
	x.writeBody(status, "application/json; charset=UTF-8", b.Bytes())
}

// writeBody sends a whole answer.
func (x *exchange) writeBody(status int, contentType string, body []byte) {
	x.w.Header().Set("Content-Type", contentType)
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // if this fails, the caller is gone
}

// page returns which of n items the call asks for, and the token of the next page. A
// page has size items unless the call says otherwise, and most at most.
func (x *exchange) page(n, size, most int) (from, to int, next string) {
	q := x.r.URL.Query()
	if asked, err := strconv.Atoi(q.Get("pageSize")); err == nil && asked > 0 {
		size = min(asked, most)
	}
	from, _ = strconv.Atoi(q.Get("pageToken"))
	from = min(max(from, 0), n)
	to = min(from+size, n)
	if to < n {
		next = strconv.Itoa(to)
	}
	return from, to, next
}

// unknownPath refuses a path that is no part of the API. Google sends a page, and
// gateways an error.
func (x *exchange) unknownPath() {
	if x.server.config.Dialect.Gateway() {
		x.refuse("path", wire.UnknownURL(x.r.Method, x.r.URL.Path))
		return
	}
	x.server.stats.refused.add("path")
	x.writeBody(http.StatusNotFound, "text/html; charset=UTF-8", []byte(htmlPage(http.StatusNotFound, "Error 404 (Not Found)!!1")))
}

// htmlPage returns a page such as proxies in front of the API send.
func htmlPage(status int, title string) string {
	return fmt.Sprintf("<!DOCTYPE html>\n<html lang=en>\n<head><title>%s</title></head>\n<body><h1>Error %d</h1><p>%s</p>%s</body>\n</html>\n",
		title, status, title, strings.Repeat("<!-- padding to disable a friendly error page -->\n", 10))
}

// The limits of a body, in bytes: of Google, and of gateways.
const (
	bodyLimit        = 100 << 20
	gatewayBodyLimit = 20 << 20
)

// id returns the next response id.
func (x *exchange) id() string {
	var b [12]byte
	copy(b[:], x.server.nonce[:])
	binary.BigEndian.PutUint64(b[4:], chance.Mix(x.server.serial.Add(1)))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// readBody reads and hashes the body, or refuses the call.
func (x *exchange) readBody() bool {
	limit := int64(bodyLimit)
	if x.server.config.Dialect.Gateway() {
		limit = gatewayBodyLimit
	}
	// Google refuses with 400 and in JSON, a gateway with 413, before reading it all.
	status := http.StatusRequestEntityTooLarge
	if !x.server.config.Dialect.Gateway() {
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
	x.hashBody()
	return true
}

// hashBody sets the hash of the body.
func (x *exchange) hashBody() { x.bodySum = sha256.Sum256(x.body) }

// bodyHash returns the first bytes of the body's hash.
func (x *exchange) bodyHash() uint64 { return binary.BigEndian.Uint64(x.bodySum[:]) }
