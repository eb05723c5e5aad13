package gcs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// fields are what is asked for of an object.
const fields = "name,size,updated,generation,metadata,crc32c"

// A resource is what the API tells of an object.
type resource struct {
	Name       string            `json:"name"`
	Size       string            `json:"size"` // in bytes
	Updated    time.Time         `json:"updated"`
	Generation string            `json:"generation"`
	Metadata   map[string]string `json:"metadata"`
	CRC32C     string            `json:"crc32c"`
}

func (r resource) info() (objects.Info, error) {
	size, err := strconv.ParseInt(r.Size, 10, 64)
	if err != nil || r.Generation == "" {
		return objects.Info{}, fmt.Errorf("the store tells of no size or generation of %q", r.Name)
	}
	meta := r.Metadata
	delete(meta, markName)
	return objects.Info{Key: r.Name, Size: size, ModTime: r.Updated, Version: r.Generation, Meta: meta}, nil
}

// Stat implements [objects.Reader].
func (b *bucket) Stat(ctx context.Context, key string) (objects.Info, error) {
	r, err := b.resource(ctx, key)
	if err != nil {
		return objects.Info{}, err
	}
	return r.info()
}

func (b *bucket) resource(ctx context.Context, key string) (r resource, err error) {
	err = b.decoded(ctx, call{method: http.MethodGet, address: b.address("", key, url.Values{"fields": {fields}}), key: key}, &r)
	return r, err
}

// ReadAt implements [objects.Reader].
func (b *bucket) ReadAt(ctx context.Context, key, version string, p []byte, off int64) (int, error) {
	n, err := transfer.ReadAt(ctx, p, off, func(ctx context.Context, off int64, n int) (transfer.Part, error) {
		part, generation, err := b.part(ctx, key, version, off, n)
		if version == "" {
			version = generation // what follows is of the same object
		}
		return part, err
	})
	if err == io.EOF && n == 0 && version != "" {
		// An emulator may look at the range before it looks at the generation.
		if r, err := b.resource(ctx, key); err != nil {
			return 0, err
		} else if r.Generation != version {
			return 0, b.wrong(key, objects.ErrChanged)
		}
	}
	return n, err
}

// part asks for n bytes of an object. The error is io.EOF if it ends before them.
func (b *bucket) part(ctx context.Context, key, version string, off int64, n int) (p transfer.Part, generation string, err error) {
	query := url.Values{"alt": {"media"}}
	if version != "" {
		query.Set("ifGenerationMatch", version)
	}
	resp, err := b.do(ctx, call{
		method: http.MethodGet, address: b.address("", key, query), key: key,
		// Without the second header the store would decompress what is stored compressed.
		header: map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", off, off+int64(n)-1), "Accept-Encoding": "gzip"},
	})
	switch {
	case errors.Is(err, errRange):
		return p, "", io.EOF
	case errors.Is(err, errPrecondition):
		return p, "", b.wrong(key, objects.ErrChanged)
	case err != nil:
		return p, "", err
	}
	generation = resp.Header.Get("X-Goog-Generation")
	p, known := transfer.PartOf(resp)
	switch {
	case !known:
		err = b.wrong(key, errors.New("the store does not say which part of the object it gives"))
	case version != "" && generation != "" && generation != version:
		err = b.wrong(key, objects.ErrChanged)
	case p.Size == 0 || off >= p.Size:
		err = io.EOF
	}
	if err != nil {
		resp.Body.Close()
	}
	return p, generation, err
}

// List implements [objects.Reader].
func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[objects.Info, error] {
	return func(yield func(objects.Info, error) bool) {
		query := url.Values{"prefix": {prefix}, "fields": {"nextPageToken,items(name,size,updated,generation)"}}
		for {
			var page struct {
				Items         []resource `json:"items"`
				NextPageToken string     `json:"nextPageToken"`
			}
			if err := b.decoded(ctx, call{method: http.MethodGet, address: b.address("", "", query), key: prefix}, &page); err != nil {
				yield(objects.Info{}, err)
				return
			}
			for _, r := range page.Items {
				info, err := r.info()
				if !yield(info, err) || err != nil {
					return
				}
			}
			if page.NextPageToken == "" {
				return
			}
			query.Set("pageToken", page.NextPageToken)
		}
	}
}

// Remove implements [objects.Writer].
func (b *bucket) Remove(ctx context.Context, key string) error {
	err := b.decoded(ctx, call{method: http.MethodDelete, address: b.address("", key, nil), key: key}, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
