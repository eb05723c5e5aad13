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
	"github.com/genbatch/genbatch/internal/redact"
)

// Config says how a [Client] works. Only Endpoint is required, and, unless it
// uses no key, Key or Tokens.
type Config struct {
	Endpoint Endpoint

	// Key returns the API key; it is asked before every attempt and must be safe
	// for concurrent use. Unused with AuthNone and AuthOAuth.
	Key func() string
	// KeyFrom says where the key comes from, for hints: "GEMINI_API_KEY". Empty:
	// the endpoint's own variables.
	KeyFrom string
	// Tokens gives access tokens for AuthOAuth; nil: application-default
	// credentials, which New looks for.
	Tokens oauth2.TokenSource

	// Stream uses streamGenerateContent.
	Stream bool
	// Header is added to every request. It cannot replace the authentication.
	Header http.Header
	// Version is genbatch's, for User-Agent.
	Version string

	Timeout        time.Duration // of a whole attempt; 0 = 5 min, and 15 min in the flex tier
	ConnectTimeout time.Duration // of dialling, and again of the TLS handshake; 0 = 20 s
	// HeaderTimeout is how long the answer's header may take after the request is
	// sent; 0 = Timeout. A unary answer's header comes only when all is generated.
	HeaderTimeout time.Duration
	// IdleTimeout is how long an answer that has begun may pause; 0 = 2 min.
	IdleTimeout time.Duration

	// MaxResponseBytes bounds an answer, after decompression; 0 = 64 MiB, enough
	// for images. Of an error body at most 1 MiB is read.
	MaxResponseBytes int64
	// Concurrency is how many attempts run at once, to size the connection pool;
	// 0 = 64. It is no limit.
	Concurrency int
	// Transport makes the exchanges; nil: one tuned http.Transport.
	Transport http.RoundTripper
}

// TierHeader asks Vertex AI for the flex or the priority tier, which Google AI has
// as the field serviceTier of the body.
const TierHeader = "X-Vertex-AI-LLM-Shared-Request-Type"

// maxErrorBytes is the most that is read of an error body.
const maxErrorBytes = 1 << 20

// A Client is a [batch.Model] over HTTP. It is safe for concurrent use, and has
// nothing to close.
type Client struct {
	config    Config
	transport http.RoundTripper

	// What is the same for one attempt after another.
	header    http.Header
	blank     atomic.Pointer[blank] // the last
	redactors atomic.Pointer[keyed]
}

// keyed is a redactor that knows a key.
type keyed struct {
	key string
	*redact.Redactor
}

var _ batch.Model = (*Client)(nil)

// New checks the configuration and makes a Client. Nothing is sent, except that
// Vertex AI's default credentials may be looked for on the machine's metadata
// server.
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

// header returns what every request has in its header, but for the key and what
// depends on the tier.
func (c *Config) header() http.Header {
	h := make(http.Header)
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", strings.TrimSuffix("genbatch/"+c.Version, "/"))
	for name, values := range c.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	h.Del("Accept-Encoding") // the transport undoes gzip only if it asked for it
	return h
}

// Attempt makes one exchange. See [batch.Model].
func (c *Client) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	key, err := c.key()
	x := c.exchange(key)
	if err != nil {
		return x.noKey(err)
	}

	attempt, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timeout := c.timeout(r.Tier)
	end := time.Now().Add(timeout)
	var begun atomic.Bool // the answer has
	timer := time.AfterFunc(timeout, func() {
		if begun.Load() && time.Now().Before(end) {
			cancel(errIdle)
		} else {
			cancel(errTotal)
		}
	})
	defer timer.Stop()
	method := ":generateContent"
	if c.config.Stream || r.Stream {
		method = ":streamGenerateContent?alt=sse"
	}
	var sent atomic.Bool // the server may have the whole request
	req, err := c.request(httptrace.WithClientTrace(attempt, &httptrace.ClientTrace{
		WroteRequest:         func(i httptrace.WroteRequestInfo) { sent.Store(sent.Load() || i.Err == nil) },
		GotFirstResponseByte: func() { sent.Store(true) },
	}), r, method, key)
	if err != nil {
		return x.made(verdict{batch.Settled, batch.Rejected, batch.KindRequest, "", true, 0}, "the request cannot be sent: "+err.Error())
	}

	// RoundTrip, not http.Client: that would follow redirects, key and all, and
	// put the address with its query into errors.
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return x.unsent(ctx, why(attempt, err), sent.Load())
	}
	defer resp.Body.Close()
	x.status, x.header = resp.StatusCode, resp.Header
	limit := x.limit
	if resp.StatusCode/100 != 2 {
		limit = min(limit, maxErrorBytes)
	}
	alive := func() { timer.Reset(min(c.config.IdleTimeout, time.Until(end))) }
	begun.Store(true)
	alive()
	x.body, x.oversize, err = readBody(resp, limit, alive)
	if err != nil {
		x.broke = why(attempt, err)
	}
	return x.classified()
}

