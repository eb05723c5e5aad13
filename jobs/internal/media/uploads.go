package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/durable"
)

const (
	// UploadsFile holds what was uploaded, one upload a line: the last one of its
	// content counts. Without it, media are uploaded again.
	UploadsFile = "uploads.jsonl"

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
	Key      string    `json:"key"` // names the key: uploads belong to its project
	Name     string    `json:"name"`
	URI      string    `json:"uri"`
	Expires  time.Time `json:"expires"`
	Gone     bool      `json:"gone,omitempty"`

	sure bool // it was there in this run
}

// Uploads are the media that a job has uploaded: each content once, for all rows
// and runs, as long as it lives. It is safe for concurrent use.
type Uploads struct {
	files *gemini.Files
	fs    durable.FS
	path  string
	key   string
	log   *slog.Logger

	mu     sync.Mutex
	torn   bool // the file does not end with a line: a crash cut it
	known  map[string]upload
	under  map[string]*flight // uploads under way
	failed map[string]error   // what the API could not process
}

// A flight is an upload under way.
type flight struct {
	done chan struct{}
	err  error // of the Files API, for all who wait; set before done is closed
}

// OpenUploads returns the uploads that the file at path remembers, as far as they
// belong to the key, and remembers new ones there. The log hears of what goes wrong with
// that, which costs uploads and nothing else.
func OpenUploads(files *gemini.Files, fsys durable.FS, path, key string, log *slog.Logger) *Uploads {
	u := &Uploads{files: files, fs: fsys, path: path, key: key, log: log,
		known: make(map[string]upload), under: make(map[string]*flight), failed: make(map[string]error)}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("what was uploaded before is not known, and uploaded again: " + err.Error())
	}
	u.torn = len(text) > 0 && text[len(text)-1] != '\n'
	for line := range bytes.Lines(text) {
		var x upload
		if json.Unmarshal(line, &x) != nil || x.Key != key {
			continue // cut by a crash, or of another project
		}
		if u.known[x.id()] = x; x.Gone {
			delete(u.known, x.id())
		}
	}
	return u
}

func (x upload) id() string { return x.SHA256 + " " + x.MIMEType }

func (x upload) lives() bool { return time.Until(x.Expires) > uploadMargin }

// get returns the upload of a medium, which it makes unless there is one. Callers
// that want the same one wait for the first.
func (u *Uploads) get(ctx context.Context, m *batch.Media) (upload, error) {
	id := upload{SHA256: hex.EncodeToString(m.SHA256[:]), MIMEType: m.MIMEType}.id()
	for {
		u.mu.Lock()
		x, known := u.known[id]
		err, under := u.failed[id], u.under[id]
		if under == nil && err == nil && !(known && x.sure && x.lives()) {
			under = &flight{done: make(chan struct{})}
			u.under[id] = under
			u.mu.Unlock()
			x, err := u.make(ctx, m, x)
			u.mu.Lock()
			delete(u.under, id)
			if fault := (*gemini.FileError)(nil); errors.As(err, &fault) {
				under.err = err
				if fault.Outcome.Consequence == batch.Settled {
					u.failed[id] = err
				}
			}
			close(under.done)
			if err == nil {
				x.sure = true
				u.known[id] = x
			}
			u.mu.Unlock()
			return x, err
		}
		u.mu.Unlock()
		if err != nil {
			return upload{}, err
		}
		if under == nil {
			return x, nil
		}
		select {
		case <-under.done:
			if under.err != nil {
				return upload{}, under.err
			}
		case <-ctx.Done():
			return upload{}, ctx.Err()
		}
	}
}

// make uploads a medium, or makes sure that an earlier upload is still there.
func (u *Uploads) make(ctx context.Context, m *batch.Media, old upload) (upload, error) {
	if old.Name != "" && old.lives() {
		file, err := u.files.Get(ctx, old.Name)
		if err == nil && file.State != "FAILED" {
			return old, u.files.WaitActive(ctx, file)
		}
		if fault := (*gemini.FileError)(nil); errors.As(err, &fault) && !fault.NotFound() {
			return upload{}, err
		}
	}
	content, err := mediaContent(m)
	if err != nil {
		return upload{}, err
	}
	defer content.Close()
	at, ok := content.(io.ReaderAt)
	if m.Data != nil {
		at, ok = bytes.NewReader(m.Data), true
	}
	if !ok {
		return upload{}, fmt.Errorf("%s cannot be read in parts", m.Path)
	}
	if err := unchanged(at, m); err != nil {
		return upload{}, err
	}
	sum := hex.EncodeToString(m.SHA256[:])
	u.log.Info("uploading a medium", "path", m.Path, "bytes", m.Size)
	file, err := u.files.Upload(ctx, at, m.Size, m.MIMEType, "genbatch "+sum[:16])
	if err != nil {
		return upload{}, err
	}
	x := upload{SHA256: sum, MIMEType: m.MIMEType, Key: u.key, Name: file.Name, URI: file.URI, Expires: file.Expires}
	if x.Expires.IsZero() {
		x.Expires = time.Now().Add(uploadLife)
	}
	if err := unchanged(at, m); err != nil { // it was read a second time
		_ = u.files.Delete(ctx, x.Name) // else it goes by itself
		return upload{}, err
	}
	u.remember(x)
	return x, u.files.WaitActive(ctx, file)
}

// unchanged compares a medium's content with its SHA-256.
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

// remember notes an upload for later runs. Where that fails they upload again.
func (u *Uploads) remember(all ...upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var lines []byte
	if u.torn {
		lines = append(lines, '\n')
	}
	for _, x := range all {
		line, _ := json.Marshal(x) // texts and a time
		lines = append(append(lines, line...), '\n')
	}
	a, err := u.fs.OpenAppend(u.path)
	if err == nil {
		if _, err = a.Write(lines); err == nil {
			err = a.Sync()
		}
		err = errors.Join(err, a.Close(), u.fs.SyncDir(filepath.Dir(u.path)))
	}
	if err != nil {
		u.log.Warn("uploads are not remembered for later runs: " + err.Error())
	}
	u.torn = err != nil
}

// decay has uploads made again that are not there any more.
func (u *Uploads) forget(lost []upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, x := range lost {
		if u.known[x.id()].Name == x.Name {
			delete(u.known, x.id())
		}
	}
}

// RemoveAll deletes what the job has uploaded.
func (u *Uploads) RemoveAll(ctx context.Context) {
	if u == nil {
		return
	}
	u.mu.Lock()
	var all []upload
	for _, x := range u.known {
		all = append(all, x)
	}
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
		u.remember(gone...)
	}
}
