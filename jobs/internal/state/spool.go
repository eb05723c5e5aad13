package state

import (
	"bufio"
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
//
// warn is told if the copy stays and somebody seems to have meant to give other rows: stdin
// is a pipe or a file, and not a device, to which nobody writes rows.
//
// Once rows were answered, another stdin is most likely one that was meant for another
// output. So confirm is asked about it with a sentence, and its error ends the run. Rows
// that were added at the end need no question.
func (f *Folder) Spool(stdin io.Reader, format string, confirm func(sentence string) error, warn func(string)) error {
	if stdin == nil {
		stdin = os.Stdin
	}
	meant := true
	if file, ok := stdin.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&fs.ModeCharDevice != 0 {
			stdin, meant = bytes.NewReader(nil), false
		}
	}
	head := make([]byte, 4)
	n, err := io.ReadFull(stdin, head)
	head = head[:n]
	if n == 0 {
		_, none := f.Spooled()
		switch {
		case none != nil && err != io.EOF:
			return &spec.Error{Err: fmt.Errorf("stdin: %w", err)}
		case none != nil:
			return spec.Errorf("pipe the rows in, or name a file with --input", "stdin is empty")
		case err != io.EOF:
			warn(fmt.Sprintf("stdin could not be read, and the rows kept from before were used: %v", err))
		case meant:
			warn("stdin was empty, and the rows kept from before were used; if a program should have sent rows, see whether it failed (with </dev/null nobody should)")
		}
		return nil
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return &spec.Error{Err: fmt.Errorf("stdin: %w", err)}
	}
	for magic, program := range map[string]string{"\x1f\x8b": "gzip", "\x28\xb5\x2f\xfd": "zstd"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return spec.Errorf(fmt.Sprintf("unpack it on the way, with: %s -dc FILE | genbatch …", program), "stdin is compressed with %s", program)
		}
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
	old, err := openSpooled(f)
	if err != nil {
		return err
	}
	defer old.Close()
	if _, err := io.Copy(io.MultiWriter(w, old), io.MultiReader(bytes.NewReader(head), stdin)); err != nil {
		return fmt.Errorf("stdin: %w", err)
	}
	if differs := old.differs(); differs && HasResults(f.Dir) {
		err := confirm(fmt.Sprintf("stdin is another one than before: %s holds answers to the rows of that, and %s would hold the rows of this one alone", f.Dir, f.Output))
		if err != nil {
			return err
		}
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

// A spooled compares what is written to it with the copy of an earlier stdin.
type spooled struct {
	file  *os.File // nil if there is none
	r     *bufio.Reader
	other bool // they differ before the end of the copy
}

// openSpooled opens the copy of an earlier stdin, if there is one.
func openSpooled(f *Folder) (*spooled, error) {
	path, err := f.Spooled()
	if err != nil {
		return &spooled{}, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &spooled{file: file, r: bufio.NewReader(file)}, nil
}

// Write implements io.Writer.
func (s *spooled) Write(p []byte) (int, error) {
	if s.file == nil || s.other {
		return len(p), nil
	}
	for rest := p; len(rest) > 0; {
		old, err := s.r.Peek(min(len(rest), 4<<10))
		if !bytes.HasPrefix(rest, old) {
			s.other = true
			break
		}
		if rest = rest[len(old):]; len(old) == 0 {
			break // it goes on after the end of the copy
		}
		if _, discard := s.r.Discard(len(old)); discard != nil || err != nil && err != io.EOF {
			s.other = true
			break
		}
	}
	return len(p), nil
}

// differs reports whether what was written does not begin with all of the copy.
func (s *spooled) differs() bool {
	if s.file == nil {
		return false
	}
	_, err := s.r.Peek(1)
	return s.other || err != io.EOF
}

// Close closes the copy, if there is one.
func (s *spooled) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
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
