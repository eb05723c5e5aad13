package gemini

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// The reasons for which the client itself ends an attempt.
var (
	errTotal = errors.New("no complete answer within the timeout")
	errIdle  = errors.New("the connection fell silent")
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

// firstBuffer bounds the memory that is allocated at once for a body. Its Content-Length
// is only a claim.
const firstBuffer = 1 << 20

// readBody reads at most limit bytes, and oversize reports whether there were more. The
// function alive is called whenever bytes arrive. Data that was read before an error is
// returned together with the error.
func readBody(resp *http.Response, limit int64, alive func()) (body []byte, oversize bool, err error) {
	var b bytes.Buffer
	if n := min(resp.ContentLength, limit, firstBuffer); n > 0 {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err = b.ReadFrom(io.LimitReader(watched{resp.Body, alive}, limit+1))
	if int64(b.Len()) > limit {
		return b.Bytes()[:limit], true, err
	}
	return b.Bytes(), false, err
}

// watched calls alive for every read that returns data.
type watched struct {
	r     io.Reader
	alive func()
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.alive()
	}
	return n, err
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
	case errors.Is(err, errTotal):
		return batch.KindTimeout, "raise --timeout, or use --stream for long answers"
	case errors.Is(err, errIdle):
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
