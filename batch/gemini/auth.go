package gemini

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// cloudScope is the only scope that Vertex AI asks for.
const cloudScope = "https://www.googleapis.com/auth/cloud-platform"

// tokenTimeout bounds how long fetching an access token takes. It is needed because
// x/oauth2 does not use the attempt's own context.
const tokenTimeout = 15 * time.Second

// defaultTokens finds the application-default credentials: the file that
// GOOGLE_APPLICATION_CREDENTIALS names, those of gcloud, or the machine's own.
func defaultTokens(rt http.RoundTripper) (oauth2.TokenSource, error) {
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient,
		&http.Client{Transport: rt, Timeout: tokenTimeout})
	creds, err := google.FindDefaultCredentials(ctx, cloudScope)
	if err != nil {
		return nil, fmt.Errorf("vertex: no application-default credentials (run: gcloud auth application-default login): %w", err)
	}
	return creds.TokenSource, nil
}

// authorize puts the key into the request, in the way that the endpoint takes it.
func (c *Client) authorize(req *http.Request, key string) error {
	switch c.config.Endpoint.Auth {
	case AuthGoogKey:
		req.Header.Set("X-Goog-Api-Key", key)
	case AuthBearer, AuthOAuth:
		req.Header.Set("Authorization", "Bearer "+key)
	case AuthRaw:
		req.Header.Set("Authorization", key)
	case AuthQuery:
		q := req.URL.Query()
		q.Set("key", key)
		req.URL.RawQuery = q.Encode()
	case AuthNone:
	default:
		return fmt.Errorf("unknown auth %q", c.config.Endpoint.Auth)
	}
	return nil
}

var (
	errNoKey  = errors.New("there is no API key")
	errOddKey = errors.New("the API key holds characters that no key has, such as a space or a line break")
)

// key returns the key or access token for one attempt. It is empty for AuthNone.
func (c *Client) key() (string, error) {
	switch c.config.Endpoint.Auth {
	case AuthNone:
		return "", nil
	case AuthOAuth:
		token, err := c.config.Tokens.Token()
		if err != nil {
			return "", err
		}
		return token.AccessToken, nil
	}
	if c.config.Key == nil {
		return "", errNoKey
	}
	key := strings.TrimSpace(c.config.Key()) // a file usually ends in a newline
	switch {
	case key == "":
		return "", errNoKey
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", errOddKey
	}
	return key, nil
}

// StorageClient returns a client for Cloud Storage, where the jobs of Vertex AI's batch API
// read and write. It uses the same account, proxy and certificates as c. Other servers than
// Google's own, such as an emulator, get no token. Redirects are not followed.
func (c *Client) StorageClient() *http.Client {
	return &http.Client{
		Transport:     withTokens{c},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type withTokens struct{ client *Client }

func (t withTokens) RoundTrip(req *http.Request) (*http.Response, error) {
	c := t.client
	if c.config.Endpoint.Auth == AuthOAuth && req.URL.Scheme == "https" && strings.HasSuffix(req.URL.Hostname(), ".googleapis.com") {
		token, err := c.key()
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context()) // a RoundTripper must not change its request
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return c.transport.RoundTrip(req)
}
