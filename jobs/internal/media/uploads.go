package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/durable"
)

const (
	// uploadsFile is the ledger of uploads in a job's state folder: the last record of a
	// content counts. Without it media are uploaded again.
	uploadsFile = "uploads.jsonl"

	// uploadLife is how long a file lives that does not say so itself.
	// https://ai.google.dev/gemini-api/docs/files
	uploadLife = 48 * time.Hour
	// uploadMargin is how long an upload must still live for a request to use it.
	uploadMargin = 30 * time.Minute
)

// An upload is a medium that the Files API holds.
type upload struct {
	SHA256   string    `json:"sha256"`
	MIMEType string    `json:"mime_type"`
	Key      string    `json:"key"` // identifies the API key: uploads belong to its project
	Name     string    `json:"name"`
	URI      string    `json:"uri"`
	Expires  time.Time `json:"expires"`
	Gone     bool      `json:"gone,omitempty"` // it was deleted

	checked bool // it was still there when this run looked
}

// id identifies what was uploaded.
func (x upload) id() string { return x.SHA256 + " " + x.MIMEType }

// lives reports whether a request may still use the upload.
func (x upload) lives() bool { return time.Until(x.Expires) > uploadMargin }

// Uploads are the media that a job has uploaded. Each content is uploaded once for all
// rows and runs, and again only if the upload has expired or is gone. A nil *Uploads
// stands for an endpoint without a Files API. Uploads is safe for concurrent use.
type Uploads struct {
	files *gemini.Files
	keyID string
	log   *slog.Logger

	mu      sync.Mutex
	ledger  durable.Ledger[upload]
	known   map[string]upload  // by id
	flights map[string]*flight // uploads under way
	failed  map[string]error   // what the API could not process
}

// A flight is an upload under way. All rows that need the content wait for it.
type flight struct {
	done chan struct{}
	err  error // an error of the Files API, which concerns all who wait; set before done is closed
}

// A filer is a client whose endpoint may have a Files API.
type filer interface {
	Files() *gemini.Files // nil if the endpoint has none
}

// OpenUploads returns the uploads that the state folder dir knows of, as far as they
// belong to the API key that keyID identifies. New ones are recorded there. It returns
// nil if the client has no Files API. If the folder cannot be read or written, it warns,
// and later runs upload once more.
func OpenUploads(client batch.Model, fsys durable.FS, dir, keyID string, log *slog.Logger) *Uploads {
	c, ok := client.(filer)
	if !ok || c.Files() == nil {
		return nil
	}
	u := &Uploads{
		files: c.Files(), keyID: keyID, log: log, ledger: durable.Ledger[upload]{FS: fsys, Path: filepath.Join(dir, uploadsFile)},
		known: make(map[string]upload), flights: make(map[string]*flight), failed: make(map[string]error),
	}
	records, err := u.ledger.Read()
	if err != nil {
		log.Warn("what was uploaded before is not known, and uploaded again: " + err.Error())
	}
	for _, x := range records {
		switch {
		case x.Key != keyID:
		case x.Gone:
			delete(u.known, x.id())
		default:
			u.known[x.id()] = x
		}
	}
	return u
}

// uploadOf returns the upload that a medium would have, without what the API says of it.
func uploadOf(m *batch.Media) upload {
	return upload{SHA256: hex.EncodeToString(m.SHA256[:]), MIMEType: m.MIMEType}
}

// get returns the upload of a medium, and makes it if there is none. Callers that need
// the same content wait for the first of them.
func (u *Uploads) get(ctx context.Context, m *batch.Media) (upload, error) {
	id := uploadOf(m).id()
	for {
		u.mu.Lock()
		x, f, err := u.known[id], u.flights[id], u.failed[id]
		first := f == nil && err == nil && !(x.checked && x.lives())
		if first {
			f = &flight{done: make(chan struct{})}
			u.flights[id] = f
		}
		u.mu.Unlock()
		switch {
		case err != nil:
			return upload{}, err
		case first:
			return u.fly(ctx, f, m, x)
		case f == nil:
			return x, nil
		}
		select {
		case <-f.done:
			if f.err != nil {
				return upload{}, f.err
			}
		case <-ctx.Done():
			return upload{}, ctx.Err()
		}
	}
}

