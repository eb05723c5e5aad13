package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
)

// This file finds the folders of this machine that belong to an address.

// Folders are those of this machine for the state at an address.
type Folders struct {
	Work string // the working folder, which need not be there
	View string // holds what was last looked at from here, of a state that another machine works with
}

// FoldersOf returns the folders for an address. userDir is that of the user's programs for state.
// Both have the same name, since paths in them are found from the folder that holds them. Those of
// a shard stand in those of its job.
func FoldersOf(userDir, address string) Folders {
	address = strings.TrimRight(address, "/")
	if job, shard, ok := cutShard(address); ok {
		of := FoldersOf(userDir, job)
		return Folders{Work: filepath.Join(of.Work, shard), View: filepath.Join(of.View, shard)}
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, address[strings.Index(address, "://")+len("://"):])
	if len(name) > 60 {
		name = name[len(name)-60:]
	}
	sum := sha256.Sum256([]byte(address))
	name = strings.Trim(name, "-") + "-" + hex.EncodeToString(sum[:4]) + ".genbatch"
	return Folders{
		Work: filepath.Join(userDir, "genbatch", "copied", name),
		View: filepath.Join(userDir, "genbatch", "looked-at", name),
	}
}

// Look returns a folder in which the state at an address can be looked at, as it is now: the working
// folder if this machine works with it or was the last to do so, and else another one, into which
// what the copy has is brought. In that, the lock names who works with it.
func Look(ctx context.Context, address string, folders Folders) (dir string, err error) {
	p, err := findPlace(ctx, address)
	if err != nil {
		return "", err
	}
	if running, err := durable.LockOwner(filepath.Join(folders.Work, "lock")); err == nil && running != nil {
		return folders.Work, nil
	}
	m, err := readMark(folders.Work)
	if err != nil {
		return "", err
	}
	last, err := p.newest(ctx)
	if err != nil {
		return "", fmt.Errorf("the state %s cannot be looked at: %w", p.address, err)
	}
	if m.Folder != "" && m.Step == inUse && (last.commit == nil || last.Source == m.Folder) {
		return folders.Work, nil
	}
	if last.commit == nil {
		return folders.View, nil // which holds nothing
	}
	return folders.View, bring(ctx, p, last, folders.View)
}

// Bring brings what the copy at an address has into a folder that is only looked at, whether this
// machine works with it or not. If nothing was copied yet, the folder is known as one of the
// address even so.
func Bring(ctx context.Context, address, dir string) error {
	p, err := findPlace(ctx, address)
	if err != nil {
		return err
	}
	last, err := p.newest(ctx)
	if err != nil {
		return fmt.Errorf("the state %s cannot be looked at: %w", p.address, err)
	}
	if last.commit == nil {
		last.commit = &commit{Ended: true}
	}
	return bring(ctx, p, last, dir)
}

// bring brings what a commit names into a folder that is only looked at.
func bring(ctx context.Context, p place, last found, dir string) error {
	var disk durable.FS
	if err := disk.MkdirAll(dir); err != nil {
		return err
	}
	lock, err := oneAtATime(ctx, disk, dir+".lock")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	const tries = 3
	for try := 1; ; try++ {
		err := update(ctx, disk, p, last.commit, dir)
		if err == nil {
			break
		}
		if _, gone := errors.AsType[*damage](err); !gone && !errors.Is(err, fs.ErrNotExist) || try == tries {
			return fmt.Errorf("the state %s cannot be looked at: %w", p.address, err)
		}
		// What the commit named may have been replaced meanwhile.
		if last, err = p.newest(ctx); err != nil {
			return err
		}
		if last.commit == nil {
			return fmt.Errorf("the state %s cannot be looked at: %w: it was removed meanwhile", p.address, fs.ErrNotExist)
		}
	}
	owner := []byte{}
	if !last.Ended && time.Since(last.at) < staleAfter {
		text, err := json.Marshal(last.Holder)
		if err != nil {
			return err
		}
		owner = text
	}
	return os.WriteFile(filepath.Join(dir, "lock"), owner, 0o600)
}

// oneAtATime takes a lock, for which it waits.
func oneAtATime(ctx context.Context, disk durable.FS, path string) (*durable.Lock, error) {
	const pause = 100 * time.Millisecond
	for {
		lock, err := disk.Lock(path)
		if _, held := errors.AsType[*durable.LockedError](err); !held {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// update brings a folder up to date with a commit. Of segments that it has, it brings what is new.
func update(ctx context.Context, disk durable.FS, p place, now *commit, dir string) error {
	m, err := readMark(dir)
	if err != nil || m.Seen == nil {
		m = mark{Seen: new(commit)}
	}
	d := download{place: p, disk: disk, dir: dir}
	if d.pieces, err = d.listPieces(ctx); err != nil {
		return err
	}
	for _, f := range now.Files {
		if err := d.file(ctx, f); err != nil {
			return err
		}
	}
	if err := d.blobs(ctx); err != nil {
		return err
	}
	for _, s := range now.Segments {
		if err := d.refresh(ctx, m.Seen.find(s.Name), s); err != nil {
			return err
		}
	}
	if err := removeOthers(now, dir); err != nil {
		return err
	}
	return writeMark(disk, dir, &mark{Address: p.address, Seen: now})
}

// refresh brings what is new of a segment. It brings all of it if what is there is another one, as the
// sum tells.
func (d *download) refresh(ctx context.Context, old *segment, now segment) error {
	path := filepath.Join(d.dir, now.Name)
	info, err := os.Stat(path)
	if err != nil || old == nil || info.Size() != old.Size || old.Size > now.Size {
		return d.segment(ctx, now)
	}
	if old.Size == now.Size && old.CRC == now.CRC {
		return nil
	}
	out, err := d.disk.OpenAppend(path)
	if err != nil {
		return err
	}
	err = errors.Join(d.write(ctx, out, now, old.Size, old.CRC), out.Close())
	if _, other := errors.AsType[*damage](err); other {
		return d.segment(ctx, now)
	}
	return err
}

// removeOthers removes what a commit does not name any more.
func removeOthers(now *commit, dir string) error {
	whole, segments, err := filesIn(dir)
	if err != nil {
		return err
	}
	named := make(map[string]bool)
	for _, f := range now.Files {
		named[f.Name] = true
	}
	for _, s := range now.Segments {
		named[s.Name] = true
	}
	for _, f := range append(whole, segments...) {
		if !named[f.name] {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(f.name))); err != nil {
				return err
			}
		}
	}
	return nil
}
