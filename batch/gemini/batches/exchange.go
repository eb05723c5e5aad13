package batches

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
)

const (
	// smallCall bounds a call that the endpoint answers at once.
	smallCall = 2 * time.Minute
	// maxDescription bounds the description of a job, which may hold its answers.
	maxDescription = 256 << 20
)

// An endpoint is where the batch API is.
type endpoint struct {
	client *gemini.Client
	gemini.Endpoint
}

// A call is an exchange of JSON with the batch API.
type call struct {
	method  string
	address string // the whole address; or else
	path    string // what stands behind the version
	query   url.Values
	body    any           // nil for none
	timeout time.Duration // 0: smallCall
	limit   int64         // of the reply's bytes; 0: 16 MiB
}

// call makes an exchange, and returns the reply's body.
func (e endpoint) call(ctx context.Context, c call) ([]byte, error) {
	if c.address == "" {
		c.address = e.address("", c.path)
	}
	if len(c.query) > 0 {
		c.address += "?" + c.query.Encode()
	}
	if c.timeout == 0 {
		c.timeout = smallCall
	}
	if c.limit == 0 {
		c.limit = 16 << 20
	}
	out := &gemini.Call{Method: c.method, Address: c.address, Timeout: c.timeout, MaxBytes: c.limit}
	if c.body != nil {
		text, err := apijson.Marshal(c.body)
		if err != nil {
			return nil, err
		}
		out.Body = io.NewSectionReader(bytes.NewReader(text), 0, int64(len(text)))
		out.Header = map[string]string{"Content-Type": "application/json"}
	}
	reply, o := e.client.Call(ctx, out)
	if o != nil {
		fault := errorOf(o)
		if c.method != http.MethodPost {
			fault.Unsure = false // asking or deleting once more does no harm
		}
		return nil, fault
	}
	return reply.Body, nil
}

// address returns the address of a resource by its name. The prefix stands before the
// version.
func (e endpoint) address(prefix, name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return e.BaseURL + prefix + "/" + e.Version + "/" + strings.Join(parts, "/")
}