// fly makes sure of the upload of a medium for all who wait for the flight. Errors other
// than those of the Files API are the caller's alone: whoever waits then tries itself.
func (u *Uploads) fly(ctx context.Context, f *flight, m *batch.Media, old upload) (upload, error) {
	x, err := u.ensure(ctx, m, old)
	id := uploadOf(m).id()
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.flights, id)
	if fault, ok := errors.AsType[*gemini.FileError](err); ok {
		f.err = err
		if fault.Outcome.Consequence == batch.Settled {
			u.failed[id] = err
		}
	}
	if err == nil {
		x.checked = true
		u.known[id] = x
	}
	close(f.done)
	return x, err
}

// ensure returns the old upload of a medium if it is still there, or else a new one.
func (u *Uploads) ensure(ctx context.Context, m *batch.Media, old upload) (upload, error) {
	if old.Name != "" && old.lives() {
		file, err := u.files.Get(ctx, old.Name)
		if err == nil && file.State != "FAILED" {
			return old, u.files.WaitActive(ctx, file)
		}
		if fault, ok := errors.AsType[*gemini.FileError](err); ok && !fault.NotFound() {
			return upload{}, err
		}
	}
	content, err := openContent(m)
	if err != nil {
		return upload{}, err
	}
	defer content.Close()
	if err := unchanged(content, m); err != nil {
		return upload{}, err
	}
	x := uploadOf(m)
	u.log.Info("uploading a medium", "path", m.Path, "bytes", m.Size)
	file, err := u.files.Upload(ctx, content, m.Size, m.MIMEType, "genbatch "+x.SHA256[:16])
	if err != nil {
		return upload{}, err
	}
	x.Key, x.Name, x.URI, x.Expires = u.keyID, file.Name, file.URI, file.Expires
	if x.Expires.IsZero() {
		x.Expires = time.Now().Add(uploadLife)
	}
	// The upload has read the file a second time, and it may have changed in between.
	if err := unchanged(content, m); err != nil {
		_ = u.files.Delete(ctx, x.Name) // if that fails, the file expires by itself
		return upload{}, err
	}
	u.record(x)
	return x, u.files.WaitActive(ctx, file)
}

// unchanged returns an error if a medium's content has another SHA-256 than its row was
// made with.
func unchanged(content io.ReaderAt, m *batch.Media) error {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(content, 0, m.Size+1)); err != nil {
		return fmt.Errorf("%s cannot be read: %w", m.Path, err)
	}
	if [sha256.Size]byte(h.Sum(nil)) != m.SHA256 {
		return fmt.Errorf("%s: %w", m.Path, errChanged)
	}
	return nil
}

// record notes uploads for later runs. If that fails they are uploaded again, which is
// no reason to fail a row.
func (u *Uploads) record(all ...upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.ledger.Append(all...); err != nil {
		u.log.Warn("uploads are not remembered for later runs: " + err.Error())
	}
}

// forget drops uploads that are gone, so that the next row which needs one uploads its
// content again.
func (u *Uploads) forget(gone []upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, x := range gone {
		if u.known[x.id()].Name == x.Name {
			delete(u.known, x.id())
		}
	}
}

// RemoveAll deletes what the job has uploaded. It warns of what it cannot delete, which
// expires by itself.
func (u *Uploads) RemoveAll(ctx context.Context) {
	if u == nil {
		return
	}
	u.mu.Lock()
	all := slices.Collect(maps.Values(u.known))
	u.mu.Unlock()
	var gone []upload
	for _, x := range all {
		if time.Until(x.Expires) > 0 {
			if err := u.files.Delete(ctx, x.Name); err != nil {
				u.log.Warn("an upload is not deleted, and lives until " + x.Expires.Local().Format("2006-01-02 15:04") + ": " + err.Error())
				continue
			}
		}
		x.Gone = true
		gone = append(gone, x)
	}
	u.forget(gone)
	if len(gone) > 0 {
		u.record(gone...)
	}
}
