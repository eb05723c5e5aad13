package paths

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/internal/store"
)

// This file knows what stands in folders, on disk and in object stores.

// A tree is where folders and files stand.
type tree interface {
	// list returns what a folder has in it. The error is [fs.ErrNotExist] if there is none.
	list(dir string) ([]child, error)

	// look returns what stands at a path. The error is [fs.ErrNotExist] if nothing does.
	look(path string) (child, error)
}

// A child is what stands in a folder.
type child struct {
	name     string
	isFolder bool // also if it is a link to one
	isLink   bool
	info     store.Info // of a file
}

// treeOf returns the tree in which a folder stands.
func treeOf(folder string) tree {
	if store.IsAddress(folder) {
		return &bucket{folder: strings.TrimSuffix(folder, "/")}
	}
	return disk{}
}

// A disk is the tree of the system's files.
type disk struct{}

func (disk) list(dir string) ([]child, error) {
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &Error{Path: dir, Err: fmt.Errorf("the folder cannot be listed: %w", plain(err))}
	}
	children := make([]child, 0, len(entries))
	for _, e := range entries {
		c := child{name: e.Name(), isFolder: e.IsDir(), isLink: e.Type()&fs.ModeSymlink != 0}
		if !c.isFolder {
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // it was removed meanwhile
			}
			if c, err = known(c, filepath.Join(dir, c.name), info, err); err != nil {
				return nil, err
			}
		}
		children = append(children, c)
	}
	return children, nil
}

func (disk) look(path string) (child, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return child{}, err
	}
	return known(child{name: filepath.Base(path), isFolder: info.IsDir(), isLink: info.Mode()&fs.ModeSymlink != 0}, path, info, nil)
}

// known fills in what is known of a file, or of what a link leads to. A link that leads nowhere
// is taken for a file, so that opening it says so.
func known(c child, path string, info fs.FileInfo, err error) (child, error) {
	if c.isLink {
		if info, err = os.Stat(path); err != nil {
			c.info.Size = 1 // which is not empty
			c.info.Path = path
			return c, nil
		}
	}
	if err != nil {
		return c, &Error{Path: path, Err: plain(err)}
	}
	c.isFolder = info.IsDir()
	c.info = store.Info{Path: path, Size: info.Size(), ModTime: info.ModTime(), Mode: info.Mode()}
	return c, nil
}

// A bucket is the tree of the objects below a folder. Stores have no folders of their own: all
// objects are listed at once.
type bucket struct {
	folder   string             // its address
	children map[string][]child // by the address of the folder; nil until it is needed
}

func (b *bucket) list(dir string) ([]child, error) {
	if b.children == nil {
		if err := b.read(); err != nil {
			if errors.Is(err, fs.ErrNotExist) { // the bucket is not there, which is no folder without files
				err = errors.New(plain(err).Error())
			}
			return nil, &Error{Path: b.folder, Err: fmt.Errorf("the folder cannot be listed: %w", plain(err))}
		}
	}
	children, ok := b.children[strings.TrimSuffix(dir, "/")]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return children, nil
}

// read lists all objects.
func (b *bucket) read() error {
	b.children = make(map[string][]child)
	for info, err := range store.List(b.folder) {
		if err != nil {
			return err
		}
		dir, name := b.folder, ""
		for rest := strings.TrimPrefix(info.Path, b.folder+"/"); ; {
			var more bool
			if name, rest, more = strings.Cut(rest, "/"); !more {
				break
			}
			sub := dir + "/" + name
			if b.children[sub] == nil {
				b.children[sub] = []child{}
				b.children[dir] = append(b.children[dir], child{name: name, isFolder: true})
			}
			dir = sub
		}
		b.children[dir] = append(b.children[dir], child{name: name, info: info})
	}
	return nil
}

func (b *bucket) look(address string) (child, error) {
	if address == b.folder || strings.HasPrefix(b.folder, address+"/") {
		return child{name: path.Base(address), isFolder: true}, nil
	}
	children, err := b.list(address[:strings.LastIndexByte(address, '/')])
	if err != nil {
		return child{}, err
	}
	for _, c := range children {
		if store.Join(address[:strings.LastIndexByte(address, '/')], c.name) == address {
			return c, nil
		}
	}
	return child{}, fs.ErrNotExist
}
