package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

const (
	// partBytes is how much is sent in one call, and held in memory for that. Cloudflare R2 takes
	// only parts of one size.
	partBytes = 16 << 20
	maxParts  = 10_000

	// markName is the name of the metadata that tells a writing from all others. The answer to a
	// call may be lost, and only so the second call, which is refused since there is an object by
	// then, is known to be refused for our own.
	markName = "genbatch_write"

	// cleanup is how long the parts of a failed upload may take to be removed.
	cleanup = 15 * time.Second
)

// A writing is the writing of one object.
type writing struct {
	*bucket
	key  string
	new  bool
	meta map[string]string // as S3 has it, with the mark
	mark string
}

// Write implements [objects.Writer]. What fits into one part is sent in one call, and larger
// objects in parts, which the store puts together at the end.
func (b *bucket) Write(ctx context.Context, key string, r io.Reader, o objects.WriteOptions) (objects.Info, error) {
	limit := int64(partBytes)
	if needed := (o.Size + maxParts - 1) / maxParts; needed > limit {
		limit = (needed + 1<<20 - 1) &^ (1<<20 - 1)
	}
	parts := transfer.NewParts(r, o.Size, limit)
	data, last, err := parts.Next()
	if err != nil {
		return objects.Info{}, b.refused(ctx, key, err)
	}
	w := writing{bucket: b, key: key, new: o.New, meta: make(map[string]string), mark: rand.Text()}
	for name, value := range o.Meta {
		w.meta[strings.ReplaceAll(name, "_", "-")] = value
	}
	var version string
	if last {
		version, err = w.whole(ctx, data)
	} else {
		version, err = w.multipart(ctx, data, parts)
	}
	if err == nil && version == "" {
		err = fmt.Errorf("s3://%s/%s: the store gives no ETag, so that changes cannot be seen", b.name, key)
	}
	if err != nil {
		return objects.Info{}, err
	}
	return objects.Info{Key: key, Size: parts.Read(), Version: version, Meta: maps.Clone(o.Meta)}, nil
}

// refused returns the error of what cannot be written.
func (b *bucket) refused(ctx context.Context, key string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("s3://%s/%s: %w", b.name, key, err)
}

// condition returns the options of the call that makes the object.
func (w *writing) condition() (o minio.PutObjectOptions) {
	if w.new {
		o.SetMatchETagExcept("*")
	}
	o.DisableContentSha256 = true // sums are given instead
	return o
}

// marked adds the mark to the metadata.
func (w *writing) marked() map[string]string {
	w.meta[strings.ReplaceAll(markName, "_", "-")] = w.mark
	return w.meta
}

// sums returns what the store compares with what it gets. Without TLS it is the signature that
// covers it.
func (b *bucket) sums(data []byte) (md5Base64, sha256Hex string) {
	sum := md5.Sum(data)
	if b.plain && b.credentials != nil {
		sum := sha256.Sum256(data)
		sha256Hex = hex.EncodeToString(sum[:])
	}
	return base64.StdEncoding.EncodeToString(sum[:]), sha256Hex
}

func (w *writing) whole(ctx context.Context, data []byte) (version string, err error) {
	o := w.condition()
	if o.UserMetadata = w.meta; w.new {
		o.UserMetadata = w.marked()
	}
	md5Base64, sha256Hex := w.sums(data)
	err = transfer.Do(ctx, func(ctx context.Context) error {
		made, err := w.core.PutObject(ctx, w.name, w.key, bytes.NewReader(data), int64(len(data)), md5Base64, sha256Hex, o)
		version = made.ETag
		err = w.failed(ctx, w.key, err)
		if errors.Is(err, errConflict) {
			return &transfer.Again{Err: err} // then it is known whether the other one has made it
		}
		return err
	})
	return w.settled(ctx, version, err)
}

// settled returns the version of what was made. If the store refuses to make a new object, or
// does not know an upload any more, the object may be there by an earlier call of the same
// writing.
func (w *writing) settled(ctx context.Context, version string, err error) (string, error) {
	if err == nil || ctx.Err() != nil {
		return version, err
	}
	there, headErr := w.head(ctx, w.key)
	if headErr == nil && metaOf(there)[markName] == w.mark {
		return there.ETag, nil
	}
	if errors.Is(err, errPrecondition) || errors.Is(err, errConflict) && headErr == nil {
		return "", fmt.Errorf("s3://%s/%s: there is such an object: %w", w.name, w.key, fs.ErrExist)
	}
	return "", err
}

// multipart sends parts, of which the first one is given.
func (w *writing) multipart(ctx context.Context, data []byte, parts *transfer.Parts) (version string, err error) {
	if w.new { // is there an object, nothing needs to be sent
		if _, err := w.head(ctx, w.key); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = fmt.Errorf("s3://%s/%s: there is such an object: %w", w.name, w.key, fs.ErrExist)
			}
			return "", err
		}
	}
	var id string
	err = transfer.Do(ctx, func(ctx context.Context) (err error) {
		id, err = w.core.NewMultipartUpload(ctx, w.name, w.key, minio.PutObjectOptions{UserMetadata: w.marked()})
		return w.failed(ctx, w.key, err)
	})
	if err != nil {
		return "", err
	}
	complete, err := w.send(ctx, id, data, parts)
	if err == nil {
		err = transfer.Do(ctx, func(ctx context.Context) error {
			made, err := w.core.CompleteMultipartUpload(ctx, w.name, w.key, id, complete, w.condition())
			version = made.ETag
			return w.failed(ctx, w.key, err)
		})
		if version, err = w.settled(ctx, version, err); err == nil {
			// Some stores answer with another ETag than the object has from then on.
			if there, err := w.head(ctx, w.key); err == nil && metaOf(there)[markName] == w.mark {
				version = there.ETag
			}
			return version, nil
		}
	}
	return "", w.abort(ctx, id, err)
}

// send sends the parts of an upload.
func (w *writing) send(ctx context.Context, id string, data []byte, parts *transfer.Parts) (sent []minio.CompletePart, err error) {
	for last := false; ; {
		number := len(sent) + 1
		if number > maxParts {
			return nil, fmt.Errorf("s3://%s/%s: an object whose size is not known beforehand may have %d GiB", w.name, w.key, maxParts*partBytes>>30)
		}
		md5Base64, sha256Hex := w.sums(data)
		err := transfer.Do(ctx, func(ctx context.Context) error {
			made, err := w.core.PutObjectPart(ctx, w.name, w.key, id, number, bytes.NewReader(data), int64(len(data)),
				minio.PutObjectPartOptions{Md5Base64: md5Base64, Sha256Hex: sha256Hex, DisableContentSha256: true})
			if err != nil {
				return w.failed(ctx, w.key, err)
			}
			sent = append(sent, minio.CompletePart{PartNumber: number, ETag: made.ETag})
			return nil
		})
		if err != nil || last {
			return sent, err
		}
		if data, last, err = parts.Next(); err != nil {
			return nil, w.refused(ctx, w.key, err)
		}
	}
}

// abort removes the parts of a failed upload, and returns why it failed. Its context may have
// ended.
func (w *writing) abort(ctx context.Context, id string, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	err := transfer.Do(ctx, func(ctx context.Context) error {
		err := w.core.AbortMultipartUpload(ctx, w.name, w.key, id)
		if minio.ToErrorResponse(err).Code == minio.NoSuchUpload {
			return nil
		}
		return w.failed(ctx, w.key, err)
	})
	if err != nil {
		return fmt.Errorf("%w; the parts that were sent are left in the bucket (%v)", why, err)
	}
	return why
}
