package azure

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// An authorizer makes a request one that the service lets through. It is safe for concurrent use.
type authorizer interface {
	// authorize changes what a request has in its header and its URL. All else is complete, and
	// stays as it is.
	authorize(ctx context.Context, r *http.Request) error
}

// A sharedKey signs requests with the key of the account.
type sharedKey struct {
	account string
	key     []byte
}

// authorize implements [authorizer].
func (k sharedKey) authorize(_ context.Context, r *http.Request) error {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(stringToSign(k.account, r)))
	r.Header.Set("Authorization", "SharedKey "+k.account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

// stringToSign has what a signature is about. See "Authorize with Shared Key" in the REST
// documentation of Azure Storage, for version 2015-02-21 and later.
func stringToSign(account string, r *http.Request) string {
	length := ""
	if r.ContentLength > 0 {
		length = strconv.FormatInt(r.ContentLength, 10)
	}
	lines := []string{r.Method, r.Header.Get("Content-Encoding"), r.Header.Get("Content-Language"), length}
	for _, name := range []string{"Content-MD5", "Content-Type"} {
		lines = append(lines, r.Header.Get(name))
	}
	lines = append(lines, "") // the date, which stands in x-ms-date
	for _, name := range []string{"If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"} {
		lines = append(lines, r.Header.Get(name))
	}
	lines = append(lines, canonicalHeaders(r.Header)...)
	return strings.Join(append(lines, canonicalResource(account, r.URL)), "\n")
}

// canonicalHeaders returns the lines of the headers x-ms-, in the order in which the service sorts
// them.
func canonicalHeaders(h http.Header) []string {
	values := make(map[string]string)
	for name, v := range h {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-ms-") {
			values[name] = strings.TrimSpace(strings.Join(v, ","))
		}
	}
	// The service sorts as .NET does in a culture and not bytewise: hyphens do not count, and an
	// underscore comes before digits and letters. Microsoft's SDK for Go has weights to the same
	// effect in shared_key_credential.go. It matters for the names of metadata.
	order := strings.NewReplacer("-", "", "_", " ")
	names := slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return strings.Compare(order.Replace(a), order.Replace(b))
	})
	for i, name := range names {
		names[i] = name + ":" + values[name]
	}
	return names
}

// canonicalResource returns the lines of the URL. With the emulator the account stands in it
// twice, since its path begins with the account.
func canonicalResource(account string, u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	lines := []string{"/" + account + path}
	query := u.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		lines = append(lines, strings.ToLower(name)+":"+strings.Join(slices.Sorted(slices.Values(query[name])), ","))
	}
	return strings.Join(lines, "\n")
}

// A signature is a shared access signature, which stands in the query of each request.
type signature string

// authorize implements [authorizer].
func (s signature) authorize(_ context.Context, r *http.Request) error {
	if r.URL.RawQuery != "" {
		r.URL.RawQuery += "&"
	}
	r.URL.RawQuery += string(s)
	return nil
}

// anonymous authorizes nothing, which is enough for what is public. It says why there is nothing
// better.
type anonymous string

// authorize implements [authorizer].
func (anonymous) authorize(context.Context, *http.Request) error { return nil }
