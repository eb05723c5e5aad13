package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tempMark stands in a temporary name between the file's own name and some digits.
const tempMark = ".tmp-"

// RemoveTemps removes temporary files that killed processes have left in a folder. It
// removes those of [FS.CreateFile], [FS.CreateShared] and [FS.WriteFile] for which chosen
// returns true, given the name that the file was to have. The caller makes sure that
// nobody is writing such a file. The removal is not durable, since a leftover that comes
// back after a power cut is removed the next time.
func RemoveTemps(dir string, chosen func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var errs []error
	if err != nil {
		errs = append(errs, err) // ReadDir may have returned some entries even so
	}
	for _, e := range entries {
		if name, ok := tempOf(e.Name()); ok && !e.IsDir() && chosen(name) {
			errs = append(errs, FS{}.remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// IsTempOf reports whether a name is that of a temporary file which was to have the other
// name.
func IsTempOf(temp, name string) bool {
	of, ok := tempOf(temp)
	return ok && of == name
}

// tempOf returns the name that a temporary file was to have.
func tempOf(temp string) (name string, ok bool) {
	at := strings.LastIndex(temp, tempMark)
	if at <= 0 {
		return "", false
	}
	digits := temp[at+len(tempMark):]
	return temp[:at], digits != "" && strings.Trim(digits, "0123456789") == ""
}

// Rename durably gives a file or folder another name in the same folder. If Rename fails,
// the file has one of the two names.
func (s FS) Rename(from, to string) error {
	if err := s.do(OpRename, to, func() error { return s.rename(from, to) }); err != nil {
		return err
	}
	return s.SyncDir(filepath.Dir(to))
}
