package azure

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// Stat implements [objects.Bucket].
func (b *bucket) Stat(ctx context.Context, key string) (objects.Info, error) {
	p, err := b.blob(key)
	if err != nil {
		return objects.Info{}, b.failed(key, err)
	}
	info, err := b.service.stat(ctx, p)
	info.Key = key
	delete(info.Meta, markName)
	return info, b.failed(key, err)
}

func (s *service) stat(ctx context.Context, p place) (objects.Info, error) {
	header, err := s.do(ctx, call{method: http.MethodHead, place: p}, skip)
	if err != nil {
		return objects.Info{}, err
	}
	info := written(header)
	if info.Size, err = strconv.ParseInt(header.Get("Content-Length"), 10, 64); err != nil {
		return objects.Info{}, fmt.Errorf("%s tells no size of it: %w", s.endpoint.Host, err)
	}
	for name, values := range header {
		if name, ok := strings.CutPrefix(strings.ToLower(name), metaPrefix); ok {
			if info.Meta == nil {
				info.Meta = make(map[string]string)
			}
			info.Meta[name] = strings.Join(values, ",")
		}
	}
	if info.Meta[folderMark] == "true" || header.Get("x-ms-resource-type") == "directory" {
		return objects.Info{}, fmt.Errorf("this is a folder: %w", fs.ErrNotExist)
	}
	return info, nil
}

// metaPrefix begins the headers that hold metadata.
const metaPrefix = "x-ms-meta-"

// folderMark is the metadata of a blob that stands for a folder: of an account with a hierarchical
// namespace, or made by what has a file system on top of blobs.
const folderMark = "hdi_isfolder"

// written returns what all answers about a blob say of it.
func written(h http.Header) objects.Info {
	modified, _ := http.ParseTime(h.Get("Last-Modified"))
	return objects.Info{ModTime: modified, Version: strings.Trim(h.Get("ETag"), `"`)}
}

// ReadAt implements [objects.Bucket].
func (b *bucket) ReadAt(ctx context.Context, key, version string, p []byte, off int64) (int, error) {
	blob, err := b.blob(key)
	if err == nil && off < 0 {
		err = errors.New("a blob is read from a place before its beginning")
	}
	if err != nil || len(p) == 0 {
		return 0, b.failed(key, err)
	}
	n, err := b.service.readAt(ctx, blob, version, p, off)
	if err == io.EOF {
		return n, err
	}
	return n, b.failed(key, err)
}

func (s *service) readAt(ctx context.Context, blob place, version string, p []byte, off int64) (int, error) {
	n, err := transfer.ReadAt(ctx, p, off, func(ctx context.Context, off int64, n int) (transfer.Part, error) {
		c := call{method: http.MethodGet, place: blob, header: map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", off, off+int64(n)-1)}}
		if version != "" {
			c.header["If-Match"] = `"` + version + `"`
		}
		answer, err := s.send(ctx, c)
		if err != nil {
			return transfer.Part{}, err
		}
		version = written(answer.Header).Version // what is read on must be of the same
		part := transfer.Part{Body: answer.Body, Size: answer.ContentLength}
		if answer.StatusCode == http.StatusPartialContent {
			_, err = fmt.Sscanf(answer.Header.Get("Content-Range"), "bytes %d-%d/%d", &part.Off, new(int64), &part.Size)
		}
		if err != nil {
			answer.Body.Close()
			return part, fmt.Errorf("%s tells no range of what it gives: %w", s.endpoint.Host, err)
		}
		return part, nil
	})
	f, ok := errors.AsType[*failure](err)
	switch {
	case !ok:
	case f.status == http.StatusPreconditionFailed:
		return 0, objects.ErrChanged
	case f.status == http.StatusRequestedRangeNotSatisfiable:
		// It is too short for this, by itself or since it was replaced.
		if version != "" {
			if now, err := s.stat(ctx, blob); err != nil || now.Version != version {
				return 0, cmp.Or(err, objects.ErrChanged)
			}
		}
		return n, io.EOF
	}
	return n, err
}

// A page is a part of a listing.
type page struct {
	Blobs struct {
		Blob       []entry
		BlobPrefix []entry
	}
	NextMarker string
}

// An entry is a blob of a listing, or the beginning that the names of some share.
type entry struct {
	Name       name
	Properties struct {
		LastModified  string `xml:"Last-Modified"`
		Etag          string
		ContentLength int64 `xml:"Content-Length"`
		ResourceType  string
	}
	Metadata struct {
		Folder string `xml:"hdi_isfolder"`
	}
	shared bool // whether this is the beginning of names
}

// A name is that of a blob. It is escaped as in a URL if XML cannot have its characters.
type name string

// UnmarshalXML implements [xml.Unmarshaler].
func (n *name) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var s string
	if err := d.DecodeElement(&s, &start); err != nil {
		return err
	}
	for _, a := range start.Attr {
		if a.Name.Local == "Encoded" && a.Value == "true" {
			plain, err := url.PathUnescape(s)
			if err != nil {
				return err
			}
			s = plain
		}
	}
	*n = name(s)
	return nil
}

