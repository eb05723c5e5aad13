// Package cloud has what the batches of Vertex AI use of Google Cloud: Cloud Storage, which
// others serve, and the import of rows into a table.
package cloud

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A Storage is a server of Cloud Storage, by its JSON API.
// https://cloud.google.com/storage/docs/json_api/v1
type Storage struct {
	Address string
	Client  *http.Client
}

// An Error is a refusal by Cloud Storage.
type Error struct {
	Status int
	what   string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: status %d", e.what, e.Status) }

// cutObject splits gs://bucket/object.
func cutObject(uri string) (bucket, object string, ok bool) {
	rest, ok := strings.CutPrefix(uri, "gs://")
	bucket, object, _ = strings.Cut(rest, "/")
	return bucket, object, ok && bucket != ""
}

// do makes a call about an object, and hands what comes back to read.
func (s *Storage) do(method, path, uri string, body io.Reader, size int64, read func(io.Reader) error) error {
	r, err := http.NewRequestWithContext(context.Background(), method, strings.TrimSuffix(s.Address, "/")+path, body)
	if err != nil {
		return err
	}
	if body != nil {
		r.ContentLength = size
		r.Header.Set("Content-Type", "application/jsonl")
	}
	resp, err := s.Client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &Error{resp.StatusCode, method + " " + uri}
	}
	return read(resp.Body)
}

func discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// Get appends an object to a content.
func (s *Storage) Get(uri string, to io.Writer) error {
	bucket, object, _ := cutObject(uri)
	return s.do(http.MethodGet, "/storage/v1/b/"+url.PathEscape(bucket)+"/o/"+url.PathEscape(object)+"?alt=media", uri, nil, 0, func(r io.Reader) error {
		if _, err := io.Copy(to, r); err != nil {
			return err
		}
		_, err := to.Write([]byte("\n")) // the last line may lack its end
		return err
	})
}

// Stat finds out whether an object is there.
func (s *Storage) Stat(uri string) error {
	bucket, object, _ := cutObject(uri)
	return s.do(http.MethodGet, "/storage/v1/b/"+url.PathEscape(bucket)+"/o/"+url.PathEscape(object), uri, nil, 0, discard)
}

// Put writes an object.
func (s *Storage) Put(uri string, body io.Reader, size int64) error {
	bucket, object, _ := cutObject(uri)
	return s.do(http.MethodPost, "/upload/storage/v1/b/"+url.PathEscape(bucket)+"/o?uploadType=media&name="+url.QueryEscape(object), uri, body, size, discard)
}
