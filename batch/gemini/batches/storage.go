package batches

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/redact"
)

// emulatorVariable names the variable that moves Cloud Storage to an emulator, for the
// library as for Google's own tools.
const emulatorVariable = "STORAGE_EMULATOR_HOST"

// A storage is where Vertex AI reads requests and writes results: a bucket of Cloud
// Storage, and a prefix in it. https://cloud.google.com/storage/docs
type storage struct {
	client         *gemini.Client
	bucket, prefix string // prefix is empty, or ends in a slash
}

// newStorage reads a place of the form gs://bucket/prefix, which upload needs. It sends
// nothing.
func newStorage(client *gemini.Client, place string) (*storage, error) {
	if place == "" {
		return &storage{client: client}, nil
	}
	bucket, prefix, ok := cutObject(place)
	if !ok {
		return nil, fmt.Errorf("the bucket %q is not of the form gs://bucket/prefix", place)
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return &storage{client, bucket, prefix}, nil
}

// cutObject divides gs://bucket/name.
func cutObject(address string) (bucket, name string, ok bool) {
	rest, ok := strings.CutPrefix(address, "gs://")
	bucket, name, _ = strings.Cut(rest, "/")
	return bucket, name, ok && bucket != ""
}

// The objects that an upload makes, in a folder of the job's own. Two jobs with one folder
// could overwrite each other's results.
const (
	inputObject = "input.jsonl"
	testObject  = "write-test"
)

// place returns the address at which the requests of a job with a name are.
func (s *storage) place(name string) string {
	return "gs://" + s.bucket + "/" + s.prefix + name + "/" + inputObject
}

// upload writes requests. A job whose results cannot be written is billed all the same, so
// that the folder is tried out before.
func (s *storage) upload(ctx context.Context, name string, requests *io.SectionReader) (string, error) {
	if s.bucket == "" {
		return "", failed(batch.KindConfig, "name one with --batch-bucket gs://bucket/prefix", "Vertex AI reads batches from a bucket of Cloud Storage, and none is given")
	}
	address, folder, b := s.place(name), s.prefix+name+"/", s.open(s.bucket)
	if err := tryOut(ctx, b, folder+testObject); err != nil {
		return "", err
	}
	if err := b.write(ctx, folder+inputObject, "application/jsonl", requests, requests.Size()); err != nil {
		return "", storageError("written", address, err)
	}
	return address, nil
}

// tryOut writes, reads and deletes an object.
func tryOut(ctx context.Context, b *bucket, name string) error {
	const text = "genbatch tries out whether it may write, read and delete here\n"
	address := "gs://" + b.name + "/" + name
	if err := b.write(ctx, name, "text/plain", strings.NewReader(text), int64(len(text))); err != nil {
		return storageError("written", address, err)
	}
	content, err := b.read(ctx, name)
	if err != nil {
		return storageError("read", address, err)
	}
	defer content.Close()
	back, err := io.ReadAll(io.LimitReader(content, int64(len(text))+1))
	if err != nil {
		return storageError("read", address, err)
	}
	if string(back) != text {
		return failed(batch.KindConfig, "", "Cloud Storage returns something else for %s than was written there", address)
	}
	if err := b.remove(ctx, name); err != nil {
		return storageError("deleted", address, err)
	}
	return nil
}

// remove deletes what upload has made, also if it did not come to its end.
func (s *storage) remove(ctx context.Context, address string) error {
	bucket, name, ok := cutObject(address)
	if !ok || name == "" {
		return nil
	}
	names := []string{name}
	if folder, ok := strings.CutSuffix(name, "/"+inputObject); ok {
		names = append(names, folder+"/"+testObject)
	}
	for _, name := range names {
		if err := s.removeOne(ctx, s.open(bucket), name); err != nil {
			return err
		}
	}
	return nil
}

// removeOne deletes an object. It is no error if there is none.
func (s *storage) removeOne(ctx context.Context, b *bucket, name string) error {
	if err := b.remove(ctx, name); err != nil {
		if e := storageError("deleted", "gs://"+b.name+"/"+name, err); !e.NotFound() {
			return e
		}
	}
	return nil
}

// removeAll deletes all objects in a folder.
func (s *storage) removeAll(ctx context.Context, folder string) error {
	bucket, name, ok := cutObject(folder)
	if !ok || strings.Trim(name, "/") == "" { // never the whole bucket
		return nil
	}
	b := s.open(bucket)
	for o, err := range b.list(ctx, strings.TrimSuffix(name, "/")+"/") {
		if err != nil {
			return storageError("listed", folder, err)
		}
		if err := s.removeOne(ctx, b, o.Name); err != nil {
			return err
		}
	}
	return nil
}

// read returns what all objects in a folder hold, one after another. A long job writes its
// results in several.
func (s *storage) read(ctx context.Context, folder string) (io.ReadCloser, error) {
	bucket, name, ok := cutObject(folder)
	if !ok {
		return nil, failed(batch.KindAnswer, "", "the results are at %q, which is no folder of Cloud Storage", folder)
	}
	r := &shards{ctx: ctx, bucket: s.open(bucket)}
	for o, err := range r.bucket.list(ctx, strings.TrimSuffix(name, "/")+"/") {
		if err != nil {
			return nil, storageError("listed", folder, err)
		}
		if !o.empty() {
			r.names = append(r.names, o.Name)
		}
	}
	if len(r.names) == 0 {
		e := failed(batch.KindAnswer, "", "there are no results in %s", folder)
		e.HTTPStatus = http.StatusNotFound
		return nil, e
	}
	return r, nil
}

// shards reads objects one after another. Each begins a line.
type shards struct {
	ctx     context.Context
	bucket  *bucket
	names   []string // those that are still to be read
	current io.ReadCloser
	last    byte // the last byte that was read
}

func (r *shards) Read(p []byte) (int, error) {
	for {
		if r.current == nil {
			switch {
			case len(r.names) == 0:
				return 0, io.EOF
			case r.last != 0 && r.last != '\n' && len(p) > 0:
				p[0], r.last = '\n', '\n'
				return 1, nil
			}
			var err error
			if r.current, err = r.bucket.read(r.ctx, r.names[0]); err != nil {
				return 0, storageError("read", r.address(), err)
			}
		}
		n, err := r.current.Read(p)
		if n > 0 {
			r.last = p[n-1]
		}
		switch {
		case err == io.EOF:
			err = r.current.Close()
			r.current, r.names = nil, r.names[1:]
		case err != nil:
			err = storageError("read", r.address(), err)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (r *shards) Close() error {
	if r.current == nil {
		return nil
	}
	return r.current.Close()
}

// address is that of the object that is being read.
func (r *shards) address() string { return "gs://" + r.bucket.name + "/" + r.names[0] }

// storageError says why something in Cloud Storage could not be done. None of it creates a
// job, so that it can be done again.
func storageError(done, object string, err error) *Error {
	status, why := 0, err.Error()
	if fault, ok := errors.AsType[*statusError](err); ok {
		status, why = fault.status, fault.message
	}
	e := failed(batch.KindTransport, "", "%s cannot be %s: %s", object, done, new(redact.Redactor).Line(why, 500))
	e.HTTPStatus = status
	switch {
	case status == http.StatusNotFound:
		e.Kind, e.Hint = batch.KindConfig, "check --batch-bucket: the bucket must exist"
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		e.Kind, e.Hint = batch.KindKey, "the account needs the role roles/storage.objectUser on the bucket"
	case status == http.StatusTooManyRequests:
		e.Kind = batch.KindQuota
	case status >= 500:
		e.Kind = batch.KindServer
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind = batch.KindTimeout
	}
	return e
}
