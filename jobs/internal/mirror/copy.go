package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/objects"
)

const (
	// pieceBytes is how long a piece may be, unless a single line is longer.
	pieceBytes = 8 << 20
	// readBytes is how long a file may be that is read to see whether it has changed. Of a
	// longer one its size and time tell.
	readBytes = 4 << 20
	// historyEvery is in how many rounds the history is copied, which grows each second and is
	// not needed to carry on.
	historyEvery = 20
	historyFile  = "history.jsonl"
)

// A copier copies what is new in a folder.
type copier struct {
	*lease
	*home

	rounds  turn  // during a round or a sweep; it guards what follows
	count   int64 // of rounds
	blobs   map[string]bool
	long    map[string]fs.FileInfo // of files that are not read each time, when they were copied
	pieces  map[string][]piece     // of which the segments are made, by segment
	retired []retired
}

// A change is what a round has copied, for the next commit.
type change struct {
	files    []file
	segments []segment
	pieces   map[string][]piece
}

// round copies what is new in the folder, and makes a commit of it. The last round of a run copies
// all.
func (c *copier) round(ctx context.Context, last bool) error {
	if err := c.rounds.take(ctx); err != nil {
		return err
	}
	defer c.rounds.give()
	known, err := c.current()
	if err != nil {
		return err
	}
	c.count++
	made, err := c.copyNew(ctx, known, last || c.count%historyEvery == 1)
	if err != nil {
		return err
	}
	if known.Source == c.mark.Folder && slices.Equal(known.Files, made.files) && slices.EqualFunc(known.Segments, made.segments, same) {
		return nil
	}
	if err := c.renew(ctx, func(next *commit) {
		next.Source, next.Files, next.Segments = c.mark.Folder, made.files, made.segments
	}); err != nil {
		return err
	}
	// What took another one's place is needed no more. Sweeping finds what stays behind.
	for _, f := range known.Files {
		if !slices.Contains(made.files, f) {
			_ = c.bucket.Remove(ctx, c.prefix+f.Object)
		}
	}
	c.retire(ctx, made.pieces)
	return nil
}

func same(a, b segment) bool { return a.Name == b.Name && a.Size == b.Size }

// copyNew copies what is new in the folder since a commit.
func (c *copier) copyNew(ctx context.Context, known *commit, history bool) (made change, err error) {
	// What depends comes first, and is read before what it depends on; see the package comment.
	var whole, segments []local
	texts := make(map[string][]byte)
	for {
		if whole, _, err = filesIn(c.dir); err != nil {
			return made, err
		}
		before := texts
		if texts, err = c.readSmall(whole); err != nil {
			return made, err
		}
		// The record of batch jobs names files beside it. They are listed before it is read, and
		// again after it, until nothing has changed in between.
		if mapsEqual(before, texts) {
			break
		}
	}
	if _, segments, err = filesIn(c.dir); err != nil {
		return made, err
	}
	blobs, err := blobsIn(c.dir)
	if err != nil {
		return made, err
	}
	for _, name := range blobs {
		if err := c.copyBlob(ctx, name); err != nil {
			return made, err
		}
	}
	made.pieces = make(map[string][]piece)
	for _, s := range segments {
		copied, pieces, err := c.copySegment(ctx, known.find(s.name), s)
		if err != nil {
			return made, err
		}
		if copied.Size > 0 {
			made.segments = append(made.segments, copied)
			made.pieces[s.name] = pieces
		}
	}
	for _, f := range whole {
		old := slices.IndexFunc(known.Files, func(o file) bool { return o.Name == f.name })
		if f.name == historyFile && !history && old >= 0 {
			made.files = append(made.files, known.Files[old])
			continue
		}
		was := file{}
		if old >= 0 {
			was = known.Files[old]
		}
		copied, err := c.copyFile(ctx, was, f, texts[f.name])
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was removed meanwhile, as those of batch jobs are that are over
		}
		if err != nil {
			return made, err
		}
		made.files = append(made.files, copied)
	}
	return made, nil
}

