package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A dist is what goreleaser left in its folder.
type dist struct {
	version  string // as 0.4.0, or 0.4.0-rc.1
	binaries []binary
}

// A binary is one that goreleaser built.
type binary struct {
	os, arch string // in Go's words
	path     string
	date     time.Time // of the commit: .goreleaser.yaml gives it to the file
}

// name returns the file's name as users call it.
func (b *binary) name() string { return filepath.Base(b.path) }

// readDist reads goreleaser's record of what it built.
func readDist(dir string) (*dist, error) {
	var metadata struct {
		Version string `json:"version"`
	}
	if err := readJSON(filepath.Join(dir, "metadata.json"), &metadata); err != nil {
		return nil, err
	}
	var artifacts []struct {
		Path   string `json:"path"` // below the folder in which goreleaser ran
		Type   string `json:"type"`
		GOOS   string `json:"goos"`
		GOARCH string `json:"goarch"`
	}
	if err := readJSON(filepath.Join(dir, "artifacts.json"), &artifacts); err != nil {
		return nil, err
	}
	d := &dist{version: metadata.Version}
	for _, a := range artifacts {
		if a.Type == "Binary" {
			b := binary{os: a.GOOS, arch: a.GOARCH, path: filepath.Join(dir, "..", a.Path)}
			info, err := os.Stat(b.path)
			if err != nil {
				return nil, err
			}
			b.date = info.ModTime().UTC()
			d.binaries = append(d.binaries, b)
		}
	}
	if d.version == "" || len(d.binaries) == 0 {
		return nil, errors.New("it holds no binaries of a version")
	}
	return d, nil
}

func readJSON(file string, v any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
