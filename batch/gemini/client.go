package gemini

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/clock"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/redact"
)

// Config says how a [Client] works. Endpoint is required. So is Key, unless the endpoint
// takes access tokens or no key at all.
type Config struct {
	Endpoint Endpoint

	// Key returns the API key. It is called before every attempt, and must be safe for
	// concurrent use. AuthNone and AuthOAuth do not use it.
	Key func() string
	// KeyFrom says in hints where the key comes from, such as "GEMINI_API_KEY". If it
	// is empty, the hints name the endpoint's own variables.
	KeyFrom string
	// Tokens gives access tokens for AuthOAuth. If it is nil, New looks for
	// application-default credentials.
	Tokens oauth2.TokenSource

	// Stream selects streamGenerateContent.
	Stream bool
	// Header is added to every request. It cannot replace the authentication.
	Header http.Header
	// Version is the version of genbatch, for User-Agent.
	Version string

	// Timeout bounds a whole attempt. 0 means 5 min, and 15 min in the flex tier.
	Timeout time.Duration
	// ConnectTimeout bounds dialling, and then the TLS handshake. 0 means 20 s.
	ConnectTimeout time.Duration
	// HeaderTimeout is how long the answer's header may take once the request is sent.
	// 0 means Timeout: the header of a unary answer comes only when all of the answer
	// has been generated.
	HeaderTimeout time.Duration
	// IdleTimeout is how long an answer that has begun may pause. 0 means 2 min.
	IdleTimeout time.Duration

	// MaxResponseBytes bounds an answer after decompression. 0 means 64 MiB, which is
	// enough for images. At most 1 MiB of an error body is read.
	MaxResponseBytes int64
	// Concurrency is how many attempts run at once. It sets the size of the connection
	// pool and limits nothing else. 0 means 64.
	Concurrency int
	// Transport makes the exchanges. Nil means an http.Transport with suitable settings.
	Transport http.RoundTripper
}

// TierHeader is the header that asks Vertex AI for the flex or the priority tier.
// Google AI has the field serviceTier of the body for it.
const TierHeader = "X-Vertex-AI-LLM-Shared-Request-Type"

// maxErrorBytes bounds how much of an error body is read.
const maxErrorBytes = 1 << 20

// A Client is a [batch.Model] over HTTP. It is safe for concurrent use, and does not
// need to be closed.
type Client struct {
	config    Config
	transport http.RoundTripper

	// These are kept because they are mostly the same for one attempt after another.
	header    http.Header
	blank     atomic.Pointer[blank] // the one that was used last
	redactors atomic.Pointer[keyed]
}

// keyed is a redactor together with the key that it knows.
type keyed struct {
	key string
	*redact.Redactor
}

var _ batch.Model = (*Client)(nil)

// New checks the configuration and makes a Client. It sends nothing to the endpoint. It
// may ask the machine's metadata server for Vertex AI's default credentials.
func New(c Config) (*Client, error) {
	if c.Endpoint.BaseURL == "" {
		return nil, errors.New("no endpoint: make one with ParseEndpoint")
	}
	c.Endpoint.Version = cmp.Or(c.Endpoint.Version, defaultVersion)
	c.Endpoint.Auth = cmp.Or(c.Endpoint.Auth, AuthGoogKey)
	c.KeyFrom = cmp.Or(c.KeyFrom, strings.Join(c.Endpoint.KeyEnv, " or "), "the configuration")
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 20*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 2*time.Minute)
	c.MaxResponseBytes = cmp.Or(c.MaxResponseBytes, 64<<20)
	c.Concurrency = cmp.Or(c.Concurrency, 64)
	if min(c.Timeout, c.ConnectTimeout, c.IdleTimeout) < 0 || c.HeaderTimeout < 0 || c.MaxResponseBytes < 0 || c.Concurrency < 0 {
		return nil, errors.New("timeouts, sizes and concurrency must not be negative")
	}
	rt := c.Transport
	if rt == nil {
		rt = newTransport(&c)
	}
	switch c.Endpoint.Auth {
	case AuthNone:
		c.KeyFrom = "--header"
	case AuthOAuth:
		c.KeyFrom = "GOOGLE_APPLICATION_CREDENTIALS"
		if c.Tokens == nil {
			tokens, err := defaultTokens(rt)
			if err != nil {
				return nil, err
			}
			c.Tokens = tokens
		}
	default:
		if c.Key == nil || strings.TrimSpace(c.Key()) == "" {
			return nil, fmt.Errorf("endpoint %s: there is no API key: set %s", c.Endpoint, c.KeyFrom)
		}
	}
	return &Client{config: c, transport: rt, header: c.header()}, nil
}

// Endpoint returns where the client sends its requests.
func (c *Client) Endpoint() Endpoint { return c.config.Endpoint }

// header returns the header fields that all requests share. The key is not among them,
// nor is what depends on the tier.
func (c *Config) header() http.Header {
	h := make(http.Header)
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", strings.TrimSuffix("genbatch/"+c.Version, "/"))
	for name, values := range c.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	h.Del("Accept-Encoding") // the transport decompresses only what it asked for itself
	return h
}

