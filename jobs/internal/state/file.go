package state

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A FileID identifies a file by what it was when it was seen.
type FileID struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"` // in bytes
	ModTime time.Time `json:"mtime"`
	SHA256  string    `json:"sha256,omitempty"` // in hexadecimal digits; empty if the file was not read
}

// identify returns the ID of a file, without its SHA-256.
func identify(path string) (FileID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return FileID{}, err
	}
	return FileID{Path: path, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// matches reports whether the file at path, which info describes, is the one identified.
// It reads the file only if the size is the same and the time is not.
func (id FileID) matches(path string, info fs.FileInfo) bool {
	if id.Size != info.Size() {
		return false
	}
	if id.ModTime.Equal(info.ModTime()) {
		return true
	}
	sum, err := Sum(path)
	return err == nil && sum == id.SHA256
}

// Sum returns the SHA-256 of a file in hexadecimal digits, as a [FileID] has it.
func Sum(path string) (string, error) {
	f, err := os.Open(path)
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

// sameTime reports whether path, size and time of two IDs are the same. A file that was
// changed within a step of the file system's clock can still be another one.
func (id FileID) sameTime(o FileID) bool {
	return id.Path == o.Path && id.Size == o.Size && id.ModTime.Equal(o.ModTime)
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
