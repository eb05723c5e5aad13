package main

import (
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// shells are those for which genbatch prints completions, with the files' names.
var shells = []struct{ name, file string }{
	{"bash", "genbatch.bash"},
	{"zsh", "genbatch.zsh"},
	{"fish", "genbatch.fish"},
	{"powershell", "genbatch.ps1"},
}

// writeManuals has a binary write its man pages and print its completions into the folders
// man and completions. Packages have their pages packed by gzip, in man-gz.
func writeManuals(binary, dir string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	completions := filepath.Join(dir, "completions")
	if err := os.MkdirAll(completions, 0o755); err != nil {
		return err
	}
	for _, shell := range shells {
		c := exec.Command(binary, "completion", shell.name)
		c.Stderr = os.Stderr
		text, err := c.Output()
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		if err := os.WriteFile(filepath.Join(completions, shell.file), text, 0o644); err != nil {
			return err
		}
	}
	c := exec.Command(binary, "man", filepath.Join(dir, "man"))
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "man", "*.1"))
	if err != nil {
		return err
	}
	if len(pages) == 0 {
		return fmt.Errorf("%s wrote no page", c)
	}
	packed := filepath.Join(dir, "man-gz")
	if err := os.MkdirAll(packed, 0o755); err != nil {
		return err
	}
	for _, page := range pages {
		if err := pack(page, filepath.Join(packed, filepath.Base(page)+".gz")); err != nil {
			return err
		}
	}
	return nil
}

// pack compresses a file, without its time, so that the result is the same each time.
func pack(from, to string) (err error) {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	return z.Close()
}
