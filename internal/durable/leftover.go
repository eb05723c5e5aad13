package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const tempMark = ".tmp-"

// RemoveTemps removes from a folder what killed processes have left of the files
// that they had begun with CreateFile or WriteFile: of those whose own name, without
// the mark of the temporary one, is chosen. The caller sees to it that nobody is
// writing such a file. It is not durable, since a leftover that comes back after a
// power cut is removed the next time.
func RemoveTemps(dir string, chosen func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var errs []error
	if err != nil {
		errs = append(errs, err) // there may be entries all the same
	}
	for _, e := range entries {
		if name, ok := tempOf(e.Name()); ok && !e.IsDir() && chosen(name) {
			errs = append(errs, remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// tempOf returns the name of the file that a temporary one was to become.
func tempOf(temp string) (name string, ok bool) {
	at := strings.LastIndex(temp, tempMark)
	if at <= 0 {
		return "", false
	}
	digits := temp[at+len(tempMark):]
	return temp[:at], digits != "" && strings.Trim(digits, "0123456789") == ""
}

// Rename gives a file or folder another name beside its own, durably. When it fails,
// it has one of the two names.
func (s FS) Rename(from, to string) error {
	if err := s.do(OpRename, to, func() error { return os.Rename(from, to) }); err != nil {
		return err
	}
	return s.SyncDir(filepath.Dir(to))
}
