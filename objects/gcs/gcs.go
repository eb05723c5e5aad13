// Package gcs is the driver of Google Cloud Storage. A program makes [Open] known with
//
//	objects.Register("gs", gcs.Open)
//
// It takes the application default credentials: the file that GOOGLE_APPLICATION_CREDENTIALS
// names, those of gcloud auth application-default login, or the machine's own. With
// GS_NO_SIGN_REQUEST=YES it reads public buckets without any. STORAGE_EMULATOR_HOST names an
// emulator, which gets no credentials.
package gcs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

const (
	scope = "https://www.googleapis.com/auth/cloud-platform"

	// tokenTimeout bounds how long a token may take. It is needed because x/oauth2 does not use
	// the context of the call.
	tokenTimeout = 20 * time.Second
)

// A bucket implements [objects.Bucket], over the JSON API. Google's own client brings gRPC along,
// which makes a program larger by 7 to 20 MiB. https://cloud.google.com/storage/docs/json_api
type bucket struct {
	name    string
	base    *url.URL // the address of the service
	client  *http.Client
	tokens  oauth2.TokenSource // nil: requests have no token
	project string             // pays for the requests; empty: the bucket's own
}

// Open opens a bucket. It is an [objects.Opener]. Its error says how credentials are given if
// there are none. Whether they may read the bucket is seen at the first call.
func Open(_ context.Context, name string) (objects.Bucket, error) {
	transport := transfer.Transport()
	b := &bucket{
		name: name, project: os.Getenv("GOOGLE_CLOUD_QUOTA_PROJECT"),
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	address := "https://storage.googleapis.com"
	emulator := os.Getenv("STORAGE_EMULATOR_HOST")
	if emulator != "" {
		if address = emulator; !strings.Contains(address, "://") {
			address = "http://" + address
		}
	}
	var err error
	if b.base, err = url.Parse(strings.TrimSuffix(address, "/")); err != nil || b.base.Host == "" {
		return nil, fmt.Errorf("STORAGE_EMULATOR_HOST is %q, and has to be as localhost:4443 or http://localhost:4443", emulator)
	}
	if emulator != "" || isTrue(os.Getenv("GS_NO_SIGN_REQUEST")) {
		return b, nil
	}
	// The tokens outlive the call that opens the bucket, and so must their context.
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: transport, Timeout: tokenTimeout})
	found, err := google.FindDefaultCredentials(ctx, scope)
	if err != nil {
		return nil, fmt.Errorf("there are no Google credentials (run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS; for a public bucket set GS_NO_SIGN_REQUEST=YES): %w", err)
	}
	b.tokens = found.TokenSource
	return b, nil
}

// isTrue reports whether a variable says yes, in the ways of those who set it.
func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}

// address returns an address of the API: of the bucket's objects, or of one of them.
func (b *bucket) address(prefix, key string, query url.Values) string {
	u := *b.base
	text := u.String() + prefix + "/storage/v1/b/" + url.PathEscape(b.name) + "/o"
	if key != "" {
		text += "/" + url.PathEscape(key)
	}
	return text + "?" + query.Encode()
}

// A call is one request, which is made anew each time it is tried.
type call struct {
	method, address string
	header          map[string]string
	body            func() io.Reader // nil: none
	size            int64            // of the body
	key             string           // the object that it is about
}

// do makes a call, once. Its answer is one of 2xx, or 308, by which an upload asks for more. The
// error is an [transfer.Again] if the call is worth making again.
func (b *bucket) do(ctx context.Context, c call) (*http.Response, error) {
	var body io.Reader
	if c.body != nil && c.size > 0 {
		body = c.body()
	}
	req, err := http.NewRequestWithContext(ctx, c.method, c.address, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = c.size
	req.Header.Set("User-Agent", "genbatch")
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	if b.project != "" {
		req.Header.Set("X-Goog-User-Project", b.project)
	}
	if b.tokens != nil && req.URL.Host == b.base.Host && req.URL.Scheme == b.base.Scheme {
		token, err := b.tokens.Token()
		if err != nil {
			return nil, b.noToken(ctx, c.key, err)
		}
		token.SetAuthHeader(req)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, b.wrong(c.key, ctx.Err())
		}
		return nil, transfer.Failed(ctx, b.wrong(c.key, err))
	}
	if resp.StatusCode/100 == 2 || resp.StatusCode == http.StatusPermanentRedirect {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what there is of it says enough
	return nil, b.refused(c.key, resp.StatusCode, text)
}

// decoded makes a call until it is answered, and reads the answer.
func (b *bucket) decoded(ctx context.Context, c call, v any) error {
	return transfer.Do(ctx, func(ctx context.Context) error {
		resp, err := b.do(ctx, c)
		if err != nil {
			return err
		}
		return b.decode(ctx, c.key, resp, v)
	})
}

// decode reads an answer, and closes it.
func (b *bucket) decode(ctx context.Context, key string, resp *http.Response, v any) error {
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && v != nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return transfer.Failed(ctx, b.wrong(key, cmp.Or(ctx.Err(), fmt.Errorf("the answer cannot be read: %w", err))))
	}
	return nil
}
