package azure

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// A blob may have 50,000 blocks, so that 390 GiB fit where the size is not known. Larger blocks
// than 4 MiB go the fast way of "high-throughput block blobs".
const (
	blockBytes = 8 << 20
	maxBlocks  = 50_000
)

// sizeOf returns the size of the blocks of a blob.
func sizeOf(size int64) int64 { return max(blockBytes, (size+maxBlocks-1)/maxBlocks) }

// checksums is the polynomial of the service's CRC64, as Microsoft's SDK has it.
var checksums = crc64.MakeTable(0x9A6C9329AC4BC9B5)

// Write implements [objects.Bucket]. What does not fit into one block is stored as blocks, which
// nobody sees until the list of them is committed. Blocks that are never committed are dropped by
// Azure after a week.
func (b *bucket) Write(ctx context.Context, key string, r io.Reader, o objects.WriteOptions) (objects.Info, error) {
	p, err := b.blob(key)
	if err == nil {
		err = checkMeta(o.Meta)
	}
	if err == nil {
		err = ctx.Err()
	}
	var info objects.Info
	if err == nil {
		w := &upload{service: b.service, place: p, options: o}
		info, err = w.write(ctx, r)
	}
	if err != nil {
		return objects.Info{}, b.failed(key, err)
	}
	info.Key, info.Meta = key, maps.Clone(o.Meta)
	return info, nil
}

// checkMeta refuses metadata that headers cannot carry.
func checkMeta(meta map[string]string) error {
	for name, value := range meta {
		for _, c := range []byte(value) {
			if c < ' ' || c > '~' {
				return fmt.Errorf("the metadata %s is %q, and Azure keeps only printable ASCII characters", name, value)
			}
		}
		if value != strings.TrimSpace(value) {
			return fmt.Errorf("the metadata %s is %q, and Azure keeps no spaces around a value", name, value)
		}
	}
	return nil
}

// An upload is the writing of one blob.
type upload struct {
	service *service
	place   place
	options objects.WriteOptions
	mark    [12]byte // begins the names of its blocks, so that they are told from those of others
	blocks  []string // their names
}

// write stores all that r holds.
func (u *upload) write(ctx context.Context, r io.Reader) (objects.Info, error) {
	parts := transfer.NewParts(r, u.options.Size, sizeOf(u.options.Size))
	part, last, err := parts.Next()
	// What has a condition is always made of blocks. If the answer to the commit is lost, the condition
	// does not hold any more, and their names tell whether it is this upload that has made the object.
	if err == nil && last && !u.conditional() {
		return u.put(ctx, part)
	}
	_, _ = rand.Read(u.mark[:]) // it never fails
	hash := md5.New()
	for ; err == nil && len(part) > 0; part, last, err = parts.Next() {
		hash.Write(part)
		if err = u.putBlock(ctx, part); err != nil || last {
			break
		}
	}
	if err != nil {
		return objects.Info{}, err
	}
	info, err := u.commit(ctx, hash.Sum(nil))
	info.Size = parts.Read()
	return info, err
}

// markName is the name of the metadata that tells an empty blob, which has no blocks, from one that
// another writer has made.
const markName = "genbatch_write"

func (u *upload) markText() string { return hex.EncodeToString(u.mark[:]) }

// conditional reports whether the blob may appear only where there is none, or a certain one.
func (u *upload) conditional() bool { return u.options.New || u.options.Over != "" }

// header returns the headers of a request that makes the blob appear.
func (u *upload) header() map[string]string {
	h := make(map[string]string)
	for name, value := range u.options.Meta {
		h[metaPrefix+name] = value
	}
	if u.options.New {
		h["If-None-Match"] = "*"
	}
	if u.options.Over != "" {
		h["If-Match"] = `"` + u.options.Over + `"`
	}
	if u.conditional() && len(u.blocks) == 0 {
		h[metaPrefix+markName] = u.markText()
	}
	return h
}

// checksum returns what the service compares with what has arrived.
func checksum(data []byte) string {
	return base64.StdEncoding.EncodeToString(binary.LittleEndian.AppendUint64(nil, crc64.Checksum(data, checksums)))
}

// put makes a small blob with one request.
func (u *upload) put(ctx context.Context, data []byte) (objects.Info, error) {
	c := call{method: http.MethodPut, place: u.place, header: u.header(), body: data}
	c.header["x-ms-blob-type"] = "BlockBlob"
	c.header["x-ms-content-crc64"] = checksum(data)
	header, err := u.service.do(ctx, c, skip)
	info := written(header)
	info.Size = int64(len(data))
	return info, err
}

