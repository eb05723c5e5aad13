package durable

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A Ledger is a file of JSON lines that only grows: notes of what was done elsewhere,
// such as uploads, which a later process needs to know. Usually the last record of a key
// counts, so that a note is corrected by a further one.
//
// FS and Path must be set. A Ledger is for one goroutine, and only one process may write
// to its file.
type Ledger[T any] struct {
	FS   FS
	Path string

	// whole says that the file is known to end with a line end, or to be empty. If it
	// is not, a crash or a failed write may have left half a line there, and what is
	// appended begins with a line end.
	whole bool
}

// Read returns the records of the file in their order. There are none if there is no
// file. Lines that hold no record are skipped: a crash may have cut them.
func (l *Ledger[T]) Read() (records []T, err error) {
	text, err := os.ReadFile(l.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l.whole = len(text) == 0 || text[len(text)-1] == '\n'
	for line := range bytes.Lines(text) {
		var r T
		if json.Unmarshal(line, &r) == nil {
			records = append(records, r)
		}
	}
	return records, nil
}

// Append adds records to the file, and creates it if there is none. They are durable
// when Append returns nil. If it fails, Read may or may not return them later, and a
// further Append may succeed.
func (l *Ledger[T]) Append(records ...T) error {
	var lines []byte
	if !l.whole {
		lines = append(lines, '\n')
	}
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	err := l.write(lines)
	l.whole = err == nil
	return err
}

func (l *Ledger[T]) write(lines []byte) error {
	a, err := l.FS.OpenAppend(l.Path)
	if err != nil {
		return err
	}
	if _, err = a.Write(lines); err == nil {
		err = a.Sync()
	}
	return errors.Join(err, a.Close(), l.FS.SyncDir(filepath.Dir(l.Path)))
}