// why returns the reason for which the attempt was ended, where there is one: it
// tells more than the error that the transport makes of it.
func why(attempt context.Context, err error) error {
	if cause := context.Cause(attempt); cause != nil {
		return cause
	}
	return err
}

// timeout returns how long an exchange may take: an attempt in the tier, or, with
// none, a call of the Files API. Flex calls wait for a free place
// in the server's queue, for 1 to 15 minutes.
// https://ai.google.dev/gemini-api/docs/flex-inference
func (c *Client) timeout(tier string) time.Duration {
	usual := 5 * time.Minute
	if tier == "flex" {
		usual = 15 * time.Minute
	}
	return cmp.Or(c.config.Timeout, usual)
}

// request dresses the row's body, for a method of the model.
func (c *Client) request(ctx context.Context, r *batch.Request, method, key string) (*http.Request, error) {
	e := c.config.Endpoint
	body := r.Body
	var err error
	if e.Vertex {
		if body, err = withRoles(body); err != nil {
			return nil, err
		}
	} else if r.Tier != "" {
		if body, err = withField(body, "serviceTier", "service_tier", r.Tier); err != nil {
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

// A variant is all that requests differ in, but for their bodies: nearly always the
// same as for the attempt before.
type variant struct{ model, method, tier, key string }

// A blank is a request without a body, of which header and address are shared and not
// to be changed.
type blank struct {
	variant
	request *http.Request
}

func (c *Client) blankOf(v variant) (*http.Request, error) {
	if last := c.blank.Load(); last != nil && last.variant == v {
		return last.request, nil
	}
	e := c.config.Endpoint
	req, err := http.NewRequest(http.MethodPost, e.url(v.model, v.method), nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, c.header)
	if e.ServerTimeout && req.Header.Get("X-Server-Timeout") == "" {
		// Lets the server give up when we do, as Google's own SDKs ask it to.
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

// redactor knows the key, and what the user's own headers hold. Making one takes as
// long as all the rest that an attempt does before it sends.
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

// noKey is the outcome when there is no key to send.
func (x *exchange) noKey(err error) batch.Outcome {
	if errors.Is(err, errNoKey) || errors.Is(err, errOddKey) {
		return x.made(verdict{batch.Stop, "", batch.KindKey, hintKey, false, 0}, err.Error())
	}
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode/100 == 4 {
		return x.made(verdict{batch.Stop, "", batch.KindKey, "log in again: gcloud auth application-default login", false, 0},
			"the credentials were refused: "+err.Error())
	}
	return x.made(verdict{batch.Retry, "", batch.KindTransport, "", false, 0}, "no access token: "+err.Error())
}

// unsent is the outcome of an exchange that got no answer's header.
func (x *exchange) unsent(ctx context.Context, err error, sent bool) batch.Outcome {
	v := broken
	v.kind, v.hint = transportKind(err)
	v.everyRow = v.kind == batch.KindConfig
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		v.consequence = batch.SlowDown // nobody is there: few rows need to find that out
	}
	message := "no answer: " + err.Error()
	if ctx.Err() != nil {
		v.hint, message = "", "the attempt was given up"
	}
	o := x.made(v, message)
	o.MaybeBilled = sent
	return o
}
