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

// A FileID tells whether a file is the one that was seen.
type FileID struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"mtime"`
	SHA256  string    `json:"sha256,omitempty"`
}

// Identify returns the ID of a file, without its SHA-256.
func Identify(path string) (FileID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return FileID{}, err
	}
	return FileID{Path: path, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// Matches reports whether the file at path, as info describes it, is the one
// identified: by size and time, or else by content.
func (id FileID) Matches(path string, info fs.FileInfo) bool {
	if id.Size != info.Size() {
		return false
	}
	if id.ModTime.Equal(info.ModTime()) {
		return true
	}
	sum, err := Sum(path)
	return err == nil && sum == id.SHA256
}

// Sum returns the SHA-256 of a file, as hexadecimal digits.
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

// sameTime reports whether two IDs are of a file that was not changed between them, as
// far as its size and time tell.
func (id FileID) sameTime(o FileID) bool {
	return id.Path == o.Path && id.Size == o.Size && id.ModTime.Equal(o.ModTime)
}

// journalFiles lists the files of the journal in a folder, and the folder of its blobs,
// whose time changes when one comes or goes.
func journalFiles(dir string) ([]FileID, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []FileID
	for _, e := range entries {
		if name := e.Name(); name == "blobs" || strings.HasPrefix(name, "results-") {
			id, err := Identify(filepath.Join(dir, name))
			if err != nil {
				return nil, err
			}
			id.Path = name // the folder may be moved
			ids = append(ids, id)
		}
	}
	return ids, nil
}
