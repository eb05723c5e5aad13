package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/objects"
)

// asideLayout is the layout of the time in the name of a folder to which files are moved, as that
// of package state, which finds the outputs of a job by such folders.
const asideLayout = "20060102T150405Z"

// ahead is how many pieces are fetched at the same time.
const ahead = 8

// restore brings the working folder up to date with what the last commit of the epoch before
// names. It carries on where a process was killed.
func (c *home) restore(ctx context.Context, p place, base *commit) error {
	if c.mark.Step == inUse {
		if base.empty() || base.Source == c.mark.Folder && c.extends(base) {
			return nil
		}
		_, segments, err := filesIn(c.dir)
		if err != nil {
			return err
		}
		if len(segments) > 0 {
			err = c.setStep(moving, c.newAside())
		} else {
			err = c.setStep(restoring, "")
		}
		if err != nil {
			return err
		}
	}
	if c.mark.Step == moving {
		if err := c.moveAside(c.mark.Aside[len(c.mark.Aside)-1]); err != nil {
			return err
		}
		if err := c.setStep(restoring, ""); err != nil {
			return err
		}
	}
	if err := c.clear(); err != nil {
		return err
	}
	from := ""
	if n := len(c.mark.Aside); n > 0 {
		from = filepath.Join(filepath.Dir(c.dir), c.mark.Aside[n-1])
	}
	d := download{place: p, disk: c.fs, dir: c.dir, beside: from}
	if err := d.all(ctx, base); err != nil {
		return err
	}
	return c.setStep(inUse, "")
}

// extends reports whether the folder has all that a commit names of the journal. What it has
// beyond that was not copied yet.
func (c *home) extends(base *commit) bool {
	for i, s := range base.Segments {
		path := filepath.Join(c.dir, s.Name)
		info, err := os.Stat(path)
		if err != nil || info.Size() < s.Size {
			return false
		}
		if i == len(base.Segments)-1 { // only the last one can have lost its end, by a power cut
			if sum, err := sumOf(path, s.Size); err != nil || sum != s.CRC {
				return false
			}
		}
	}
	return true
}

// setStep notes how far the folder has come, and a further folder to import from.
func (c *home) setStep(s step, aside string) error {
	c.mark.Step = s
	if aside != "" {
		c.mark.Aside = append(c.mark.Aside, aside)
	}
	return writeMark(c.fs, c.dir, &c.mark)
}

// newAside returns the name of a folder that is not there.
func (c *home) newAside() string {
	base := strings.TrimSuffix(filepath.Base(c.dir), ".genbatch")
	for at := time.Now().UTC(); ; at = at.Add(time.Second) {
		name := fmt.Sprintf("%s.%s.genbatch", base, at.Format(asideLayout))
		if _, err := os.Lstat(filepath.Join(filepath.Dir(c.dir), name)); err != nil {
			return name
		}
	}
}

