package batches

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// A bucket is a bucket of Cloud Storage, over the four calls of its JSON API that batches
// need. Google's own client, and the libraries over it, bring gRPC along: with them the
// binary has twice its size, and takes twice as long to start.
// https://cloud.google.com/storage/docs/json_api
type bucket struct {
	client *http.Client // adds the token
	base   string       // the address of the service
	name   string
}

// An object is one of a bucket's.
type object struct {
	Name string `json:"name"`
	Size string `json:"size"` // in bytes
}

// A statusError is an answer other than 2xx.
type statusError struct {
	status  int
	message string
}

func (e *statusError) Error() string { return e.message }

func (s *storage) open(name string) *bucket {
	base := "https://storage.googleapis.com"
	if host := os.Getenv(emulatorVariable); host != "" {
		if base = host; !strings.Contains(host, "://") {
			base = "http://" + host
		}
	}
	return &bucket{s.client.StorageClient(), strings.TrimSuffix(base, "/"), name}
}

// write makes an object of size bytes, in the place of an older one.
func (b *bucket) write(ctx context.Context, name, contentType string, content io.Reader, size int64) error {
	address := b.base + "/upload/storage/v1/b/" + url.PathEscape(b.name) + "/o?uploadType=media&name=" + url.QueryEscape(name)
	resp, err := b.do(ctx, http.MethodPost, address, contentType, content, size)
	return drained(resp, err)
}

// read returns the content of an object.
func (b *bucket) read(ctx context.Context, name string) (io.ReadCloser, error) {
	resp, err := b.do(ctx, http.MethodGet, b.object(name)+"?alt=media", "", nil, 0)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// remove deletes an object.
func (b *bucket) remove(ctx context.Context, name string) error {
	resp, err := b.do(ctx, http.MethodDelete, b.object(name), "", nil, 0)
	return drained(resp, err)
}

// list ranges over the objects whose names begin with a prefix, in the order of their names.
// An error is the last thing yielded.
func (b *bucket) list(ctx context.Context, prefix string) iter.Seq2[object, error] {
	return func(yield func(object, error) bool) {
		for token := ""; ; {
			query := url.Values{"prefix": {prefix}, "fields": {"nextPageToken,items(name,size)"}}
			if token != "" {
				query.Set("pageToken", token)
			}
			var page struct {
				Items         []object `json:"items"`
				NextPageToken string   `json:"nextPageToken"`
			}
			resp, err := b.do(ctx, http.MethodGet, b.base+"/storage/v1/b/"+url.PathEscape(b.name)+"/o?"+query.Encode(), "", nil, 0)
			if err == nil {
				err = json.NewDecoder(resp.Body).Decode(&page)
				resp.Body.Close()
			}
			if err != nil {
				yield(object{}, err)
				return
			}
			for _, o := range page.Items {
				if !yield(o, nil) {
					return
				}
			}
			if token = page.NextPageToken; token == "" {
				return
			}
		}
	}
}

// empty reports whether an object has no bytes, as those that stand for folders.
func (o object) empty() bool {
	n, err := strconv.ParseInt(o.Size, 10, 64)
	return err == nil && n == 0
}

func (b *bucket) object(name string) string {
	return b.base + "/storage/v1/b/" + url.PathEscape(b.name) + "/o/" + url.PathEscape(name)
}

// do makes one call. The error is a *statusError if there was an answer.
func (b *bucket) do(ctx context.Context, method, address, contentType string, body io.Reader, size int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = size
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := b.client.Do(req)
	if err != nil || resp.StatusCode/100 == 2 {
		return resp, err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what there is of it says enough
	message := messageOf(text)
	if message == "" && !bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")) {
		message = strings.TrimSpace(string(text))
	}
	return nil, &statusError{resp.StatusCode, cmp.Or(message, http.StatusText(resp.StatusCode), fmt.Sprintf("HTTP %d", resp.StatusCode))}
}

// drained closes an answer that says nothing more than that it is one.
func drained(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return err
}

// messageOf returns the message of an error in JSON; empty if there is none.
func messageOf(text []byte) string {
	var v struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(text, &v) // a page in another form has no such message
	return v.Error.Message
}
