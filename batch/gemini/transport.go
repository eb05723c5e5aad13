package gemini

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/clock"
)

// newTransport makes the transport of a client. It trusts the system's TLS roots, or
// those of SSL_CERT_FILE. It obeys HTTPS_PROXY and NO_PROXY, and decompresses gzip.
func newTransport(c *Config) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{
			Timeout:   c.ConnectTimeout,
			KeepAlive: 30 * time.Second,
		}).DialContext,
		TLSHandshakeTimeout:   c.ConnectTimeout,
		ResponseHeaderTimeout: c.HeaderTimeout,
		ForceAttemptHTTP2:     true,
		// An HTTP/2 connection carries a hundred calls. If it is silent, a ping spares
		// all of them the wait for their timeouts.
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		MaxIdleConns:        c.Concurrency,
		MaxIdleConnsPerHost: c.Concurrency,
		// Twice what the calls in flight need. Dials for calls that were given up go on
		// for a while, and must not keep the next calls waiting.
		MaxConnsPerHost:        2 * c.Concurrency,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// transportKind returns the kind of a transport error, and a hint. It tells deadlines,
// wrong addresses and bad certificates from other errors.
func transportKind(err error) (batch.Kind, string) {
	var unknown x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var invalid x509.CertificateInvalidError
	var plain tls.RecordHeaderError
	var network net.Error
	switch {
	case errors.Is(err, clock.ErrTotal):
		return batch.KindTimeout, "raise --timeout, or use --stream for long answers"
	case errors.Is(err, clock.ErrIdle):
		return batch.KindTimeout, ""
	case errors.As(err, &unknown):
		return batch.KindConfig, "a proxy that opens TLS needs its certificate in the file that SSL_CERT_FILE names"
	case errors.As(err, &wrongHost), errors.As(err, &invalid):
		return batch.KindConfig, hintAddress
	case errors.As(err, &plain):
		return batch.KindConfig, "the server does not speak TLS: does the address begin with http://?"
	case outOfFiles(err):
		return batch.KindTransport, "raise the limit of open files (ulimit -n), or lower --concurrency"
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return batch.KindTimeout, ""
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return batch.KindTransport, "check the network, --endpoint and --base-url"
	}
	return batch.KindTransport, ""
}

// outOfFiles reports whether this machine has no file left for another connection. A failed
// look-up of a name keeps only the text of its cause.
func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || strings.Contains(err.Error(), syscall.EMFILE.Error())
}

// A Call is an exchange with a part of the API beside the models' own methods, such as
// the batch API.
type Call struct {
	Method  string
	Address string            // the key and the user's own headers go only below the endpoint's base URL
	Header  map[string]string // besides the user's own
	Body    *io.SectionReader // nil for none

	// Timeout bounds the exchange. 0 means as long as an attempt may take.
	Timeout time.Duration
	// MaxBytes bounds the reply after decompression. 0 means 1 MiB.
	MaxBytes int64

	// Stream leaves it to the caller to read the reply, which may be of any size and may
	// take any time, as long as it does not pause for longer than Config.IdleTimeout.
	// Timeout bounds the wait for its beginning. Redirects are followed.
	Stream bool
}

// A Reply is a reply with a status of 2xx.
type Reply struct {
	Header http.Header
	Body   []byte        // nil for a stream
	Stream io.ReadCloser // nil unless it was asked for; it must be closed
}

// maxRedirects bounds how many redirects of a download are followed.
const maxRedirects = 5

