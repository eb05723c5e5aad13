package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Signal is what is sent, as variables name it.
type Signal string

// The signals.
const (
	Traces  Signal = "TRACES"
	Metrics Signal = "METRICS"
)

const (
	defaultEndpoint = "http://localhost:4318"
	defaultTimeout  = 10 * time.Second
	tries           = 3               // of one export
	longestWait     = 5 * time.Second // between two tries
	mostReply       = 1 << 20         // bytes that are read of a reply, so that its connection is used again
)

// Variable returns the variable of the environment that sets something of a signal, the
// signal's own before that of all, and its name. Both are empty if neither is set.
func (s Signal) Variable(what string) (value, name string) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_" + string(s) + "_" + what, "OTEL_EXPORTER_OTLP_" + what} {
		if value := strings.TrimSpace(os.Getenv(name)); value != "" {
			return value, name
		}
	}
	return "", ""
}

// A client sends the messages of one signal.
type client struct {
	http     http.Client
	endpoint string
	shown    string // the endpoint in messages: without what may be secret in it
	header   http.Header
	zip      bool
}

// newClient returns the client that the variables of the environment describe. The error names
// the variable that is wrong.
func newClient(s Signal) (*client, error) {
	c := &client{header: make(http.Header)}
	c.header.Set("Content-Type", "application/x-protobuf")
	c.header.Set("User-Agent", "genbatch")
	u, err := s.endpoint()
	if err != nil {
		return nil, err
	}
	c.endpoint = u.String()
	u.User, u.RawQuery = nil, ""
	c.shown = u.String()
	text, name := s.Variable("HEADERS")
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return nil, fmt.Errorf("%s is not a list of name=value, in which %% and two digits stand for other characters", name)
		}
		c.header.Set(strings.TrimSpace(key), value)
	}
	c.http.Timeout = defaultTimeout
	if text, name := s.Variable("TIMEOUT"); text != "" {
		ms, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%s is %q, and not a number of milliseconds", name, text)
		}
		c.http.Timeout = time.Duration(ms) * time.Millisecond
	}
	switch text, name := s.Variable("COMPRESSION"); text {
	case "", "none":
	case "gzip":
		c.zip = true
		c.header.Set("Content-Encoding", "gzip")
	default:
		return nil, fmt.Errorf("%s is %q, and neither gzip nor none", name, text)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	c.http.Transport = transport
	// Another server would be sent the headers, which may hold a key.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	transport.TLSClientConfig, err = s.tls()
	return c, err
}

// endpoint returns the address to which a signal is sent. That of all signals is the beginning
// of it.
func (s Signal) endpoint() (*url.URL, error) {
	text, name := s.Variable("ENDPOINT")
	if text == "" {
		text = defaultEndpoint
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s is %q: write an address such as %s", name, text, defaultEndpoint)
	}
	if !strings.Contains(name, string(s)) {
		u = u.JoinPath("v1", strings.ToLower(string(s)))
	}
	return u, nil
}

// tls returns whom the client trusts, and what it shows of itself; nil means the default.
func (s Signal) tls() (*tls.Config, error) {
	c := new(tls.Config)
	if path, name := s.Variable("CERTIFICATE"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %s holds no certificate in PEM", name, path)
		}
	}
	if path, name := s.Variable("CLIENT_CERTIFICATE"); path != "" {
		key, _ := s.Variable("CLIENT_KEY")
		pair, err := tls.LoadX509KeyPair(path, key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// send sends a message, and tries again where the protocol says that it may succeed later.
func (c *client) send(ctx context.Context, message []byte) error {
	if c.zip {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(message); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		message = b.Bytes()
	}
	for n := 1; ; n++ {
		wait, err := c.try(ctx, message)
		if err == nil || wait == 0 || n == tries {
			return err
		}
		select {
		case <-time.After(min(max(wait, time.Duration(n)*time.Second), longestWait)):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// try sends a message once. If wait is not 0, it may be sent again after that time.
func (c *client) try(ctx context.Context, message []byte) (wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(message))
	if err != nil {
		return 0, err
	}
	r.Header = c.header
	reply, err := c.http.Do(r)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return 0, fmt.Errorf("%s: %w", c.shown, e.Err)
	}
	defer reply.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(reply.Body, mostReply)) // the status says it all
	switch reply.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(reply.Header.Get("Retry-After")) // 0 also for a date
		wait = max(time.Second, time.Duration(seconds)*time.Second)
	}
	if reply.StatusCode/100 != 2 {
		err = fmt.Errorf("%s answers %s", c.shown, reply.Status)
	}
	return wait, err
}
