package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// metaPrefix begins the headers that hold metadata.
const metaPrefix = "X-Amz-Meta-"

// headerOf returns the header that holds metadata of a name. Many proxies allow no underscores
// in headers.
func headerOf(name string) string { return metaPrefix + strings.ReplaceAll(name, "_", "-") }

// Stat implements [objects.Reader].
func (b *bucket) Stat(ctx context.Context, key string) (objects.Info, error) {
	info, err := b.head(ctx, key)
	delete(info.Meta, markName)
	return info, err
}

// head returns what is known of an object, with the mark of its writing.
func (b *bucket) head(ctx context.Context, key string) (info objects.Info, err error) {
	err = transfer.Do(ctx, func(ctx context.Context) error {
		resp, err := b.do(ctx, call{method: http.MethodHead, key: key, about: key})
		if errors.Is(err, errNoText) {
			// An answer to HEAD has no text that says why, and one to GET has.
			if _, why := b.get(ctx, key, "", 0, 1); why != nil && why != io.EOF {
				return why
			}
		}
		if err != nil {
			return err
		}
		resp.Body.Close()
		info = objects.Info{Key: key, Size: resp.ContentLength, Version: etagOf(resp), Meta: make(map[string]string)}
		for name, values := range resp.Header {
			if name, ok := strings.CutPrefix(name, metaPrefix); ok {
				info.Meta[strings.ReplaceAll(strings.ToLower(name), "-", "_")] = values[0]
			}
		}
		if info.ModTime, err = http.ParseTime(resp.Header.Get("Last-Modified")); err != nil || info.Size < 0 || info.Version == "" {
			return b.wrong(key, errors.New("the store does not tell size, time and ETag of the object"))
		}
		return nil
	})
	if err != nil {
		return objects.Info{}, err
	}
	return info, nil
}

// ReadAt implements [objects.Reader].
func (b *bucket) ReadAt(ctx context.Context, key, version string, p []byte, off int64) (int, error) {
	n, err := transfer.ReadAt(ctx, p, off, func(ctx context.Context, off int64, n int) (transfer.Part, error) {
		part, err := b.get(ctx, key, version, off, n)
		if err == nil && version == "" {
			version = part.version // what follows is of the same object
		}
		return part.Part, err
	})
	if err == io.EOF && n == 0 && version != "" {
		// Not all stores look at the version before they look at the range.
		if o, err := b.head(ctx, key); err != nil {
			return 0, err
		} else if o.Version != version {
			return 0, b.wrong(key, objects.ErrChanged)
		}
	}
	return n, err
}

// A part is a part of a version of an object.
type part struct {
	transfer.Part
	version string
}

// get asks for n bytes of an object. The error is io.EOF if it ends before them.
func (b *bucket) get(ctx context.Context, key, version string, off int64, n int) (part, error) {
	c := call{method: http.MethodGet, key: key, about: key, header: map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", off, off+int64(n)-1)}}
	if version != "" {
		c.header["If-Match"] = `"` + version + `"`
	}
	resp, err := b.do(ctx, c)
	switch {
	case errors.Is(err, errRange):
		return part{}, io.EOF
	case errors.Is(err, errPrecondition):
		return part{}, b.wrong(key, objects.ErrChanged)
	case err != nil:
		return part{}, err
	}
	given, known := transfer.PartOf(resp)
	p := part{given, etagOf(resp)}
	switch {
	case !known:
		err = b.wrong(key, errors.New("the store does not say which part of the object it gives"))
	case version != "" && p.version != version:
		err = b.wrong(key, objects.ErrChanged)
	case off >= p.Size:
		err = io.EOF
	}
	if err != nil {
		resp.Body.Close()
	}
	return p, err
}

// A listing is a page of the objects of a bucket.
type listing struct {
	XMLName      xml.Name `xml:"ListBucketResult"`
	EncodingType string
	IsTruncated  bool
	Next         string `xml:"NextContinuationToken"`
	Contents     []struct {
		Key          string
		LastModified time.Time
		ETag         string
		Size         int64
	}
}

// List implements [objects.Reader].
func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[objects.Info, error] {
	return func(yield func(objects.Info, error) bool) {
		query := url.Values{"list-type": {"2"}, "prefix": {prefix}, "encoding-type": {"url"}}
		last := ""
		for {
			var page listing
			err := b.decoded(ctx, call{method: http.MethodGet, query: query, about: prefix}, &page)
			for _, o := range page.Contents {
				if page.EncodingType == "url" {
					if o.Key, err = url.QueryUnescape(o.Key); err != nil {
						break
					}
				}
				if o.Key <= last {
					err = b.wrong(prefix, errors.New("the store does not list objects in the order of their names, as directory buckets of S3 Express: use another bucket"))
					break
				}
				last = o.Key
				if !yield(objects.Info{Key: o.Key, Size: o.Size, ModTime: o.LastModified, Version: strings.Trim(o.ETag, `"`)}, nil) {
					return
				}
			}
			if err == nil && page.IsTruncated && page.Next == "" {
				err = b.wrong(prefix, errors.New("the store lists a part of the objects, and does not say how to go on"))
			}
			if err != nil {
				yield(objects.Info{}, err)
				return
			}
			if !page.IsTruncated {
				return
			}
			query.Set("continuation-token", page.Next)
		}
	}
}

// Remove implements [objects.Writer].
func (b *bucket) Remove(ctx context.Context, key string) error {
	err := b.decoded(ctx, call{method: http.MethodDelete, key: key, about: key}, nil)
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNoBucket) {
		return nil // some stores say so, and S3 does not
	}
	return err
}
