package state

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/store"
)

// A FileID identifies a file or an object by what it was when it was seen.
type FileID struct {
	Path    string    `json:"path"` // or its address
	Size    int64     `json:"size"` // in bytes
	ModTime time.Time `json:"mtime"`
	Version string    `json:"version,omitempty"` // of an object, which tells more than its time
	SHA256  string    `json:"sha256,omitempty"`  // in hexadecimal digits; empty if the file was not read
}

// identify returns the ID of a file or an object, without its SHA-256.
func identify(path string) (FileID, error) {
	info, err := store.Stat(path)
	if err != nil {
		return FileID{}, err
	}
	return idOf(info), nil
}

func idOf(info store.Info) FileID {
	return FileID{Path: info.Path, Size: info.Size, ModTime: info.ModTime, Version: info.Version}
}

// matches reports whether the file at path, which info describes, is the one identified.
// It reads the file only if the size is the same, and the time or the version is not.
func (id FileID) matches(path string, info store.Info) bool {
	if id.Size != info.Size {
		return false
	}
	if idOf(info).sameWriting(id) {
		return true
	}
	sum, err := Sum(path)
	return err == nil && sum == id.SHA256
}

// Sum returns the SHA-256 of a file or an object in hexadecimal digits, as a [FileID] has it.
func Sum(path string) (string, error) {
	f, _, err := store.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sameTime reports whether path, size, and time or version of two IDs are the same. A file that was
// changed within a step of the file system's clock can still be another one.
func (id FileID) sameTime(o FileID) bool {
	return id.Path == o.Path && id.Size == o.Size && id.sameWriting(o)
}

// sameWriting reports whether two IDs have the same version, or of files the same time.
func (id FileID) sameWriting(o FileID) bool {
	if id.Version != "" || o.Version != "" {
		return id.Version == o.Version
	}
	return id.ModTime.Equal(o.ModTime)
}

// journalFiles returns the segments of the journal in a folder, and the folder of its
// blobs, whose time changes when a blob is added or removed.
func journalFiles(dir string) ([]FileID, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []FileID
	for _, e := range entries {
		if name := e.Name(); name == "blobs" || strings.HasPrefix(name, "results-") {
			id, err := identify(filepath.Join(dir, name))
			if err != nil {
				return nil, err
			}
			id.Path = name // the folder may be moved
			ids = append(ids, id)
		}
	}
	return ids, nil
}
