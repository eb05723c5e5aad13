package gcs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// An upload is one that can be resumed: the store says how much of it it holds.
// https://cloud.google.com/storage/docs/performing-resumable-uploads
type upload struct {
	*writing
	session string // its address, which is permission enough
	made    resource
	done    bool
}

// resumable sends chunks, of which the first one is given.
func (w *writing) resumable(ctx context.Context, data []byte) (made resource, err error) {
	u := &upload{writing: w}
	err = transfer.Do(ctx, func(ctx context.Context) error {
		resp, err := w.do(ctx, call{
			method: http.MethodPost, address: w.start("resumable"), key: w.key,
			header: map[string]string{"Content-Type": "application/json; charset=UTF-8"},
			size:   int64(len(w.meta)), body: func() io.Reader { return bytes.NewReader(w.meta) },
		})
		if err != nil {
			return err
		}
		resp.Body.Close()
		if u.session = resp.Header.Get("Location"); u.session == "" {
			return w.wrong(w.key, errors.New("the store begins no upload"))
		}
		return nil
	})
	if err != nil {
		return resource{}, err
	}
	begin := int64(0)
	for last := false; ; {
		if err = u.send(ctx, data, begin, last); err != nil || u.done {
			break
		}
		begin += int64(len(data))
		if data, last, err = w.next(ctx); err != nil {
			break
		}
	}
	if err != nil {
		if made, err = w.ours(ctx, err); err == nil {
			return made, nil
		}
		return resource{}, u.abort(ctx, err)
	}
	return u.made, nil
}

// send sends one chunk, which begins at an offset of the object. If a connection is cut, it asks
// how much has come, and sends the rest.
func (u *upload) send(ctx context.Context, data []byte, begin int64, last bool) error {
	c := chunk{data: data, begin: begin, end: begin + int64(len(data)), total: "*"}
	if last {
		c.total = fmt.Sprint(c.end)
	}
	at := begin // what the store is known to hold
	for !u.done && (at < c.end || last) {
		unsure := at == c.end
		err := transfer.Do(ctx, func(ctx context.Context) error {
			held := at
			if unsure {
				var err error
				if held, err = u.put(ctx, c, c.end); err != nil || u.done {
					return err
				}
			}
			if unsure = true; held == at && at < c.end {
				var err error
				if held, err = u.put(ctx, c, at); err != nil || u.done {
					return err
				}
			}
			if held == at {
				return &transfer.Again{Err: u.wrong(u.key, errors.New("the store takes nothing more of the upload"))}
			}
			if held < at || held > c.end {
				return u.wrong(u.key, fmt.Errorf("the store holds %d bytes of the upload, and had %d of %d", held, at, c.end))
			}
			at = held
			return nil
		})
		if err != nil {
			return err
		}
		if u.done && !last {
			return u.wrong(u.key, errors.New("the store ends the upload before its end"))
		}
	}
	return nil
}

// A chunk is what is sent in one call.
type chunk struct {
	data       []byte
	begin, end int64
	total      string // the size of the object; * = not known yet
}

// put sends what stands in a chunk from an offset on, or asks if there is nothing. It returns how
// many bytes of the object the store holds.
func (u *upload) put(ctx context.Context, c chunk, at int64) (held int64, err error) {
	put := call{method: http.MethodPut, address: u.session, key: u.key, header: map[string]string{"Content-Range": "bytes */" + c.total}}
	if rest := c.data[at-c.begin:]; len(rest) > 0 {
		put.header["Content-Range"] = fmt.Sprintf("bytes %d-%d/%s", at, c.end-1, c.total)
		put.size, put.body = int64(len(rest)), func() io.Reader { return bytes.NewReader(rest) }
		if c.total != "*" {
			put.header["X-Goog-Hash"] = "crc32c=" + base64Of(u.sum)
		}
	}
	resp, err := u.do(ctx, put)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, u.wrong(u.key, errGone) // an upload that is not there, and no object
	}
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusPermanentRedirect {
		err := u.decode(ctx, u.key, resp, &u.made)
		u.done = err == nil
		return 0, err
	}
	resp.Body.Close()
	held, err = heldOf(resp)
	if err != nil {
		return 0, u.wrong(u.key, err)
	}
	return held, nil
}

// heldOf returns how many bytes of an upload the store says to hold.
func heldOf(resp *http.Response) (n int64, err error) {
	given := resp.Header.Get("Range")
	if given == "" {
		return 0, nil
	}
	if _, err := fmt.Sscanf(given, "bytes=0-%d", &n); err != nil {
		return 0, fmt.Errorf("the store says that it holds %q of the upload, which is not understood", given)
	}
	return n + 1, nil
}

// abort gives up an upload, and returns why. Its context may have ended.
func (u *upload) abort(ctx context.Context, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	// What is not given up now, the store gives up after a week. It is no object until then, and
	// its answer is 499, which says that the client has gone away.
	if resp, err := u.do(ctx, call{method: http.MethodDelete, address: u.session, key: u.key}); err == nil {
		resp.Body.Close()
	}
	return why
}