// Attempt makes one exchange; see [batch.Model].
func (c *Client) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	key, err := c.key()
	x := c.exchange(key)
	if err != nil {
		return x.noKey(err)
	}

	attempt, timer := clock.Start(ctx, clock.Limits{Total: c.timeout(r.Tier), Idle: c.config.IdleTimeout})
	defer timer.Stop()
	method := ":generateContent"
	if c.config.Stream || r.Stream {
		method = ":streamGenerateContent?alt=sse"
	}
	var sent atomic.Bool // whether the server may have the whole request
	req, err := c.request(httptrace.WithClientTrace(attempt, &httptrace.ClientTrace{
		WroteRequest:         func(i httptrace.WroteRequestInfo) { sent.Store(sent.Load() || i.Err == nil) },
		GotFirstResponseByte: func() { sent.Store(true) },
	}), r, method, key)
	if err != nil {
		return x.made(verdict{batch.Settled, batch.Rejected, batch.KindRequest, "", true, 0}, "the request cannot be sent: "+err.Error())
	}

	// RoundTrip is called because an http.Client would follow redirects with the key,
	// and would put the address with its query into errors.
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return x.unsent(ctx, clock.Why(attempt, err), sent.Load())
	}
	defer resp.Body.Close()
	x.sent, x.status, x.header = r.Body, resp.StatusCode, resp.Header
	limit := x.limit
	if resp.StatusCode/100 != 2 {
		limit = min(limit, maxErrorBytes)
	}
	timer.Alive()
	x.body, x.oversize, err = timer.ReadBody(resp, limit)
	if err != nil {
		x.broke = clock.Why(attempt, err)
	}
	return x.classified()
}

// timeout returns how long an attempt in the tier may take. Calls of the Files API have
// no tier. Flex calls wait in the server's queue for 1 to 15 minutes.
// https://ai.google.dev/gemini-api/docs/flex-inference
func (c *Client) timeout(tier string) time.Duration {
	usual := 5 * time.Minute
	if tier == "flex" {
		usual = 15 * time.Minute
	}
	return cmp.Or(c.config.Timeout, usual)
}

// request makes the HTTP request that sends the row's body to a method of the model.
func (c *Client) request(ctx context.Context, r *batch.Request, method, key string) (*http.Request, error) {
	e := c.config.Endpoint
	body := r.Body
	var err error
	if e.Vertex {
		if body, err = apijson.WithRoles(body); err != nil {
			return nil, err
		}
	} else if r.Tier != "" {
		if body, err = withField(body, "serviceTier", r.Tier); err != nil {
			return nil, err
		}
	}
	blank, err := c.blankOf(variant{r.Model, method, r.Tier, key})
	if err != nil {
		return nil, err
	}
	req := blank.WithContext(ctx)
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	return req, nil
}

// A variant is everything in which requests differ, except for their bodies. It is
// nearly always the same as for the attempt before.
type variant struct{ model, method, tier, key string }

// A blank is a request without a body. Requests made from it share its header and its
// address, which must not be changed.
type blank struct {
	variant
	request *http.Request
}

func (c *Client) blankOf(v variant) (*http.Request, error) {
	if last := c.blank.Load(); last != nil && last.variant == v {
		return last.request, nil
	}
	e := c.config.Endpoint
	req, err := http.NewRequest(http.MethodPost, e.URL(v.model, v.method), nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, c.header)
	if e.ServerTimeout && req.Header.Get("X-Server-Timeout") == "" {
		// The server can give up when the client does. Google's own SDKs ask for it too.
		req.Header.Set("X-Server-Timeout", strconv.Itoa(int(math.Ceil(c.timeout(v.tier).Seconds()))))
	}
	if e.Vertex && v.tier != "" && v.tier != "standard" && req.Header.Get(TierHeader) == "" {
		req.Header.Set(TierHeader, v.tier)
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if err := c.authorize(req, v.key); err != nil {
		return nil, err
	}
	c.blank.Store(&blank{v, req})
	return req, nil
}

// redactor returns a redactor that knows the key and the secrets in the user's own
// headers. It is kept for the next attempt, because making one takes as long as
// everything else that an attempt does before it sends.
func (c *Client) redactor(key string) *redact.Redactor {
	if k := c.redactors.Load(); k != nil && k.key == key {
		return k.Redactor
	}
	r := c.newRedactor(key)
	c.redactors.Store(&keyed{key, r})
	return r
}

func (c *Client) newRedactor(key string) *redact.Redactor {
	secrets := []string{key}
	for name, values := range c.config.Header {
		if redact.IsSecretHeader(name) {
			for _, v := range values {
				secrets = append(secrets, v)
				if _, credentials, ok := strings.Cut(v, " "); ok { // after Bearer or Basic
					secrets = append(secrets, credentials)
				}
			}
		}
	}
	return redact.New(secrets...)
}

// noKey returns the outcome if there is no key to send.
func (x *exchange) noKey(err error) batch.Outcome {
	if errors.Is(err, errNoKey) || errors.Is(err, errOddKey) {
		return x.made(verdict{batch.Stop, "", batch.KindKey, hintKey, false, 0}, err.Error())
	}
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode/100 == 4 {
		return x.made(verdict{batch.Stop, "", batch.KindKey, "log in again: gcloud auth application-default login", false, 0},
			"the credentials were refused: "+err.Error())
	}
	return x.made(verdict{batch.Retry, "", batch.KindTransport, "", false, 0}, "no access token: "+message.Plain(err))
}

// unsent returns the outcome of an exchange that ended before the answer's header came.
func (x *exchange) unsent(ctx context.Context, err error, sent bool) batch.Outcome {
	v := broken
	v.kind, v.hint = transportKind(err)
	v.everyRow = v.kind == batch.KindConfig
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		v.consequence = batch.SlowDown // no server answers: few rows need to find that out
	}
	text := "no answer: " + message.Plain(err)
	if ctx.Err() != nil {
		v.hint, text = "", "the attempt was given up"
	}
	o := x.made(v, text)
	o.MaybeBilled = sent
	return o
}