// Call makes an exchange. If it fails, there is no Reply but an Outcome, which says why as
// it does for an attempt, without the secrets that were sent. Its MaybeBilled says that the
// call may have taken effect all the same, because its reply was lost. Call does not repeat
// anything.
func (c *Client) Call(ctx context.Context, call *Call) (*Reply, *batch.Outcome) {
	key, err := c.key()
	x := c.exchange(key)
	x.limit = cmp.Or(call.MaxBytes, maxErrorBytes)
	failed := func(o batch.Outcome) (*Reply, *batch.Outcome) { return nil, &o }
	if err != nil {
		return failed(x.noKey(err))
	}
	attempt, timer := clock.Start(ctx, clock.Limits{Total: cmp.Or(call.Timeout, c.timeout("")), Idle: c.config.IdleTimeout, Open: call.Stream})
	var sent atomic.Bool // whether the server may have the whole request
	traced := httptrace.WithClientTrace(attempt, &httptrace.ClientTrace{
		WroteRequest:         func(i httptrace.WroteRequestInfo) { sent.Store(sent.Load() || i.Err == nil) },
		GotFirstResponseByte: func() { sent.Store(true) },
	})
	resp, err := c.follow(traced, call, key)
	if err != nil {
		defer timer.Stop()
		if errors.Is(err, errRedirect) {
			return failed(x.made(verdict{batch.Retry, batch.Failed, batch.KindConfig, hintAddress, false, 0}, err.Error()))
		}
		return failed(x.unsent(ctx, clock.Why(attempt, err), sent.Load()))
	}
	timer.Alive()
	if resp.StatusCode/100 == 2 && call.Stream {
		return &Reply{Header: resp.Header, Stream: timer.Stream(attempt, resp.Body)}, nil
	}
	defer timer.Stop()
	defer resp.Body.Close()
	x.status, x.header = resp.StatusCode, resp.Header
	limit := x.limit
	if resp.StatusCode/100 != 2 {
		limit = min(limit, maxErrorBytes)
	}
	x.body, x.oversize, err = timer.ReadBody(resp, limit)
	switch {
	case resp.StatusCode/100 != 2:
		return failed(x.classified())
	case x.oversize:
		o := x.made(oversized, fmt.Sprintf("the reply is larger than %d bytes", x.limit))
		o.MaybeBilled = true
		return failed(o)
	case err != nil:
		return failed(x.half(clock.Why(attempt, err)))
	}
	return &Reply{Header: resp.Header, Body: x.secrets.Body(x.body)}, nil
}

// errRedirect is for a redirect that would take what is private to the wrong place.
var errRedirect = errors.New("a redirect leads to an address that must not be trusted")

// follow sends a call, and follows the redirects of a download: Google hands downloads on
// to other servers. An address on another server gets no key; see [Client.send].
func (c *Client) follow(ctx context.Context, call *Call, key string) (*http.Response, error) {
	address := call.Address
	for hops := 0; ; hops++ {
		resp, err := c.send(ctx, call, address, key)
		if err != nil || !call.Stream || resp.StatusCode/100 != 3 || hops == maxRedirects {
			return resp, err
		}
		next, err := resp.Location()
		if err != nil {
			return resp, nil // which says its status
		}
		resp.Body.Close()
		address = next.String()
		named := string(c.redactor(key).Body([]byte(address))) != address // the server names the key
		if !c.trusted(next) || named && !c.below(address) {
			return nil, errRedirect
		}
	}
}

// below reports whether an address belongs to the endpoint, so that the key may go there.
func (c *Client) below(address string) bool {
	return strings.HasPrefix(address, c.config.Endpoint.BaseURL+"/")
}

// trusted reports whether what is private may go to an address that a server gave, or come
// from it: it is encrypted, or on the endpoint's own server.
func (c *Client) trusted(u *url.URL) bool {
	base, err := url.Parse(c.config.Endpoint.BaseURL)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == base.Scheme && u.Host == base.Host)
}

// send sends a call to an address. The address may be on another server, which gets
// neither the key nor the user's own headers.
func (c *Client) send(ctx context.Context, call *Call, address, key string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, call.Method, address, nil)
	if err != nil {
		return nil, errors.New("the address cannot be used") // err quotes it
	}
	if body := call.Body; body != nil {
		req.ContentLength = body.Size()
		req.GetBody = func() (io.ReadCloser, error) {
			if body.Size() == 0 {
				return http.NoBody, nil
			}
			return io.NopCloser(io.NewSectionReader(body, 0, body.Size())), nil
		}
		req.Body, _ = req.GetBody()
	}
	if c.below(address) {
		for name, values := range c.config.Header {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
		req.Host = cmp.Or(req.Header.Get("Host"), req.Host)
	}
	for name, value := range call.Header {
		req.Header.Set(name, value)
	}
	req.Header.Del("Accept-Encoding") // the transport decompresses only what it asked for itself
	req.Header.Set("User-Agent", strings.TrimSuffix("genbatch/"+c.config.Version, "/"))
	if c.below(address) {
		if err := c.authorize(req, key); err != nil {
			return nil, err
		}
	}
	return c.transport.RoundTrip(req)
}
