package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/jobs/spec"
)

// spoolFormats are the formats that stdin can have, which are also the extensions of its
// copy.
var spoolFormats = []string{fileformat.JSONL, fileformat.CSV, fileformat.TSV, fileformat.Parquet}

// Spool copies stdin into the folder, so that a later run has the same rows. If stdin is
// empty, the copy of an earlier run stays: such a run carries on from a terminal or from
// cron. A nil stdin is the process's own. format is that of the input; if it is empty,
// the first bytes tell it.
func (f *Folder) Spool(stdin io.Reader, format string) error {
	if stdin == nil {
		stdin = os.Stdin
	}
	if file, ok := stdin.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&fs.ModeCharDevice != 0 {
			stdin = bytes.NewReader(nil)
		}
	}
	head := make([]byte, 4)
	n, err := io.ReadFull(stdin, head)
	head = head[:n]
	if n == 0 {
		if _, err := f.Spooled(); err == nil {
			return nil
		}
		return spec.Errorf("pipe the rows in, or name a file with --input", "stdin is empty")
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return &spec.Error{Err: fmt.Errorf("stdin: %w", err)}
	}
	if format == "" {
		if format = sniff(head); format == "" {
			return spec.Errorf("say it with --input-format csv, tsv, jsonl or parquet", "the format of stdin is not known")
		}
	}
	w, err := f.FS.CreateFile(f.spoolPath(format))
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := io.Copy(w, io.MultiReader(bytes.NewReader(head), stdin)); err != nil {
		return fmt.Errorf("stdin: %w", err)
	}
	if err := w.Commit(); err != nil {
		return err
	}
	// A copy in another format is of no use any more. If a crash leaves one, it is older
	// than this one, and Spooled passes over it.
	for _, other := range spoolFormats {
		if other != format {
			if err := f.FS.Remove(f.spoolPath(other)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sniff returns the format that begins with these bytes, or "" if they do not tell.
func sniff(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("PAR1")):
		return fileformat.Parquet
	case bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n"), []byte("{")):
		return fileformat.JSONL
	}
	return ""
}

func (f *Folder) spoolPath(format string) string { return f.Path(spoolName + "." + format) }

// Spooled returns the path of the newest copy of stdin. The error is a [*spec.Error] if
// there is none.
func (f *Folder) Spooled() (string, error) {
	var (
		newest string
		at     time.Time
	)
	for _, format := range spoolFormats {
		path := f.spoolPath(format)
		if info, err := os.Stat(path); err == nil && (newest == "" || info.ModTime().After(at)) {
			newest, at = path, info.ModTime()
		}
	}
	if newest != "" {
		return newest, nil
	}
	return "", spec.Errorf("pipe the rows in, or name a file with --input", "nothing of stdin is kept in %s", f.Dir)
}
