package s3

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

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
	over string            // the version of the object that may be replaced; empty if any may
	meta map[string]string // headers
	mark string
}

// Write implements [objects.Writer]. What fits into one part is sent in one call, and larger
// objects in parts, which the store puts together at the end.
func (b *bucket) Write(ctx context.Context, key string, r io.Reader, o objects.WriteOptions) (objects.Info, error) {
	limit := int64(partBytes)
	if needed := (o.Size + maxParts - 1) / maxParts; needed > limit {
		limit = (needed + 1<<20 - 1) &^ (1<<20 - 1)
	}
	w := writing{bucket: b, key: key, new: o.New, over: o.Over, meta: make(map[string]string), mark: rand.Text()}
	parts := transfer.NewParts(r, o.Size, limit)
	data, last, err := w.next(ctx, parts)
	if err != nil {
		return objects.Info{}, err
	}
	for name, value := range o.Meta {
		w.meta[headerOf(name)] = value
	}
	var version string
	if last {
		version, err = w.whole(ctx, data)
	} else {
		version, err = w.multipart(ctx, data, parts)
	}
	if err == nil && version == "" {
		err = w.wrong(key, errors.New("the store gives no ETag, so that changes cannot be seen"))
	}
	if err != nil {
		return objects.Info{}, err
	}
	return objects.Info{Key: key, Size: parts.Read(), Version: version, Meta: maps.Clone(o.Meta)}, nil
}

// next returns the next part of what is written.
func (w *writing) next(ctx context.Context, parts *transfer.Parts) (data []byte, last bool, err error) {
	data, last, err = parts.Next()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, false, w.wrong(w.key, err)
	}
	return data, last, nil
}

// condition adds what must hold for the object to be made to the headers of the call that makes it.
func (w *writing) condition(header map[string]string) map[string]string {
	switch {
	case w.new:
		header["If-None-Match"] = "*"
	case w.over != "":
		header["If-Match"] = `"` + w.over + `"`
	}
	return header
}

func (w *writing) whole(ctx context.Context, data []byte) (version string, err error) {
	if w.new || w.over != "" {
		w.meta[headerOf(markName)] = w.mark
	}
	c := call{method: http.MethodPut, key: w.key, about: w.key, header: w.condition(w.meta), body: data}
	if c.body == nil {
		c.body = []byte{}
	}
	err = transfer.Do(ctx, func(ctx context.Context) error {
		resp, err := w.do(ctx, c)
		if errors.Is(err, errConflict) {
			return &transfer.Again{Err: err} // then it is known whether the other one has made it
		}
		if err != nil {
			return err
		}
		version = etagOf(resp)
		return resp.Body.Close()
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
	if headErr == nil && there.Meta[markName] == w.mark {
		return there.Version, nil
	}
	if w.over != "" && (errors.Is(err, errPrecondition) || errors.Is(err, errConflict) || errors.Is(err, fs.ErrNotExist)) {
		return "", w.otherThere()
	}
	if errors.Is(err, errPrecondition) || errors.Is(err, errConflict) && headErr == nil {
		return "", w.wrong(w.key, fmt.Errorf("there is such an object: %w", fs.ErrExist))
	}
	return "", err
}

// otherThere returns the error of an object that is not the one that may be replaced.
func (w *writing) otherThere() error {
	return w.wrong(w.key, fmt.Errorf("the object is another one, or is gone: %w", fs.ErrExist))
}

// multipart sends parts, of which the first one is given.
func (w *writing) multipart(ctx context.Context, data []byte, parts *transfer.Parts) (version string, err error) {
	if w.new { // if there is an object, nothing needs to be sent
		if _, err := w.head(ctx, w.key); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = w.wrong(w.key, fmt.Errorf("there is such an object: %w", fs.ErrExist))
			}
			return "", err
		}
	}
	if w.over != "" {
		switch there, err := w.head(ctx, w.key); {
		case errors.Is(err, fs.ErrNotExist), err == nil && there.Version != w.over:
			return "", w.otherThere()
		case err != nil:
			return "", err
		}
	}
	w.meta[headerOf(markName)] = w.mark
	var begun struct{ UploadId string }
	err = w.decoded(ctx, call{method: http.MethodPost, key: w.key, about: w.key, query: url.Values{"uploads": {""}}, header: w.meta}, &begun)
	if err == nil && begun.UploadId == "" {
		err = w.wrong(w.key, errors.New("the store begins no upload"))
	}
	if err != nil {
		return "", err
	}
	upload := url.Values{"uploadId": {begun.UploadId}}
	sent, err := w.send(ctx, begun.UploadId, data, parts)
	if err == nil {
		var made struct{ ETag string }
		err = w.decoded(ctx, call{method: http.MethodPost, key: w.key, about: w.key, query: upload, header: w.condition(make(map[string]string)), body: sent}, &made)
		if version, err = w.settled(ctx, strings.Trim(made.ETag, `"`), err); err == nil {
			// Some stores answer with another ETag than the object has from then on.
			if there, err := w.head(ctx, w.key); err == nil && there.Meta[markName] == w.mark {
				version = there.Version
			}
			return version, nil
		}
	}
	return "", w.abort(ctx, upload, err)
}

// A completion is what the store puts together.
type completion struct {
	XMLName xml.Name `xml:"CompleteMultipartUpload"`
	Part    []sentPart
}

type sentPart struct {
	PartNumber int
	ETag       string
}

// send sends the parts of an upload, and returns the completion that names them.
func (w *writing) send(ctx context.Context, upload string, data []byte, parts *transfer.Parts) (complete []byte, err error) {
	var sent completion
	for last := false; ; {
		number := len(sent.Part) + 1
		if number > maxParts {
			return nil, w.wrong(w.key, fmt.Errorf("an object whose size is not known beforehand may have %d GiB", maxParts*partBytes>>30))
		}
		query := url.Values{"uploadId": {upload}, "partNumber": {fmt.Sprint(number)}}
		err := transfer.Do(ctx, func(ctx context.Context) error {
			resp, err := w.do(ctx, call{method: http.MethodPut, key: w.key, about: w.key, query: query, body: data})
			if err != nil {
				return err
			}
			sent.Part = append(sent.Part, sentPart{number, resp.Header.Get("Etag")})
			return resp.Body.Close()
		})
		if err != nil {
			return nil, err
		}
		if last {
			return xml.Marshal(sent)
		}
		if data, last, err = w.next(ctx, parts); err != nil {
			return nil, err
		}
	}
}

// abort removes the parts of a failed upload, and returns why it failed. Its context may have
// ended.
func (w *writing) abort(ctx context.Context, upload url.Values, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	err := w.decoded(ctx, call{method: http.MethodDelete, key: w.key, about: w.key, query: upload}, nil)
	if err != nil && !errors.Is(err, errNoUpload) {
		return fmt.Errorf("%w; the parts that were sent are left in the bucket (%v)", why, err)
	}
	return why
}
