package gcs

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

const (
	// chunkBytes is how much is sent in one call, and held in memory for that. So much is lost
	// when a connection is cut. Chunks must be multiples of 256 KiB.
	chunkBytes = 16 << 20

	// markName is the name of the metadata that tells a writing from all others. The answer to a
	// call may be lost, and only so the second call, which is refused since there is an object by
	// then, is known to be refused for our own.
	markName = "genbatch_write"

	// cleanup is how long a failed upload may take to be given up.
	cleanup = 15 * time.Second
)

// castagnoli is the polynomial of the sums that Cloud Storage keeps.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func base64Of(sum uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// A writing is the writing of one object.
type writing struct {
	*bucket
	key   string
	new   bool
	over  string // the version of the object that may be replaced; empty if any may
	mark  string
	meta  []byte // what is told of the object beforehand, in JSON
	sum   uint32 // CRC-32C of what was read so far
	parts *transfer.Parts
}

// Write implements [objects.Writer]. What fits into one chunk is sent in one call, and larger
// objects by an upload that can be resumed.
func (b *bucket) Write(ctx context.Context, key string, r io.Reader, o objects.WriteOptions) (objects.Info, error) {
	w := &writing{bucket: b, key: key, new: o.New, over: o.Over, mark: rand.Text(), parts: transfer.NewParts(r, o.Size, chunkBytes)}
	data, last, err := w.next(ctx)
	if err != nil {
		return objects.Info{}, err
	}
	about := map[string]any{"name": key, "contentType": "application/octet-stream"}
	meta := make(map[string]string)
	maps.Copy(meta, o.Meta)
	if o.New || o.Over != "" {
		meta[markName] = w.mark
	}
	about["metadata"] = meta
	if last {
		about["crc32c"] = base64Of(w.sum)
	}
	if w.meta, err = json.Marshal(about); err != nil {
		return objects.Info{}, err
	}
	var made resource
	if last {
		made, err = w.whole(ctx, data)
	} else {
		made, err = w.resumable(ctx, data)
	}
	if err != nil {
		return objects.Info{}, w.settled(err)
	}
	return w.checked(ctx, made)
}

// next returns the next chunk of what is written, and adds it to the sum.
func (w *writing) next(ctx context.Context) (data []byte, last bool, err error) {
	data, last, err = w.parts.Next()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, false, w.wrong(w.key, err)
	}
	w.sum = crc32.Update(w.sum, castagnoli, data)
	return data, last, nil
}

// settled returns the error of a writing.
func (w *writing) settled(err error) error {
	switch {
	case w.over != "" && (errors.Is(err, errPrecondition) || errors.Is(err, fs.ErrNotExist)):
		return w.wrong(w.key, fmt.Errorf("the object is another one, or is gone: %w", fs.ErrExist))
	case errors.Is(err, errPrecondition):
		return w.wrong(w.key, fmt.Errorf("there is such an object: %w", fs.ErrExist))
	}
	return err
}

// ours returns the object if it was made by an earlier call of the same writing. Otherwise it
// returns the error of the later one.
func (w *writing) ours(ctx context.Context, err error) (resource, error) {
	if errors.Is(err, errPrecondition) {
		if there, err := w.resource(ctx, w.key); err == nil && there.Metadata[markName] == w.mark {
			return there, nil
		}
	}
	return resource{}, err
}

// checked returns what is known of the object that was made, after a look at whether it holds
// what was sent.
func (w *writing) checked(ctx context.Context, made resource) (objects.Info, error) {
	info, err := made.info()
	if err != nil {
		return info, w.wrong(w.key, err)
	}
	if info.Size == w.parts.Read() && (made.CRC32C == "" || made.CRC32C == base64Of(w.sum)) {
		return info, nil
	}
	err = w.decoded(ctx, call{method: http.MethodDelete, address: w.address("", w.key, url.Values{"ifGenerationMatch": {made.Generation}}), key: w.key}, nil)
	text := "the store holds other bytes than were sent, so that the object was removed; run again"
	if err != nil {
		text = fmt.Sprintf("the store holds other bytes than were sent, and the object could not be removed (%v)", err)
	}
	return objects.Info{}, w.wrong(w.key, errors.New(text))
}

// start returns the address at which an upload begins.
func (w *writing) start(kind string) string {
	query := url.Values{"uploadType": {kind}, "name": {w.key}, "fields": {fields}}
	switch {
	case w.new:
		query.Set("ifGenerationMatch", "0")
	case w.over != "":
		query.Set("ifGenerationMatch", w.over)
	}
	return w.address("/upload", "", query)
}

func (w *writing) whole(ctx context.Context, data []byte) (made resource, err error) {
	boundary := rand.Text()
	var begin bytes.Buffer
	fmt.Fprintf(&begin, "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n%s\r\n", boundary, w.meta)
	fmt.Fprintf(&begin, "--%s\r\nContent-Type: application/octet-stream\r\n\r\n", boundary)
	end := "\r\n--" + boundary + "--\r\n"
	err = w.decoded(ctx, call{
		method: http.MethodPost, address: w.start("multipart"), key: w.key,
		header: map[string]string{"Content-Type": "multipart/related; boundary=" + boundary},
		size:   int64(begin.Len() + len(data) + len(end)),
		body: func() io.Reader {
			return io.MultiReader(bytes.NewReader(begin.Bytes()), bytes.NewReader(data), bytes.NewReader([]byte(end)))
		},
	}, &made)
	if err != nil {
		return w.ours(ctx, err)
	}
	return made, nil
}