// isFolder reports whether a blob stands for a folder.
func (e entry) isFolder() bool {
	return e.Properties.ResourceType == "directory" || e.Metadata.Folder == "true"
}

// List implements [objects.Bucket].
func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[objects.Info, error] {
	return func(yield func(objects.Info, error) bool) {
		p, err := b.place(prefix)
		if err == nil {
			l := lister{b.service, p.before, yield}
			_, err = l.list(ctx, p, false)
		}
		if err != nil {
			yield(objects.Info{}, b.failed(prefix, err))
		}
	}
}

// A lister yields the blobs of a listing.
type lister struct {
	service *service
	before  string
	yield   func(objects.Info, error) bool
}

// list yields the blobs whose names begin as the place says, in the bytewise order of their names.
// It reports whether to go on.
//
// The service gives names in the order of their UTF-16 units, so that a page is sorted again.
// That is enough unless names with emojis are among more than 5000. An account with a hierarchical
// namespace, which is known by types of its entries, has another order: all in the folder a comes
// before a-b and a.txt, though the slash sorts after both (issue 24210 of azure-sdk-for-go). There
// each folder is listed on its own and sorted, before those below it are listed in their turn.
func (l lister) list(ctx context.Context, p place, folders bool) (more bool, err error) {
	query := url.Values{"restype": {"container"}, "comp": {"list"}, "include": {"metadata"}}
	if p.name != "" {
		query.Set("prefix", p.name)
	}
	if folders {
		query.Set("delimiter", "/")
	}
	var all []entry
	for first := true; ; first = false {
		got, err := l.service.page(ctx, p, query)
		if err != nil {
			return false, err
		}
		if first && !folders && slices.ContainsFunc(got.Blobs.Blob, func(e entry) bool { return e.Properties.ResourceType != "" }) {
			return l.list(ctx, p, true)
		}
		all = append(all, got.Blobs.Blob...)
		for _, e := range got.Blobs.BlobPrefix {
			e.shared = true
			all = append(all, e)
		}
		if got.NextMarker != "" {
			query.Set("marker", got.NextMarker)
		}
		if folders && got.NextMarker != "" {
			continue
		}
		slices.SortFunc(all, func(a, b entry) int { return strings.Compare(string(a.Name), string(b.Name)) })
		for _, e := range all {
			if more, err := l.one(ctx, p, e); !more || err != nil {
				return false, err
			}
		}
		if got.NextMarker == "" {
			return true, nil
		}
		all = all[:0]
	}
}

// one yields a blob, or those of a folder.
func (l lister) one(ctx context.Context, p place, e entry) (more bool, err error) {
	if e.shared {
		return l.list(ctx, place{p.container, string(e.Name), p.before}, true)
	}
	if e.isFolder() {
		return true, nil
	}
	modified, _ := time.Parse(http.TimeFormat, e.Properties.LastModified)
	return l.yield(objects.Info{
		Key:     l.before + string(e.Name),
		Size:    e.Properties.ContentLength,
		ModTime: modified,
		Version: strings.Trim(e.Properties.Etag, `"`),
	}, nil), nil
}

// page asks for a page of a listing.
func (s *service) page(ctx context.Context, p place, query url.Values) (page, error) {
	var got page
	_, err := s.do(ctx, call{method: http.MethodGet, place: place{container: p.container}, query: query}, func(r io.Reader) error {
		got = page{}
		return decode(&got)(r)
	})
	return got, err
}