// moveAside moves the files of the folder into another one.
func (c *home) moveAside(name string) error {
	to := filepath.Join(filepath.Dir(c.dir), name)
	if err := c.fs.MkdirAll(to); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if slices.Contains(ownNames, e.Name()) {
			continue
		}
		if err := c.fs.Rename(filepath.Join(c.dir, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// clear removes what a restoring before has left, or a run that has asked nothing.
func (c *home) clear() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if slices.Contains(ownNames, e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(c.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// A download brings the files of a commit into a folder.
type download struct {
	place
	disk   durable.FS
	dir    string
	beside string             // a folder that may have the same segments and blobs; empty for none
	pieces map[string][]piece // by segment
}

// all brings all files. Of a commit that is not the last one any more, some may be gone.
func (d *download) all(ctx context.Context, c *commit) (err error) {
	if d.pieces, err = d.listPieces(ctx); err != nil {
		return err
	}
	for _, f := range c.Files {
		if err := d.file(ctx, f); err != nil {
			return err
		}
	}
	if err := d.blobs(ctx); err != nil {
		return err
	}
	for _, s := range c.Segments {
		if err := d.segment(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// file brings a file that was copied whole.
func (d *download) file(ctx context.Context, f file) error {
	path := filepath.Join(d.dir, filepath.FromSlash(f.Name))
	if isWhole(path, f.Size, f.CRC) {
		return nil
	}
	if err := d.disk.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	in, err := objects.OpenFile(ctx, d.address+"/"+f.Object)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := d.disk.CreateFile(path)
	if err != nil {
		return err
	}
	defer out.Abort()
	sum := crc32.New(castagnoli)
	n, err := io.Copy(io.MultiWriter(out, sum), in)
	if err != nil {
		return err
	}
	if n != f.Size || sum.Sum32() != f.CRC {
		return &damage{object: d.address + "/" + f.Object, what: "does not hold what was copied"}
	}
	return out.Commit()
}

// blobs brings the long answers.
func (d *download) blobs(ctx context.Context) error {
	dir := filepath.Join(d.dir, blobsFolder)
	for info, err := range d.bucket.List(ctx, d.prefix+blobsFolder) {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(info.Key, d.prefix+blobsFolder)
		if !isBlob(name) {
			continue
		}
		if err := d.disk.MkdirAll(dir); err != nil {
			return err
		}
		if here, err := os.Stat(filepath.Join(dir, name)); err == nil && here.Size() == info.Size {
			continue
		}
		var text []byte
		if d.beside != "" {
			text, err = os.ReadFile(filepath.Join(d.beside, blobsFolder, name))
		}
		if d.beside == "" || err != nil || hexSum(text) != name {
			if text, err = d.read(ctx, info); err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					continue // it was pruned meanwhile
				}
				return err
			}
		}
		if err := d.disk.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil { // the journal checks it when it reads it
			return err
		}
	}
	return nil
}

func hexSum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// segment brings a segment, unless it was brought before: from the folder beside, if that has the
// same, or else piece by piece.
func (d *download) segment(ctx context.Context, s segment) error {
	path := filepath.Join(d.dir, s.Name)
	if isWhole(path, s.Size, s.CRC) {
		return nil
	}
	out, err := d.disk.CreateFile(path)
	if err != nil {
		return err
	}
	defer out.Abort()
	if d.beside != "" {
		path := filepath.Join(d.beside, s.Name)
		if sum, err := sumOf(path, s.Size); err == nil && sum == s.CRC {
			if err := appendFile(out, path, s.Size); err != nil {
				return err
			}
			return out.Commit()
		}
	}
	if err := d.write(ctx, out, s, 0, 0); err != nil {
		return err
	}
	return out.Commit()
}

// isWhole reports whether a file holds what was copied, and no more.
func isWhole(path string, size int64, crc uint32) bool {
	info, err := os.Stat(path)
	if err != nil || info.Size() != size {
		return false
	}
	sum, err := sumOf(path, size)
	return err == nil && sum == crc
}

// appendFile writes the first n bytes of a file.
func appendFile(to io.Writer, path string, n int64) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.CopyN(to, in, n)
	return err
}

// write writes a segment from a byte on, up to which the sum is known.
func (d *download) write(ctx context.Context, to io.Writer, s segment, from int64, sum uint32) error {
	list, err := d.choose(d.pieces[s.Name], s, from)
	if err != nil {
		return err
	}
	at := from
	for text, err := range d.inOrder(ctx, list) {
		if err != nil {
			return err
		}
		sum = crc32.Update(sum, castagnoli, text)
		at += int64(len(text))
		if _, err := to.Write(text); err != nil {
			return err
		}
	}
	if at != s.Size || sum != s.CRC {
		return &damage{object: d.address, what: "does not hold " + s.Name + " as it was copied"}
	}
	return nil
}

// inOrder yields what stretches hold in their order, and fetches some ahead.
func (d *download) inOrder(ctx context.Context, list []stretch) func(yield func([]byte, error) bool) {
	type content struct {
		text []byte
		err  error
	}
	return func(yield func([]byte, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var coming []chan content
		next := 0
		for i := range list {
			for ; next < len(list) && next < i+ahead; next++ {
				one := make(chan content, 1)
				coming = append(coming, one)
				go func(s stretch) {
					text, err := d.fetch(ctx, s)
					one <- content{text, err}
				}(list[next])
			}
			got := <-coming[i]
			coming[i] = nil
			if !yield(got.text, got.err) || got.err != nil {
				return
			}
		}
	}
}

// A damage says that the copy does not hold what it should.
type damage struct {
	object, what string
}

func (e *damage) Error() string {
	return fmt.Sprintf("%s %s: bring it back by the store's versioning, or carry on where the working folder is whole; else begin anew with another --state, which asks, and pays for, every row again", e.object, e.what)
}
