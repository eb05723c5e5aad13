package azure

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// apiVersion is the version of the REST API. All later ones are served as well, and Azurite knows
// it. Of what is used here, blocks of more than 100 MiB came with 2019-12-12, and names with
// characters that XML does not have with 2021-02-12. See "Versioning for Azure Storage".
const apiVersion = "2021-12-02"

// A service is the Blob service of an account.
type service struct {
	endpoint *url.URL
	auth     authorizer
	client   *http.Client
}

func newService(ctx context.Context, a account, m machine) (*service, error) {
	s := &service{endpoint: a.endpoint, client: m.client}
	switch {
	case a.sas != "":
		s.auth = signature(a.sas)
	case a.key != nil:
		s.auth = sharedKey{a.name, a.key}
	case isTrue(m.getenv("AZURE_STORAGE_ANON")): // as adlfs has it
		s.auth = anonymous("AZURE_STORAGE_ANON is set")
	default:
		var err error
		if s.auth, err = signIn(ctx, a, m); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "1", "t", "true", "yes":
		return true
	}
	return false
}

// A call is a request to the service, which may have to be sent several times.
type call struct {
	method string
	place  place
	query  url.Values
	header map[string]string
	body   []byte
}

// do sends a request until there is an answer that is final, and has read read the body. If that
// fails, the request is sent again. An answer that is no success is a [*failure].
func (s *service) do(ctx context.Context, c call, read func(io.Reader) error) (http.Header, error) {
	var header http.Header
	err := transfer.Do(ctx, func(ctx context.Context) error {
		answer, err := s.send(ctx, c)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if err := read(answer.Body); err != nil {
			return s.unreached(ctx, fmt.Errorf("the answer was cut off or is none of Azure: %w", err))
		}
		header = answer.Header
		return nil
	})
	return header, err
}

// skip reads a body that says nothing.
func skip(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// decode returns a function that reads a body into v. What Azure sends begins with a byte order
// mark, which the decoder skips as it does all that stands before the first element.
func decode(v any) func(io.Reader) error {
	return func(r io.Reader) error { return xml.NewDecoder(r).Decode(v) }
}

// send sends a request once, and returns an answer that is a success. The caller closes its body.
func (s *service) send(ctx context.Context, c call) (*http.Response, error) {
	r, err := s.request(ctx, c)
	if err != nil {
		return nil, err
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, s.unreached(ctx, err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		defer answer.Body.Close()
		return nil, s.refused(answer)
	}
	return answer, nil
}

// request makes the request of a call.
func (s *service) request(ctx context.Context, c call) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, c.method, s.endpoint.String(), bytes.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	r.URL = s.url(c)
	r.Header.Set("User-Agent", "genbatch")
	r.Header.Set("x-ms-version", apiVersion)
	r.Header.Set("x-ms-client-request-id", strings.ToLower(rand.Text())) // the service logs it
	// A signature holds for 15 minutes, so that each attempt has one of its own.
	r.Header.Set("x-ms-date", time.Now().UTC().Format(http.TimeFormat))
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	return r, s.auth.authorize(ctx, r)
}

// url returns the URL of a call. The key's slashes stay, and all else is escaped.
func (s *service) url(c call) *url.URL {
	u := *s.endpoint
	parts := []string{c.place.container}
	if c.place.name != "" {
		parts = append(parts, strings.Split(c.place.name, "/")...)
	}
	escaped := u.EscapedPath()
	for _, part := range parts {
		u.Path += "/" + part
		escaped += "/" + url.PathEscape(part)
	}
	u.RawPath = escaped
	u.RawQuery = c.query.Encode()
	return &u
}

// unreached tells why there was no answer, or only a part of it.
func (s *service) unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// The URL, which net/http names, can hold a shared access signature.
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		err = fmt.Errorf("is that the name of the storage account, and is the network there? %w", err)
	}
	return transfer.Failed(ctx, fmt.Errorf("%s cannot be reached: %w", s.endpoint.Host, err))
}
