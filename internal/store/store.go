// Package store opens files by their path, or objects by their address. Those who read inputs
// need not know which of the two they read.
package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/objects"
)

// patience is how long a look at an object store may take, with all that a driver tries again.
const patience = 2 * time.Minute

// A File is a file or an object that is being read. ReadAt is safe for concurrent use.
type File interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

// Info is what is known of a file or an object without reading it.
type Info struct {
	Path    string // its path or address
	Size    int64  // in bytes
	ModTime time.Time
	Version string      // of an object: it changes with each writing; empty for a file
	Mode    fs.FileMode // of a file, links followed: its type and permissions; 0 for an object
}

// IsAddress reports whether a path is the address of an object store.
func IsAddress(path string) bool { return objects.IsAddress(path) }

// Join returns the path or address of a file in a folder.
func Join(dir, name string) string {
	if IsAddress(dir) {
		return strings.TrimSuffix(dir, "/") + "/" + name
	}
	return filepath.Join(dir, name)
}

// Stat returns what is known of the file or object at path. An address that ends in a slash, and
// one that only objects below it have in their names, is a folder, as its Mode says.
func Stat(path string) (Info, error) {
	if !IsAddress(path) {
		info, err := os.Stat(path)
		if err != nil {
			return Info{}, err
		}
		return Info{Path: path, Size: info.Size(), ModTime: info.ModTime(), Mode: info.Mode()}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b, key, err := objects.Open(ctx, path)
	if err != nil {
		return Info{}, err
	}
	if key != "" && !strings.HasSuffix(key, "/") {
		info, err := b.Stat(ctx, key)
		if !errors.Is(err, fs.ErrNotExist) {
			return infoOf(path, info), err
		}
		key += "/"
	}
	for _, err := range b.List(ctx, key) {
		if errors.Is(err, fs.ErrPermission) && !strings.HasSuffix(path, "/") {
			break // what may not be listed is no folder to the user, and the object is not there
		}
		if err != nil {
			return Info{}, err
		}
		return Info{Path: path, Mode: fs.ModeDir}, nil
	}
	return Info{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
}

// StatAll returns what is known of each of the files or objects at paths. What [Stat] would ask of a
// store for each object, it takes from listings where these are shorter. The error is that of the
// first path that cannot be looked at.
func StatAll(paths []string) ([]Info, error) {
	listed := listTogether(paths)
	infos := make([]Info, len(paths))
	for i, path := range paths {
		info, ok := listed[path]
		if !ok {
			var err error
			if info, err = Stat(path); err != nil {
				return nil, err
			}
		}
		infos[i] = info
	}
	return infos, nil
}

// listTogether finds objects by listing what their addresses have in common. It leaves out those of
// which too many others stand between, and all of a store that cannot be listed.
func listTogether(paths []string) map[string]Info {
	const few, others = 3, 1000       // as many as a store lists at once
	common := make(map[string]string) // what the addresses of a bucket begin with
	wanted := make(map[string]map[string]bool)
	for _, path := range paths {
		scheme, bucket, _, err := objects.Split(path)
		if err != nil || !IsAddress(path) {
			continue
		}
		of := scheme + "://" + bucket + "/"
		if wanted[of] == nil {
			wanted[of], common[of] = make(map[string]bool), path
		}
		wanted[of][path] = true
		for !strings.HasPrefix(path, common[of]) {
			common[of] = strings.TrimSuffix(common[of], "/")
			common[of] = common[of][:strings.LastIndexByte(common[of], '/')+1]
		}
	}
	found := make(map[string]Info)
	for of, addresses := range wanted {
		if len(addresses) < few {
			continue
		}
		left, passed := len(addresses), 0
		for info, err := range listObjects(common[of]) {
			if err != nil {
				break
			}
			if !addresses[info.Path] {
				if passed++; passed > others+10*len(addresses) {
					break
				}
				continue
			}
			found[info.Path] = info
			if left--; left == 0 {
				break
			}
		}
	}
	return found
}

func infoOf(path string, o objects.Info) Info {
	return Info{Path: path, Size: o.Size, ModTime: o.ModTime, Version: o.Version}
}

// Exists reports whether there is a file, a link or an object at path. An object store that
// cannot be asked has none.
func Exists(path string) bool {
	if IsAddress(path) {
		_, err := Stat(path)
		return err == nil
	}
	_, err := os.Lstat(path)
	return err == nil
}

// Open opens the file or object at path for reading, and returns what is known of it. The
// caller must Close it.
func Open(path string) (File, Info, error) {
	if !IsAddress(path) {
		f, err := os.Open(path)
		if err != nil {
			return nil, Info{}, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, Info{}, errors.Join(err, f.Close())
		}
		return f, Info{Path: path, Size: info.Size(), ModTime: info.ModTime(), Mode: info.Mode()}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f, err := objects.OpenFile(ctx, path)
	if err != nil {
		return nil, Info{}, err
	}
	return f, infoOf(path, f.Info), nil
}

// ReadFile returns the content of the file or object at path.
func ReadFile(path string) ([]byte, error) {
	if !IsAddress(path) {
		return os.ReadFile(path)
	}
	f, _, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// List ranges over the files below a folder, however deep, in the bytewise order of their paths
// as addresses have them, with slashes. Links to folders are not followed. An error is the last
// thing yielded.
func List(dir string) iter.Seq2[Info, error] {
	if IsAddress(dir) {
		return listObjects(strings.TrimSuffix(dir, "/") + "/")
	}
	return func(yield func(Info, error) bool) { listFolder(dir, yield) }
}

// listObjects ranges over the objects whose addresses begin with a prefix. Objects that stand for
// a folder, and are empty, are left out.
func listObjects(prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		ctx := context.Background()
		b, key, err := objects.Open(ctx, prefix)
		if err != nil {
			yield(Info{}, err)
			return
		}
		root := strings.TrimSuffix(prefix, key)
		for o, err := range b.List(ctx, key) {
			if err != nil {
				yield(Info{}, err)
				return
			}
			if strings.HasSuffix(o.Key, "/") && o.Size == 0 {
				continue
			}
			if !yield(infoOf(root+o.Key, o), nil) {
				return
			}
		}
	}
}

// listFolder yields the files below a folder. It reports whether to go on.
func listFolder(dir string, yield func(Info, error) bool) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		yield(Info{}, err)
		return false
	}
	// A folder's name sorts as if it ended in the slash that its files' paths have there.
	name := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(name(a), name(b)) })
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			if !listFolder(path, yield) {
				return false
			}
			continue
		}
		info, err := Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a link that leads nowhere, or a file that is gone by now
		}
		if err != nil {
			yield(Info{}, err)
			return false
		}
		if !info.Mode.IsDir() && !yield(info, nil) {
			return false
		}
	}
	return true
}
