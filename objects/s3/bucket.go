package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// Stat implements [objects.Reader].
func (b *bucket) Stat(ctx context.Context, key string) (objects.Info, error) {
	o, err := b.head(ctx, key)
	if err != nil {
		return objects.Info{}, err
	}
	meta := metaOf(o)
	delete(meta, markName)
	return objects.Info{Key: key, Size: o.Size, ModTime: o.LastModified, Version: o.ETag, Meta: meta}, nil
}

func (b *bucket) head(ctx context.Context, key string) (o minio.ObjectInfo, err error) {
	err = transfer.Do(ctx, func(ctx context.Context) error {
		o, err = b.core.StatObject(ctx, b.name, key, minio.StatObjectOptions{})
		switch minio.ToErrorResponse(err).StatusCode {
		case http.StatusBadRequest, http.StatusForbidden:
			// An answer to HEAD has no text that says why, and one to GET has.
			if _, why := b.get(ctx, key, "", 0, 1); why != nil && !errors.Is(why, io.EOF) {
				return why
			}
		}
		return b.failed(ctx, key, err)
	})
	return o, err
}

// metaOf returns the metadata of an object. S3 keeps them as headers, in which many proxies
// allow no underscores.
func metaOf(o minio.ObjectInfo) map[string]string {
	meta := make(map[string]string, len(o.UserMetadata))
	for name, value := range o.UserMetadata {
		meta[strings.ReplaceAll(strings.ToLower(name), "-", "_")] = value
	}
	return meta
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
		} else if o.ETag != version {
			return 0, b.changed(key)
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
	var o minio.GetObjectOptions
	o.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+int64(n)-1))
	if version != "" {
		o.Set("If-Match", `"`+version+`"`)
	}
	body, info, header, err := b.core.GetObject(ctx, b.name, key, o)
	if err != nil {
		err = b.failed(ctx, key, err)
		switch {
		case errors.Is(err, errRange):
			return part{}, io.EOF
		case errors.Is(err, errPrecondition):
			return part{}, b.changed(key)
		}
		return part{}, err
	}
	if version != "" && info.ETag != version {
		body.Close()
		return part{}, b.changed(key)
	}
	p := part{transfer.Part{Body: body, Size: info.Size}, info.ETag}
	if given := header.Get("Content-Range"); given != "" {
		var last int64
		if _, err := fmt.Sscanf(given, "bytes %d-%d/%d", &p.Off, &last, &p.Size); err != nil {
			body.Close()
			return part{}, fmt.Errorf("s3://%s/%s: the store gives the range %q, which is not understood", b.name, key, given)
		}
	}
	return p, nil
}

func (b *bucket) changed(key string) error {
	return fmt.Errorf("s3://%s/%s: %w", b.name, key, objects.ErrChanged)
}

// List implements [objects.Reader].
func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[objects.Info, error] {
	return func(yield func(objects.Info, error) bool) {
		last, left, done := "", false, false
		for !done && !left {
			err := transfer.Do(ctx, func(ctx context.Context) error {
				begin := last
				owner := false
				o := minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: last, FetchOwner: &owner}
				for o := range b.core.ListObjectsIter(ctx, b.name, o) {
					switch {
					case o.Err != nil && last != begin:
						return nil // go on after the last one
					case o.Err != nil:
						return b.failed(ctx, prefix, o.Err)
					case o.Key <= last:
						return fmt.Errorf("s3://%s/%s: the store does not list objects in the order of their names, as directory buckets of S3 Express: use another bucket", b.name, prefix)
					}
					if !yield(objects.Info{Key: o.Key, Size: o.Size, ModTime: o.LastModified, Version: o.ETag}, nil) {
						left = true
						return nil
					}
					last = o.Key
				}
				done = true
				return ctx.Err() // which ends a listing like any other
			})
			if err != nil {
				yield(objects.Info{}, err)
				return
			}
		}
	}
}

// Remove implements [objects.Writer].
func (b *bucket) Remove(ctx context.Context, key string) error {
	return transfer.Do(ctx, func(ctx context.Context) error {
		err := b.core.RemoveObject(ctx, b.name, key, minio.RemoveObjectOptions{})
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return nil // some stores say so, and S3 does not
		}
		return b.failed(ctx, key, err)
	})
}