// putBlock stores a block.
func (u *upload) putBlock(ctx context.Context, data []byte) error {
	if len(u.blocks) == maxBlocks {
		return errors.New("it is larger than 390 GiB, which only what has a known size may be; write it to a file first")
	}
	// All blocks of a blob must have names of one length. 18 bytes are 24 characters in base64, as
	// many as most tools use.
	id := base64.StdEncoding.EncodeToString(append(u.mark[:], fmt.Sprintf("%06d", len(u.blocks))...))
	u.blocks = append(u.blocks, id)
	_, err := u.service.do(ctx, call{
		method: http.MethodPut,
		place:  u.place,
		query:  url.Values{"comp": {"block"}, "blockid": {id}},
		header: map[string]string{"x-ms-content-crc64": checksum(data)},
		body:   data,
	}, skip)
	return err
}

// commit makes the blob appear.
func (u *upload) commit(ctx context.Context, md5 []byte) (objects.Info, error) {
	var list strings.Builder
	list.WriteString(`<?xml version="1.0" encoding="utf-8"?><BlockList>`)
	for _, id := range u.blocks {
		list.WriteString("<Latest>" + id + "</Latest>") // base64 needs no escaping
	}
	list.WriteString("</BlockList>")
	c := call{method: http.MethodPut, place: u.place, query: url.Values{"comp": {"blocklist"}}, header: u.header(), body: []byte(list.String())}
	c.header["x-ms-content-crc64"] = checksum(c.body)
	c.header["x-ms-blob-content-md5"] = base64.StdEncoding.EncodeToString(md5)
	header, err := u.service.do(ctx, c, skip)
	if err != nil {
		return u.uncommitted(ctx, err)
	}
	return written(header), nil
}

// uncommitted finds out what it means that a commit was refused.
func (u *upload) uncommitted(ctx context.Context, err error) (objects.Info, error) {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return objects.Info{}, err
	}
	lost := f.code == "InvalidBlockList" // the commit of another writer drops the blocks of all others
	unmet := f.kind == fs.ErrExist || f.code == "BlobNotFound" || f.status == http.StatusPreconditionFailed && f.code != "LeaseIdMissing"
	if !lost && !(u.conditional() && unmet) {
		return objects.Info{}, err
	}
	mine, info, found := u.made(ctx)
	gone := errors.Is(found, fs.ErrNotExist)
	switch {
	case found != nil && !gone:
		return objects.Info{}, fmt.Errorf("%w (and it is not known whether this is what was written, since %w)", err, found)
	case mine:
		return info, nil // by an attempt whose answer was lost
	case u.options.New && !gone:
		f.kind, f.remedy = fs.ErrExist, "there is one already; remove it, or write to another name"
	case u.options.Over != "" && (gone || info.Version != u.options.Over):
		f.kind, f.remedy = fs.ErrExist, "another writer has replaced or removed it; look at what is there, or write to another name"
	case lost:
		f.remedy = "another writer has written to this name at the same time; write again"
	}
	return objects.Info{}, err
}

// made reports whether the blob is what this upload has made. The error is [fs.ErrNotExist] if there
// is no blob.
func (u *upload) made(ctx context.Context) (mine bool, info objects.Info, err error) {
	if info, err = u.service.stat(ctx, u.place); err != nil || len(u.blocks) == 0 {
		return info.Meta[markName] == u.markText(), info, err
	}
	var list struct {
		CommittedBlocks struct {
			Block []struct{ Name string }
		}
	}
	_, err = u.service.do(ctx, call{method: http.MethodGet, place: u.place, query: url.Values{"comp": {"blocklist"}, "blocklisttype": {"committed"}}}, decode(&list))
	blocks := list.CommittedBlocks.Block
	return len(blocks) > 0 && blocks[0].Name == u.blocks[0], info, err
}

// Remove implements [objects.Bucket].
func (b *bucket) Remove(ctx context.Context, key string) error {
	p, err := b.blob(key)
	if err != nil {
		return b.failed(key, err)
	}
	_, err = b.service.do(ctx, call{method: http.MethodDelete, place: p, header: map[string]string{"x-ms-delete-snapshots": "include"}}, skip)
	if f, ok := errors.AsType[*failure](err); ok && f.code == "BlobNotFound" {
		return nil
	}
	return b.failed(key, err)
}
