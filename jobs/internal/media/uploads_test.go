package media

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// An uploader is a client with the Files API of a gallery, a picture to upload, and a
// state folder.
type uploader struct {
	*jobtest.Gallery
	client  *gemini.Client
	picture string // a path
	medium  *batch.Media
	dir     string
	warned  strings.Builder
}

func newUploader(t *testing.T) *uploader {
	t.Helper()
	u := &uploader{Gallery: jobtest.NewGallery(t), picture: filepath.Join(t.TempDir(), "in", "big.png"), dir: t.TempDir()}
	u.medium = &pictureRequest(t, u.picture).Media[0]
	var err error
	u.client, err = gemini.New(gemini.Config{Endpoint: gemini.Endpoint{
		Name: "google", BaseURL: u.URL, Version: "v1beta", Auth: gemini.AuthNone, Facts: gemini.FactsOf("google"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// open opens the uploads as a new run does. The log keeps warnings alone.
func (u *uploader) open(fsys durable.FS, keyID string) *Uploads {
	u.warned.Reset()
	return OpenUploads(u.client, fsys, u.dir, keyID, slog.New(slog.NewTextHandler(&u.warned, &slog.HandlerOptions{Level: slog.LevelWarn})))
}

// check compares how often content was uploaded, and how often a file was looked at.
func (u *uploader) check(t *testing.T, what string, uploads, gets int) {
	t.Helper()
	u.Mu.Lock()
	defer u.Mu.Unlock()
	if u.Uploads != uploads || u.Gets != gets {
		t.Errorf("%s: %d uploads and %d looks at a file, want %d and %d", what, u.Uploads, u.Gets, uploads, gets)
	}
}

func mustGet(t *testing.T, u *Uploads, m *batch.Media) upload {
	t.Helper()
	x, err := u.get(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A client whose endpoint has no Files API has no uploads, and that is no mistake.
func TestNoUploads(t *testing.T) {
	u := newUploader(t)
	gateway, err := gemini.New(gemini.Config{Endpoint: gemini.Endpoint{Name: "gateway", BaseURL: u.URL, Version: "v1beta", Auth: gemini.AuthNone}})
	if err != nil {
		t.Fatal(err)
	}
	for name, client := range map[string]batch.Model{"a gateway": gateway, "another model": &failingModel{}} {
		none := OpenUploads(client, durable.FS{}, u.dir, "", slog.New(slog.DiscardHandler))
		if none != nil {
			t.Errorf("%s has uploads", name)
		}
		none.RemoveAll(t.Context())
	}
}

// An upload that comes to its end while the run goes on is made again, as is one
// that two rows wait for in vain.
func TestMediaUploadsInOneRun(t *testing.T) {
	g := newUploader(t)
	u := g.open(durable.FS{}, "")
	first, err := u.get(t.Context(), g.medium)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := u.get(t.Context(), g.medium); err != nil || again.Name != first.Name {
		t.Errorf("the second call comes to %q, %v, want %q", again.Name, err, first.Name)
	}
	first.Expires = time.Now().Add(uploadMargin / 2)
	u.known[first.id()] = first
	if late, err := u.get(t.Context(), g.medium); err != nil || late.Name == first.Name {
		t.Errorf("an upload that is about to expire is used: %q, %v", late.Name, err)
	}
	if err := os.WriteFile(g.picture, jobtest.Picture(t, 2, 4, 4), 0o600); err != nil {
		t.Fatal(err)
	}
	u.known = map[string]upload{}
	if _, err := u.get(t.Context(), g.medium); err == nil || !strings.Contains(err.Error(), "big.png: the file has changed") {
		t.Errorf("a changed file is uploaded: %v", err)
	}
}

// Rows that need the same content at the same time share one upload.
func TestUploadsAreShared(t *testing.T) {
	g := newUploader(t)
	u := g.open(durable.FS{}, "")
	names := make([]string, 16)
	var wg sync.WaitGroup
	for i := range names {
		wg.Go(func() {
			if x, err := u.get(t.Context(), g.medium); err != nil {
				t.Error(err)
			} else {
				names[i] = x.Name
			}
		})
	}
	wg.Wait()
	if len(slices.Compact(names)) != 1 {
		t.Errorf("the uploads are %q", names)
	}
	g.check(t, "16 rows", 1, 0)
}

// A later run uses what an earlier one has uploaded, if it belongs to the same key and
// is still there.
func TestUploadsOfEarlierRuns(t *testing.T) {
	g := newUploader(t)
	first := mustGet(t, g.open(durable.FS{}, "one"), g.medium)
	if again := mustGet(t, g.open(durable.FS{}, "one"), g.medium); again.Name != first.Name {
		t.Errorf("the second run uses %s, want %s", again.Name, first.Name)
	}
	g.check(t, "two runs", 1, 1)

	mustGet(t, g.open(durable.FS{}, "two"), g.medium)
	g.check(t, "another key", 2, 1)

	g.Mu.Lock()
	delete(g.Files, first.Name)
	g.Mu.Unlock()
	next := mustGet(t, g.open(durable.FS{}, "one"), g.medium)
	g.check(t, "a file that is gone", 3, 1)
	if again := mustGet(t, g.open(durable.FS{}, "one"), g.medium); again.Name != next.Name {
		t.Errorf("the run after that uses %s, want the last one, %s", again.Name, next.Name)
	}
}

// RemoveAll deletes what this key has uploaded, and later runs know of it.
func TestRemoveUploads(t *testing.T) {
	g := newUploader(t)
	other := mustGet(t, g.open(durable.FS{}, "two"), g.medium)
	first := mustGet(t, g.open(durable.FS{}, "one"), g.medium)
	g.open(durable.FS{}, "one").RemoveAll(t.Context())
	if !slices.Equal(g.Deleted, []string{first.Name}) || g.Files[other.Name] == nil {
		t.Errorf("deleted %q, want %q", g.Deleted, first.Name)
	}
	u := g.open(durable.FS{}, "one")
	if len(u.known) != 0 {
		t.Errorf("the next run knows of %v", u.known)
	}
	mustGet(t, u, g.medium)
	g.Close() // the API cannot be reached
	u.RemoveAll(t.Context())
	if !strings.Contains(g.warned.String(), "an upload is not deleted, and lives until ") || len(g.open(durable.FS{}, "one").known) != 1 {
		t.Errorf("without the API: %q", g.warned.String())
	}
}

// Each write of the ledger fails once, and is carried out or not. The row has its upload
// in either case, and the run is warned; a later run uploads at most once more.
func TestUploadsLedgerFaults(t *testing.T) {
	for _, op := range []durable.Op{durable.OpOpen, durable.OpWrite, durable.OpSync, durable.OpSyncDir} {
		for _, apply := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s applied %v", op, apply), func(t *testing.T) {
				g := newUploader(t)
				failed := false
				u := g.open(durable.FS{Hook: func(o durable.Op, _ string) (bool, error) {
					if o != op || failed {
						return true, nil
					}
					failed = true
					return apply, errors.New("injected")
				}}, "one")
				first := mustGet(t, u, g.medium)
				if got := strings.Count(g.warned.String(), "uploads are not remembered for later runs: injected"); got != 1 {
					t.Errorf("warned %d times: %q", got, g.warned.String())
				}
				if again := mustGet(t, u, g.medium); again.Name != first.Name {
					t.Errorf("this run uploads it again, as %s", again.Name)
				}
				written := op == durable.OpSync || op == durable.OpSyncDir || op == durable.OpWrite && apply
				last := mustGet(t, g.open(durable.FS{}, "one"), g.medium)
				if (last.Name == first.Name) != written {
					t.Errorf("the next run uses %s after %s", last.Name, first.Name)
				}
				if again := mustGet(t, g.open(durable.FS{}, "one"), g.medium); again.Name != last.Name {
					t.Errorf("the run after that uses %s, want %s", again.Name, last.Name)
				}
			})
		}
	}
}
