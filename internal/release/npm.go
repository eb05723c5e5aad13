package main

import (
	"archive/tar"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// shim is the program of the npm package genbatch: it finds the package with the binary of
// this machine, and runs it.
//
//go:embed shim.js
var shim []byte

// nodeNames are Node's words for Go's.
var nodeNames = map[string]string{"windows": "win32", "amd64": "x64"}

func nodeName(word string) string {
	if n, ok := nodeNames[word]; ok {
		return n
	}
	return word
}

// A manifest is a package.json.
type manifest struct {
	Name                 string            `json:"name"`
	Version              string            `json:"version"`
	Description          string            `json:"description"`
	Homepage             string            `json:"homepage"`
	Repository           map[string]string `json:"repository"`
	License              string            `json:"license"`
	Bin                  map[string]string `json:"bin,omitempty"`
	OS                   []string          `json:"os,omitempty"`
	CPU                  []string          `json:"cpu,omitempty"`
	PreferUnplugged      bool              `json:"preferUnplugged,omitempty"`
	Engines              map[string]string `json:"engines,omitempty"`
	OptionalDependencies map[string]string `json:"optionalDependencies,omitempty"`
}

// writeNPM writes a package for each binary, which npm installs only on its platform, and
// the package genbatch, which depends on all of them. Nothing is downloaded by scripts when
// they are installed, so that they also install with --ignore-scripts and from a mirror.
func writeNPM(d *dist, dir string) error {
	about := manifest{
		Version: d.version, Description: "Run a table of rows through a Gemini model",
		Homepage:   "https://github.com/genbatch/genbatch",
		Repository: map[string]string{"type": "git", "url": "git+https://github.com/genbatch/genbatch.git"},
		License:    "MIT",
	}
	top := about
	top.Name = "genbatch"
	top.Bin = map[string]string{"genbatch": "bin/genbatch.js"}
	top.Engines = map[string]string{"node": ">=18"}
	top.OptionalDependencies = make(map[string]string)
	for _, b := range d.binaries {
		program, err := os.ReadFile(b.path)
		if err != nil {
			return err
		}
		system, cpu := nodeName(b.os), nodeName(b.arch)
		p := about
		p.Name = "@genbatch/" + system + "-" + cpu
		p.OS, p.CPU = []string{system}, []string{cpu}
		p.PreferUnplugged = true // the binary must lie on disk, also under Yarn's Plug'n'Play
		top.OptionalDependencies[p.Name] = d.version
		file := filepath.Join(dir, fmt.Sprintf("genbatch-%s-%s-%s.tgz", system, cpu, d.version))
		if err := writePackage(file, &p, packed{"bin/" + b.name(), 0o755, program}); err != nil {
			return err
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	return writePackage(filepath.Join(dir, fmt.Sprintf("genbatch-%s.tgz", d.version)), &top,
		packed{"bin/genbatch.js", 0o755, shim}, packed{"README.md", 0o644, readme})
}

// A packed is a file in a package.
type packed struct {
	name string
	mode int64
	text []byte
}

// writePackage writes a package as npm pack does, with its one time for all files.
func writePackage(file string, m *manifest, files ...packed) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	files = append([]packed{{"package.json", 0o644, append(text, '\n')}, {"LICENSE", 0o644, license}}, files...)
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := writeTar(f, files); err != nil {
		f.Close() // it is given up
		return fmt.Errorf("%s: %w", file, err)
	}
	return f.Close()
}

func writeTar(w io.Writer, files []packed) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{
			Name: "package/" + f.name, Mode: f.mode, Size: int64(len(f.text)), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR,
			ModTime: time.Date(1985, time.October, 26, 8, 15, 0, 0, time.UTC), // npm's own
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.text); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}
