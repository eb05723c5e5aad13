package objectpeer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/azure"
	"github.com/genbatch/genbatch/objects/gcs"
	"github.com/genbatch/genbatch/objects/s3"
)

const slowDown = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`

// faultyS3 opens a bucket of a store that fails.
func faultyS3(t *testing.T, f *objecttest.Faults) objects.Bucket {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	f.Store, f.Busy = gofakes3.New(backend).Server(), slowDown
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	s3Environment(t, srv.URL)
	b, err := s3.Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func faultyGCS(t *testing.T, f *objecttest.Faults) objects.Bucket {
	t.Helper()
	f.Busy = `{"error":{"code":503,"message":"We encountered an internal error. Please try again."}}`
	fakeGCS(t, func(store http.Handler) http.Handler { f.Store = store; return f })
	b, err := gcs.Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func faultyAzure(t *testing.T, f *objecttest.Faults) objects.Bucket {
	t.Helper()
	w := newAzurite(t)
	target, err := url.Parse(w.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	f.Store = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	f.Busy = `<?xml version="1.0" encoding="utf-8"?><Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>`
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	w.endpoint = srv.URL + target.Path
	w.connect(t)
	return w.open(t)
}

// TestFaults has nearly every third request or answer go wrong. What is read is right nevertheless, and
// what was made new is made once.
func TestFaults(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *objecttest.Faults) objects.Bucket{"s3": faultyS3, "gcs": faultyGCS, "azure": faultyAzure} {
		t.Run(name, func(t *testing.T) {
			f := &objecttest.Faults{Chance: 0.3}
			b := open(t, f)
			var group sync.WaitGroup
			var keys []string
			for i := range 24 {
				key := fmt.Sprintf("faults/%02d", i)
				keys = append(keys, key)
				group.Go(func() {
					content := objecttest.Random(1000*(i+1), byte(i))
					if i%3 == 0 {
						content = objecttest.Random(20<<20, byte(i))
					}
					if err := roundTrip(t.Context(), b, key, content); err != nil {
						t.Errorf("%s: %v", key, err)
					}
				})
			}
			group.Wait()
			var listed []string
			for info, err := range b.List(t.Context(), "faults/") {
				if err != nil {
					t.Fatal(err)
				}
				listed = append(listed, info.Key)
			}
			if !slices.Equal(listed, keys) {
				t.Errorf("the listing has %q", listed)
			}
			for _, key := range keys {
				if err := b.Remove(t.Context(), key); err != nil {
					t.Error(err)
				}
			}
			if missing := f.Missing(); len(missing) > 0 {
				t.Errorf("these faults have not happened: %q", missing)
			}
		})
	}
}

// roundTrip makes a new object, which must succeed although answers are lost, and reads it.
func roundTrip(ctx context.Context, b objects.Bucket, key string, content []byte) error {
	meta := map[string]string{"n": fmt.Sprint(len(content))}
	made, err := b.Write(ctx, key, bytes.NewReader(content), objects.WriteOptions{New: true, Meta: meta})
	if err != nil {
		return err
	}
	there, err := b.Stat(ctx, key)
	if err != nil || there.Version != made.Version || there.Size != int64(len(content)) || there.Meta["n"] != meta["n"] || len(there.Meta) != 1 {
		return fmt.Errorf("written as %+v and there is %+v, %w", made, there, err)
	}
	got := make([]byte, len(content)+1)
	for off := 0; ; {
		n, err := b.ReadAt(ctx, key, made.Version, got[off:min(off+5<<20, len(got))], int64(off))
		off += n
		if err == io.EOF {
			if !bytes.Equal(got[:off], content) {
				return errors.New("other bytes are read than were written")
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// A store that is away for good ends in an error within the time that readers wait, and one that
// does not answer ends with the context. No goroutine is left.
func TestStandstill(t *testing.T) {
	stalled := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	for name, open := range map[string]func(context.Context, string) (objects.Bucket, error){"s3": s3.Open, "gcs": gcs.Open, "azure": azure.Open} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			srv := httptest.NewServer(stalled)
			s3Environment(t, srv.URL)
			t.Setenv("STORAGE_EMULATOR_HOST", srv.URL)
			clearAzure(t)
			azuriteWorld{endpoint: srv.URL}.connect(t)
			b, err := open(t.Context(), bucket)
			if err != nil {
				t.Fatal(err)
			}
			for method, call := range map[string]func(context.Context) error{
				"Stat":   func(ctx context.Context) error { _, err := b.Stat(ctx, "a"); return err },
				"ReadAt": func(ctx context.Context) error { _, err := b.ReadAt(ctx, "a", "", make([]byte, 9), 0); return err },
				"Write": func(ctx context.Context) error {
					_, err := b.Write(ctx, "a", strings.NewReader("x"), objects.WriteOptions{})
					return err
				},
				"Remove": func(ctx context.Context) error { return b.Remove(ctx, "a") },
				"List": func(ctx context.Context) (err error) {
					for _, err = range b.List(ctx, "") {
					}
					return err
				},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				begin := time.Now()
				if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s gives %v", method, err)
				}
				if d := time.Since(begin); d > 5*time.Second {
					t.Errorf("%s returned %v after its context ended", method, d)
				}
				cancel()
			}
			srv.Close()
			deadline := time.Now().Add(10 * time.Second)
			for runtime.NumGoroutine() > before+1 { // the runtime's own come and go
				if time.Now().After(deadline) {
					stacks := make([]byte, 1<<16)
					t.Fatalf("there were %d goroutines, and are %d:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}
