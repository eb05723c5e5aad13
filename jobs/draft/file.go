package draft

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/spec"
)

// ExistsError refuses to replace a file that is there.
func ExistsError(path string) error {
	return spec.Errorf("name another file with -o, or replace it with --force", "%s exists", path)
}

// WriteFile writes a job file that is not there yet, or with force in the place of one.
func WriteFile(path string, text []byte, force bool) error {
	write := createFile
	if force {
		write = durable.FS{}.WriteFile
	}
	err := write(path, text, 0o644)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return ExistsError(path)
	case errors.Is(err, fs.ErrNotExist):
		return spec.Errorf("make the folder first", "%s cannot be written: there is no folder %s", path, filepath.Dir(path))
	}
	return fmt.Errorf("the job file cannot be written: %w", err)
}

// createFile writes a file that is not there yet.
func createFile(path string, text []byte, perm fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path) // half of a job is none
	}
	return err
}