// readSmall reads the files that are read to see whether they have changed.
func (c *copier) readSmall(files []local) (texts map[string][]byte, err error) {
	texts = make(map[string][]byte)
	for _, f := range files {
		if f.name == historyFile || f.info.Size() > readBytes {
			continue
		}
		text, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(f.name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		texts[f.name] = text
	}
	return texts, nil
}

func mapsEqual(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for name, text := range a {
		if other, ok := b[name]; !ok || !bytes.Equal(text, other) {
			return false
		}
	}
	return true
}

// copyBlob copies a long answer, unless the copy has it.
func (c *copier) copyBlob(ctx context.Context, name string) error {
	if c.blobs[name] {
		return nil
	}
	f, err := os.Open(filepath.Join(c.dir, blobsFolder, name))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = c.bucket.Write(ctx, c.prefix+blobsFolder+name, f, objects.WriteOptions{New: true, Size: info.Size()})
	if err != nil && !errors.Is(err, fs.ErrExist) { // its name is that of its content
		return err
	}
	c.blobs[name] = true
	return nil
}

// copySegment copies what is new in a segment since it was copied, and returns of which pieces it is
// made then. Only whole lines are copied.
func (c *copier) copySegment(ctx context.Context, old *segment, s local) (now segment, pieces []piece, err error) {
	now, pieces = segment{Name: s.name}, slices.Clone(c.pieces[s.name])
	if old != nil {
		now = *old
	}
	size := s.info.Size()
	if size < now.Size {
		return now, nil, fmt.Errorf("%s has %d bytes, and %d of it were copied: another program has changed it", filepath.Join(c.dir, s.name), size, now.Size)
	}
	if size == now.Size {
		return now, pieces, nil
	}
	f, err := os.Open(filepath.Join(c.dir, s.name))
	if err != nil {
		return now, nil, err
	}
	defer f.Close()
	for now.Size < size {
		end, err := lineEnd(f, now.Size, min(size, now.Size+pieceBytes))
		if err == nil && end == now.Size {
			end, err = firstLineEnd(f, now.Size, size)
		}
		if err != nil || end == now.Size {
			return now, pieces, err
		}
		one := piece{segment: now.Name, from: beginning(pieces, now.Size, end), to: end, epoch: c.epoch}
		if err := c.copyPiece(ctx, f, one); err != nil {
			return now, nil, err
		}
		sum, err := addSum(now.CRC, io.NewSectionReader(f, now.Size, end-now.Size))
		if err != nil {
			return now, nil, err
		}
		pieces = append(slices.DeleteFunc(pieces, func(p piece) bool { return p.from >= one.from }), one)
		now.extend(one.epoch, one.from, one.to, sum)
	}
	return now, pieces, nil
}

// copyPiece makes a piece of a segment.
func (c *copier) copyPiece(ctx context.Context, f *os.File, p piece) error {
	_, err := c.bucket.Write(ctx, c.prefix+p.name(), io.NewSectionReader(f, p.from, p.size()), objects.WriteOptions{New: true, Size: p.size()})
	if errors.Is(err, fs.ErrExist) {
		return nil // this process has made it, in a round that failed later: what has its name has its bytes
	}
	return err
}

// copyFile copies a file whole, unless the copy has it as it is. text is its content, or nil if
// it is too long to be read each time.
func (c *copier) copyFile(ctx context.Context, old file, f local, text []byte) (file, error) {
	now := file{Name: f.name, Object: fmt.Sprintf("%s%06d-%08d/%s", filesFolder, c.epoch, c.count, f.name)}
	var content io.Reader
	if text != nil {
		now.Size, now.CRC = int64(len(text)), crc32.Checksum(text, castagnoli)
		content = bytes.NewReader(text)
		if now.Size == old.Size && now.CRC == old.CRC && old.Name != "" {
			return old, nil
		}
	} else {
		seen := c.long[f.name]
		if old.Name != "" && seen != nil && seen.Size() == f.info.Size() && seen.ModTime().Equal(f.info.ModTime()) {
			return old, nil
		}
		path := filepath.Join(c.dir, filepath.FromSlash(f.name))
		in, err := os.Open(path)
		if err != nil {
			return now, err
		}
		defer in.Close()
		now.Size = f.info.Size()
		if now.CRC, err = sumOf(path, now.Size); err != nil {
			return now, err
		}
		if now.Size == old.Size && now.CRC == old.CRC && old.Name != "" {
			c.long[f.name] = f.info
			return old, nil
		}
		content = io.LimitReader(in, now.Size)
	}
	if _, err := c.bucket.Write(ctx, c.prefix+now.Object, content, objects.WriteOptions{New: true, Size: now.Size}); err != nil && !errors.Is(err, fs.ErrExist) {
		return now, err
	}
	if text == nil {
		c.long[f.name] = f.info
	}
	return now, nil
}

// listBlobs finds the long answers that the copy has.
func (c *copier) listBlobs(ctx context.Context) error {
	for info, err := range c.bucket.List(ctx, c.prefix+blobsFolder) {
		if err != nil {
			return err
		}
		if name := strings.TrimPrefix(info.Key, c.prefix+blobsFolder); isBlob(name) {
			c.blobs[name] = true
		}
	}
	return nil
}
