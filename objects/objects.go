// Package objects reads and writes objects: files in an object store, each named by an
// address such as s3://bucket/folder/rows.parquet.
//
// A store is reached by its driver, which a program registers before it opens a job:
//
//	objects.Register("s3", s3.Open)    // package objects/s3: Amazon S3 and what speaks its protocol
//	objects.Register("gs", gcs.Open)   // package objects/gcs: Google Cloud Storage
//	objects.Register("az", azure.Open) // package objects/azure: Azure Blob Storage
//
// So it links only the drivers that it uses. A [Bucket] of its own is registered likewise.
// [OpenFile] then opens an object for reading, and [Open] finds the bucket of an address.
//
// Objects differ from files in what genbatch relies on. There are no folders, only names with
// slashes. An object appears all at once, when it is complete, and is only ever replaced as a
// whole. What a listing shows may already be gone.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"time"
)

// A Bucket holds objects, which one scheme and name reach. It is safe for concurrent use. Each
// method tries again by itself what a store fails at now and then, and ends with its context.
//
// An error wraps [io/fs.ErrNotExist] if there is no such object or bucket, [io/fs.ErrPermission]
// if the credentials do not allow it, and [io/fs.ErrExist] if what is there is not what
// [WriteOptions] allow.
type Bucket interface {
	Reader
	Writer
}

// A Reader is what of a [Bucket] reads.
type Reader interface {
	// Stat returns what is known of an object.
	Stat(ctx context.Context, key string) (Info, error)

	// ReadAt reads an object from an offset on into p. It returns io.EOF if the object ends
	// before p is full. If version is not empty and the object has another one by now, the
	// error is [ErrChanged], or the bytes are those of that version.
	ReadAt(ctx context.Context, key, version string, p []byte, off int64) (int, error)

	// List ranges over the objects whose keys begin with prefix, in the bytewise order of the
	// keys.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// A Writer is what of a [Bucket] writes.
type Writer interface {
	// Write makes an object of what r holds, to its end. The object appears when all of it is
	// stored, and not at all if there is an error; one of the same key is replaced.
	Write(ctx context.Context, key string, r io.Reader, o WriteOptions) (Info, error)

	// Remove removes an object. That there is none is no error.
	Remove(ctx context.Context, key string) error
}

// WriteOptions are those of [Writer.Write].
type WriteOptions struct {
	New  bool              // fail if there is an object of that key
	Over string            // if not empty, fail unless the object of that key has this version
	Size int64             // how many bytes r holds; 0 = not known
	Meta map[string]string // kept beside the object; names in lower case, of letters, digits and underscores
}

// Info is what is known of an object.
type Info struct {
	Key     string
	Size    int64             // in bytes
	ModTime time.Time         // by the clock of the store
	Version string            // changes with each writing; an ETag or a generation
	Meta    map[string]string // as it was written; only from Stat and Write
}

// ErrChanged says that an object is not the one any more that was opened.
var ErrChanged = errors.New("the object was changed or replaced while it was read; run again, which reads the new one")

// An Opener opens the bucket of a name. The environment is where it finds credentials and
// endpoints, as the programs of the store's maker do.
type Opener func(ctx context.Context, name string) (Bucket, error)

// drivers are those of the program. A path is all that inputs and outputs are known by, so that
// they are found by its scheme, as drivers of databases are.
var drivers = registry{openers: make(map[string]Opener), buckets: make(map[string]Bucket)}

// A registry holds drivers, and the buckets that were opened with them.
type registry struct {
	sync.Mutex
	openers map[string]Opener // by scheme
	buckets map[string]Bucket // by address, without a key
}

// Register makes a driver known for the addresses of a scheme, such as s3. A driver of the same
// scheme is replaced, and buckets that were opened with it are forgotten.
func Register(scheme string, open Opener) {
	drivers.Lock()
	defer drivers.Unlock()
	drivers.openers[scheme] = open
	for address := range drivers.buckets {
		if strings.HasPrefix(address, scheme+"://") {
			delete(drivers.buckets, address)
		}
	}
}

// IsAddress reports whether a path is the address of an object store, whether there is a driver
// for it or not.
func IsAddress(path string) bool {
	scheme, _, ok := strings.Cut(path, "://")
	if !ok {
		return false
	}
	if _, known := packages[scheme]; known {
		return true
	}
	drivers.Lock()
	defer drivers.Unlock()
	_, known := drivers.openers[scheme]
	return known
}

// packages names the drivers that are there to be registered.
var packages = map[string]string{"s3": "s3", "gs": "gcs", "az": "azure"}

// Split returns the parts of an address: s3, bucket and key of s3://bucket/key. The key may be
// empty.
func Split(address string) (scheme, bucket, key string, err error) {
	scheme, rest, ok := strings.Cut(address, "://")
	bucket, key, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", "", fmt.Errorf("%s names no bucket; an address is written as s3://bucket/folder/file", address)
	}
	return scheme, bucket, key, nil
}

// Open returns the bucket of an address, and the key in it. A bucket is opened once and kept,
// since finding its credentials can take a while.
func Open(ctx context.Context, address string) (b Bucket, key string, err error) {
	scheme, name, key, err := Split(address)
	if err != nil {
		return nil, "", err
	}
	place := scheme + "://" + name
	drivers.Lock()
	defer drivers.Unlock()
	if b = drivers.buckets[place]; b != nil {
		return b, key, nil
	}
	open := drivers.openers[scheme]
	if open == nil {
		if pkg := packages[scheme]; pkg != "" {
			return nil, "", fmt.Errorf("%s:// is left out of this build; a program registers the driver of the package objects/%s", scheme, pkg)
		}
		return nil, "", fmt.Errorf("no object store is known for %s://", scheme)
	}
	if b, err = open(ctx, name); err != nil {
		return nil, "", fmt.Errorf("%s: %w", place, err)
	}
	drivers.buckets[place] = b
	return b, key, nil
}
