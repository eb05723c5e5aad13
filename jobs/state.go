package jobs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// The state folder's files, beside the journal's own.
const (
	lockFile     = "lock"          // held by the process that runs the job
	specFile     = "job.json"      // the effective Spec
	manifestFile = "manifest.json" // what the output was derived from
	nextFile     = "next.json"     // the output that is about to appear
	spoolName    = "stdin"         // what stdin held
)

// savedJob is job.json: what the other commands need to know of a job.
type savedJob struct {
	Genbatch string    `json:"genbatch"` // version that wrote it
	Wording  int       `json:"wording"`
	Spec     spec.Spec `json:"spec"`
}

// saveSpec writes job.json, which holds no key.
func (j *Job) saveSpec() error {
	dir := j.spec.StateDir()
	old, err := readSaved(dir)
	if err != nil {
		old = nil
	}
	if old != nil && old.Wording > prompt.Wording {
		return spec.Errorf("use that version, or begin anew with --fresh",
			"%s was begun by genbatch %s, which words requests in a way that this version does not know", dir, old.Genbatch)
	}
	if old != nil && j.lock != nil && !spec.SameQuestion(&old.Spec, &j.spec) {
		j.log.Warn(fmt.Sprintf("%s was begun with another model, prompt or request: rows that ask another thing now are asked, and paid for, anew (genbatch plan says how many)", dir))
	}
	text, err := json.MarshalIndent(savedJob{Genbatch: version.Version(), Wording: prompt.Wording, Spec: j.spec.WithoutSecrets()}, "", "  ")
	if err != nil {
		return err
	}
	return j.fs.WriteFile(filepath.Join(dir, specFile), append(text, '\n'), 0o600)
}

func readSaved(dir string) (*savedJob, error) {
	text, err := os.ReadFile(filepath.Join(dir, specFile))
	if err != nil {
		return nil, err
	}
	var saved savedJob
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // numbers of request: are sent as they were written
	if err := d.Decode(&saved); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, specFile), err)
	}
	return &saved, nil
}

// LoadState returns the Spec that a state folder was last run with.
func LoadState(dir string) (*spec.Spec, error) {
	saved, err := readSaved(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, spec.Errorf("name the job file, the output of a run, or its folder with --state", "no run has left its state in %s", dir)
	}
	if err != nil {
		return nil, &spec.Error{Err: err}
	}
	saved.Spec.State = dir
	return &saved.Spec, nil
}

var spoolFormats = []string{"jsonl", "csv", "tsv", "parquet"}

// spool copies stdin into the state folder, so that the job can be carried on
// with. Where stdin has nothing (a run that is carried on with from a terminal or
// from cron), what an earlier run kept is used.
func (j *Job) spool(stdin io.Reader) error {
	if stdin == nil {
		stdin = os.Stdin
	}
	if f, ok := stdin.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&fs.ModeCharDevice != 0 {
			stdin = bytes.NewReader(nil)
		}
	}
	head := make([]byte, 4)
	n, err := io.ReadFull(stdin, head)
	head = head[:n]
	if n == 0 {
		if _, err := j.spoolPath(); err == nil {
			return nil
		}
		return spec.Errorf("pipe the rows in, or name a file with --input", "stdin is empty")
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return &spec.Error{Err: fmt.Errorf("stdin: %w", err)}
	}
	format := j.spec.InputFormat
	switch {
	case format != "":
	case bytes.HasPrefix(head, []byte("PAR1")):
		format = "parquet"
	case bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n"), []byte("{")):
		format = "jsonl"
	default:
		return spec.Errorf("say it with --input-format csv, tsv, jsonl or parquet", "the format of stdin is not known")
	}
	f, err := j.fs.CreateFile(filepath.Join(j.spec.StateDir(), spoolName+"."+format))
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := io.Copy(f, io.MultiReader(bytes.NewReader(head), stdin)); err != nil {
		return fmt.Errorf("stdin: %w", err)
	}
	if err := f.Commit(); err != nil {
		return err
	}
	// A spool of another format is of no use any more. One that is left by a crash
	// is older than this one: see spoolPath.
	for _, other := range spoolFormats {
		if other != format {
			if err := os.Remove(filepath.Join(j.spec.StateDir(), spoolName+"."+other)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// spoolPath returns the file that holds what stdin held.
func (j *Job) spoolPath() (string, error) {
	var (
		newest string
		at     time.Time
	)
	for _, format := range spoolFormats {
		path := filepath.Join(j.spec.StateDir(), spoolName+"."+format)
		if info, err := os.Stat(path); err == nil && (newest == "" || info.ModTime().After(at)) {
			newest, at = path, info.ModTime()
		}
	}
	if newest != "" {
		return newest, nil
	}
	return "", spec.Errorf("pipe the rows in, or name a file with --input", "nothing of stdin is kept in %s", j.spec.StateDir())
}

// A fileID tells whether a file is the one that was seen.
type fileID struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"mtime"`
	SHA256  string    `json:"sha256,omitempty"`
}

func identify(path string) (fileID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileID{}, err
	}
	return fileID{Path: path, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// matches reports whether the file at path, as info describes it, is the one
// identified: by size and time, or else by content.
func (id fileID) matches(path string, info fs.FileInfo) bool {
	if id.Size != info.Size() {
		return false
	}
	if id.ModTime.Equal(info.ModTime()) {
		return true
	}
	sum, err := sumFile(path)
	return err == nil && sum == id.SHA256
}

func sumFile(path string) (string, error) {
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

// A manifest says what a finished output was derived from.
type manifest struct {
	Genbatch string      `json:"genbatch"`
	LastSeq  int64       `json:"last_seq"`         // of the journal
	Pruned   int         `json:"pruned,omitzero"`  // how often the journal had been
	Damage   []string    `json:"damage,omitempty"` // of the journal, that was made good before the output was written
	Rows     int64       `json:"rows"`
	Output   fileID      `json:"output"`
	Inputs   []fileID    `json:"inputs"`
	Journal  []fileID    `json:"journal,omitempty"` // its files; none: it was damaged
	Media    string      `json:"media,omitempty"`   // what the rows were with their media; see Parts.seen
	Spec     string      `json:"spec_sha256"`       // of the Spec and its price file
	Summary  cost.Totals `json:"totals"`
}

func readManifest(dir string) (*manifest, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, manifestFile), err)
	}
	return &m, nil
}

func (m *manifest) write(fsys durable.FS, dir string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return fsys.WriteFile(filepath.Join(dir, manifestFile), append(text, '\n'), 0o600)
}

// disown makes a manifest that was written over a longer journal count no more: when
// the journal has grown again to that length, it holds other answers. It returns the
// damage that was made good before.
func (j *Job) disown() (made []string, err error) {
	m, err := readManifest(j.spec.StateDir())
	if err != nil {
		return nil, nil // none that counts
	}
	if m.LastSeq <= j.journal.Last() {
		return m.Damage, nil
	}
	m.LastSeq = -1
	return m.Damage, m.write(j.fs, j.spec.StateDir())
}

// viewJournal opens a journal for reading. A job that was never run has an empty
// one.
func viewJournal(dir string) (*journal.Journal, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if dir, err = os.MkdirTemp("", "genbatch-"); err != nil {
			return nil, err
		}
		defer os.Remove(dir)
	}
	return journal.Open(journal.Config{Dir: dir, ReadOnly: true})
}
