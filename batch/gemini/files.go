package gemini

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
)

const (
	// uploadChunk is the size of a chunk in Google's own SDKs.
	uploadChunk = 8 << 20
	// uploadFaults is how many exchanges of an upload may fail in a row.
	uploadFaults = 5
	// MaxFileBytes is the size of the largest file that the Files API takes.
	// https://ai.google.dev/gemini-api/docs/files
	MaxFileBytes = 2 << 30
)

// Files is the Files API of an endpoint. Media that are too large for a request are
// uploaded once, and kept there for 48 hours. The errors of its methods are of type
// *FileError. Files is safe for concurrent use.
// https://ai.google.dev/gemini-api/docs/files
type Files struct {
	client *Client

	// ActiveTimeout is how long [Files.WaitActive] waits. 0 means 10 min.
	ActiveTimeout time.Duration
}

// Files returns the client's Files API, or nil if the endpoint has none: only Google
// AI and the simulator are known to have it.
func (c *Client) Files() *Files {
	if !c.config.Endpoint.FilesAPI {
		return nil
	}
	return &Files{client: c}
}

// A File is a file that was uploaded.
type File struct {
	Name     string    `json:"name"` // files/abc
	URI      string    `json:"uri"`
	MIMEType string    `json:"mimeType"`
	State    string    `json:"state"` // PROCESSING, ACTIVE, FAILED
	Expires  time.Time `json:"expirationTime"`
	Error    *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// A FileError is why an exchange with the Files API gave no file. Its Outcome says what
// follows for the row that needs the file. Such an exchange never costs anything.
type FileError struct{ Outcome batch.Outcome }

func (e *FileError) Error() string {
	if e.Outcome.Err.Hint == "" {
		return e.Outcome.Err.Message
	}
	return e.Outcome.Err.Message + "; " + e.Outcome.Err.Hint
}

// NotFound reports whether the file does not exist, no longer exists, or belongs to
// another project. The API answers 403 in each of these cases.
func (e *FileError) NotFound() bool {
	s := e.Outcome.Err.HTTPStatus
	return s == http.StatusNotFound || s == http.StatusForbidden
}

func (e *FileError) transient() bool {
	return e.Outcome.Consequence == batch.Retry && e.Outcome.Err.HTTPStatus != http.StatusTooManyRequests
}

func fileErrorf(c batch.Consequence, s batch.Status, kind batch.Kind, hint, format string, args ...any) *FileError {
	return &FileError{batch.Outcome{Consequence: c, Status: s, Err: &batch.Error{Kind: kind, Message: fmt.Sprintf(format, args...), Hint: hint}}}
}

// Upload uploads size bytes of content in chunks. If a connection breaks, it asks the
// server how far it has come, and goes on from there. The name is shown in lists of
// files, and need not be unique. The file can be used once it is active; see
// [Files.WaitActive].
func (f *Files) Upload(ctx context.Context, content io.ReaderAt, size int64, mimeType, name string) (*File, error) {
	e := f.client.config.Endpoint
	about, err := json.Marshal(map[string]any{"file": map[string]string{"displayName": name}})
	if err != nil {
		return nil, err
	}
	reply, err := f.exchange(ctx, http.MethodPost, e.BaseURL+"/upload/"+e.Version+"/files", map[string]string{
		"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start",
		"X-Goog-Upload-Header-Content-Length": strconv.FormatInt(size, 10),
		"X-Goog-Upload-Header-Content-Type":   mimeType, "Content-Type": "application/json",
	}, io.NewSectionReader(bytes.NewReader(about), 0, int64(len(about))))
	if err != nil {
		return nil, err
	}
	session := reply.Header.Get("X-Goog-Upload-Url")
	if err := f.checkSession(session); err != nil {
		return nil, err
	}

	var offset int64
	unsure, faults := false, 0 // unsure: the server may not be at offset
	for {
		if unsure {
			reply, err = f.exchange(ctx, http.MethodPost, session, map[string]string{"X-Goog-Upload-Command": "query"}, nil)
		} else {
			n := min(uploadChunk, size-offset)
			command := "upload"
			if offset+n == size {
				command = "upload, finalize"
			}
			reply, err = f.exchange(ctx, http.MethodPost, session, map[string]string{
				"X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": strconv.FormatInt(offset, 10),
			}, io.NewSectionReader(content, offset, n))
			if err == nil {
				offset += n
				faults = 0
			}
		}
		if fault := (*FileError)(nil); errors.As(err, &fault) {
			faults++
			if !fault.transient() || faults >= uploadFaults || ctx.Err() != nil {
				return nil, err
			}
			unsure = true
			if err := pause(ctx, 200*time.Millisecond<<faults); err != nil {
				return nil, f.interrupted(ctx)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		status := strings.ToLower(reply.Header.Get("X-Goog-Upload-Status"))
		switch {
		case status == "final" || offset == size && !unsure:
			return readFile(reply)
		case status == "cancelled":
			return nil, fileErrorf(batch.Retry, "", batch.KindServer, "", "the Files API gave the upload up")
		case unsure:
			received, err := strconv.ParseInt(reply.Header.Get("X-Goog-Upload-Size-Received"), 10, 64)
			if err != nil || received < 0 || received > size {
				return nil, fileErrorf(batch.Retry, "", batch.KindServer, "", "the Files API does not say how much it has of the upload")
			}
			if received > offset {
				faults = 0
			}
			offset, unsure = min(received, size), false
		}
	}
}

// checkSession refuses an address to which the content would go unencrypted. The content
// may be private.
func (f *Files) checkSession(session string) error {
	if u, err := url.Parse(session); err == nil && f.client.trusted(u) {
		return nil
	}
	return fileErrorf(batch.Settled, batch.Failed, batch.KindConfig, hintAddress, "the endpoint gave no usable address for the upload")
}

// Get returns the current state of the file.
func (f *Files) Get(ctx context.Context, name string) (*File, error) {
	reply, err := f.exchange(ctx, http.MethodGet, f.url(name), nil, nil)
	if err != nil {
		return nil, err
	}
	return readFile(reply)
}

// Delete removes the file. It is no error if the file no longer exists.
func (f *Files) Delete(ctx context.Context, name string) error {
	_, err := f.exchange(ctx, http.MethodDelete, f.url(name), nil, nil)
	if fault := (*FileError)(nil); errors.As(err, &fault) && fault.NotFound() {
		return nil
	}
	return err
}

// WaitActive waits until the API has processed the file. That takes a while for films.
// If the file cannot be processed, the row is rejected.
func (f *Files) WaitActive(ctx context.Context, file *File) error {
	limit := f.ActiveTimeout
	if limit == 0 {
		limit = 10 * time.Minute
	}
	deadline := time.Now().Add(limit)
	for wait := time.Second; ; wait = min(2*wait, 10*time.Second) {
		switch file.State {
		case "", "STATE_UNSPECIFIED", "ACTIVE":
			return nil
		case "FAILED":
			why := "no reason is given"
			if file.Error != nil && file.Error.Message != "" {
				why = f.client.redactor("").String(file.Error.Message)
			}
			return fileErrorf(batch.Settled, batch.Rejected, batch.KindRequest, "check that the file is whole, and of the type that it is sent as",
				"the Files API cannot process the file: %s", why)
		}
		if time.Until(deadline) < wait {
			return fileErrorf(batch.Settled, batch.Failed, batch.KindTimeout, "run again: the upload is remembered",
				"the Files API has not processed the file within %v", limit)
		}
		if err := pause(ctx, wait); err != nil {
			return f.interrupted(ctx)
		}
		now, err := f.Get(ctx, file.Name)
		if fault := (*FileError)(nil); errors.As(err, &fault) && fault.transient() {
			continue
		}
		if err != nil {
			return err
		}
		*file = *now
	}
}

// interrupted returns the error for a ctx that has ended.
func (f *Files) interrupted(ctx context.Context) error {
	return fileErrorf(batch.Retry, "", batch.KindTransport, "", "the upload was given up: %v", context.Cause(ctx))
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *Files) url(name string) string {
	e := f.client.config.Endpoint
	return e.BaseURL + "/" + e.Version + "/files/" + url.PathEscape(strings.TrimPrefix(name, "files/"))
}

// readFile reads the description of a file. The last answer of an upload wraps it in an
// object.
func readFile(r *Reply) (*File, error) {
	var wrapped struct {
		File json.RawMessage `json:"file"`
	}
	text := wire.Camel(r.Body)
	if json.Unmarshal(text, &wrapped) == nil && wrapped.File != nil {
		text = wrapped.File
	}
	var file File
	if err := json.Unmarshal(text, &file); err != nil && !wire.Tolerable(err) || file.Name == "" || file.URI == "" {
		return nil, fileErrorf(batch.Retry, "", batch.KindAnswer, "", "the Files API answered without a file")
	}
	return &file, nil
}

// exchange makes one exchange with the Files API. The server names the address of an
// upload, which may be on another host.
func (f *Files) exchange(ctx context.Context, method, address string, header map[string]string, body *io.SectionReader) (*Reply, error) {
	reply, o := f.client.Call(ctx, &Call{Method: method, Address: address, Header: header, Body: body})
	if o == nil {
		return reply, nil
	}
	o.MaybeBilled, o.Limits = false, nil
	if o.Consequence == batch.SlowDown || o.Consequence == batch.Park {
		o.Consequence = batch.Retry // the limit is not one of the model
	}
	o.Err.Message = "the Files API: " + o.Err.Message
	k, none := o.Err.Kind, slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, o.Err.HTTPStatus)
	if none || o.Consequence == batch.Stop && k != batch.KindKey && k != batch.KindBilling {
		// A proxy in front of Google may have no Files API. Rows without uploads go on.
		o.Consequence, o.Status, o.Refusal, o.Err.Hint = batch.Settled, batch.Failed, "", "use smaller files, or their https:// addresses"
	}
	return nil, &FileError{*o}
}
