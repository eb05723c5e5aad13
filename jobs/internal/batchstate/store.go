package batchstate

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/internal/durable"
)

const (
	folderName = "batches"
	recordFile = "jobs.jsonl"
	rowsSuffix = ".rows.jsonl"
	// DisplayPrefix begins the display name of every job that genbatch makes.
	DisplayPrefix = "genbatch-"
)

// A Step is how far a batch job has come, as far as the record knows.
type Step string

// The steps, in their order; see the package comment.
const (
	Intent   Step = "intent"
	Uploaded Step = "uploaded"
	Created  Step = "created"
	Running  Step = "running"
	Ended    Step = "ended"
	Fetched  Step = "fetched"
	Applied  Step = "applied"
	Cleaned  Step = "cleaned"
	Dropped  Step = "dropped"
)

// A Job is a batch job with all that the record says of it. Its JSON is a line of the
// record: each line repeats what the ones before said.
type Job struct {
	ID   string    `json:"id"`
	Step Step      `json:"step"`
	At   time.Time `json:"at"` // of the step

	Begun  time.Time `json:"begun"` // when its requests were complete, by the clock of this machine
	Owner            // whose it is
	Model  string    `json:"model"`
	Size             // of its requests
	SHA256 string    `json:"sha256"`         // of the requests
	Form   string    `json:"form,omitempty"` // the field that its requests have their schema in; empty without one
	Remote           // what is known of it at the endpoint
	Counts           // what its results came to
	Cancel *Cancel   `json:"cancel,omitempty"`
	Why    string    `json:"why,omitempty"` // of dropped, or of a job that failed
}

// A Size says how large a job is.
type Size struct {
	Rows     int64 `json:"rows"`
	Requests int64 `json:"requests,omitempty"` // how many requests it has, if rows share them; see Calls
	Bytes    int64 `json:"bytes"`              // of the requests
	Tokens   int64 `json:"tokens"`             // of input, as estimated
}

// Calls returns how many requests the job has.
func (s *Size) Calls() int64 { return cmp.Or(s.Requests, s.Rows) }

// add adds a request that so many rows share, of so many bytes and estimated tokens.
func (s *Size) add(rows, bytes, tokens int) {
	calls := s.Calls() + 1
	if s.Rows += int64(rows); s.Rows != calls {
		s.Requests = calls
	}
	s.Bytes += int64(bytes)
	s.Tokens += int64(tokens)
}

// Counts say what the results of a job came to, once they are applied.
type Counts struct {
	Answered int64 `json:"answered,omitempty"` // rows with an answer
	Invalid  int64 `json:"invalid,omitempty"`  // of these, those that failed their check
	Missing  int64 `json:"missing,omitempty"`  // rows without a line
	Doubled  int64 `json:"doubled,omitempty"`  // lines after the first one of a row
	Foreign  int64 `json:"foreign,omitempty"`  // lines of rows that are not in the job
}

// An Owner says to whom batch jobs belong: only a key of the same project sees them.
type Owner struct {
	Endpoint string `json:"endpoint"`
	Project  string `json:"project,omitempty"` // of Vertex AI
	KeyID    string `json:"key_id,omitempty"`  // identifies the API key, and does not reveal it
	KeyFrom  string `json:"key_from,omitempty"`
}

// Remote is what is known of a batch job at its endpoint.
type Remote struct {
	File    string        `json:"file,omitempty"` // the uploaded requests
	Name    string        `json:"name,omitempty"`
	Created time.Time     `json:"created,omitzero"`
	State   batches.State `json:"state,omitempty"`
	Worked  bool          `json:"worked,omitempty"` // it was seen running, or to have ended in success
	Results string        `json:"results,omitempty"`
	Others  []string      `json:"others,omitempty"` // further jobs of the same requests, which were cancelled
	Hint    string        `json:"hint,omitempty"`   // what somebody has to do before the next job does not fail likewise
	Doubt   bool          `json:"doubt,omitempty"`  // it was created anew after a reply that was lost: there may be another one

	// Since when the job is looked for, after a creation that got no reply; zero if there was
	// none since.
	Sought time.Time `json:"sought_since,omitzero"`
	// Since when the endpoint does not know the job, and since when it has ended without
	// results, which may still come. Zero if that is not so.
	Gone  time.Time `json:"gone_since,omitzero"`
	Quiet time.Time `json:"quiet_since,omitzero"`
}

// A Cancel says when, and why, a batch job was to be cancelled.
type Cancel struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// Live reports whether the job's rows belong to it.
func (j *Job) Live() bool {
	return j.Step != Applied && j.Step != Cleaned && j.Step != Dropped
}

// AtWork reports whether the endpoint has the job, and was not seen to have ended it.
func (j *Job) AtWork() bool { return j.Step == Created || j.Step == Running }

// DisplayName is the name by which the job is found again.
func (j *Job) DisplayName() string { return DisplayPrefix + j.ID + "-" + j.SHA256[:8] }

// A Store is the record of a job's batch jobs. It is for one goroutine, and only the
// process that holds the lock of the state folder may write to it.
type Store struct {
	dir    string
	fs     durable.FS
	folder string // 8 hexadecimal digits in the ids of all jobs of this record
	jobs   []*Job // in the order of their intents
	record *durable.Appender
}

// A DamageError says that the record cannot be trusted.
type DamageError struct {
	Path string
	Line int
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s:%d: the record of batch jobs is damaged: a job that it named may hold rows, so nothing is sent. "+
		"Remove the line; genbatch status then names jobs that the endpoint has and the record lacks, whose rows a run would ask again", e.Path, e.Line)
}

// Open opens the record of a state folder for writing, and cuts off what a crash has left
// of a last line. The folder is made when the first job is added. The error is a
// [*DamageError], or a fault of the disk.
func Open(stateDir string, fsys durable.FS) (*Store, error) {
	s := &Store{dir: filepath.Join(stateDir, folderName), fs: fsys}
	whole, err := s.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := s.recallFolder(); err != nil {
			return nil, err
		}
		return s, s.removeLeftovers()
	case err != nil:
		return nil, err
	}
	if s.record, err = fsys.OpenAppend(s.path(recordFile)); err != nil {
		return nil, err
	}
	if s.record.Size() > whole {
		err = s.record.Truncate(whole)
	}
	if err == nil {
		err = s.removeLeftovers()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// recallFolder finds the mark of a record that is gone in the names of the files beside it, so
// that the jobs at the endpoint are still known to be of this folder.
func (s *Store) recallFolder() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if id, ours := strings.CutSuffix(e.Name(), rowsSuffix); ours {
			s.folder, _, _ = strings.Cut(id, "-")
		}
	}
	return nil
}

// View reads the record of a state folder, which another process may be writing to.
func View(stateDir string) (*Store, error) {
	s := &Store{dir: filepath.Join(stateDir, folderName)}
	if _, err := s.read(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s, nil
}

// Close closes the record.
func (s *Store) Close() error {
	if s.record == nil {
		return nil
	}
	return s.record.Close()
}

// Jobs returns the batch jobs of the record, the oldest first.
func (s *Store) Jobs() []*Job { return s.jobs }

// Live returns those to which rows belong.
func (s *Store) Live() (live []*Job) {
	for _, j := range s.jobs {
		if j.Live() {
			live = append(live, j)
		}
	}
	return live
}

// Folder begins the ids of all jobs of the record. It is empty before the first one.
func (s *Store) Folder() string { return s.folder }

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// Requests is the path of the file with a job's requests.
func (s *Store) Requests(j *Job) string { return s.path(j.ID + ".requests.jsonl") }

// Results is the path of the file with a job's results.
func (s *Store) Results(j *Job) string { return s.path(j.ID + ".results.jsonl") }

func (s *Store) rows(j *Job) string { return s.path(j.ID + rowsSuffix) }

// read reads the record. It returns the length of what is whole.
func (s *Store) read() (whole int64, err error) {
	f, err := os.Open(s.path(recordFile))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	byID := make(map[string]*Job)
	damaged := 0
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err // what stands behind is not known, and must not be cut off
		}
		if len(line) == 0 {
			break
		}
		j, ok := parseLine(line)
		switch {
		case damaged > 0:
			return 0, &DamageError{s.path(recordFile), damaged}
		case !ok:
			damaged = n // the last line, unless another one follows
		default:
			whole += int64(len(line))
			if old := byID[j.ID]; old != nil {
				*old = *j
			} else {
				byID[j.ID] = j
				s.jobs = append(s.jobs, j)
			}
			s.folder, _, _ = strings.Cut(j.ID, "-")
		}
		if err != nil {
			break
		}
	}
	return whole, nil
}

// lineOf returns the line of a job, with its sum.
func lineOf(j *Job) ([]byte, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	return durable.AppendSum(text[:len(text)-1], 0), nil // without the brace
}

// parseLine reads a line of the record. It returns false if the line does not match its sum.
func parseLine(line []byte) (*Job, bool) {
	line, whole := bytes.CutSuffix(line, []byte("\n"))
	text, ok := durable.VerifySum(line)
	if !whole || !ok {
		return nil, false
	}
	j := new(Job)
	if json.Unmarshal(append(slices.Clone(text), '}'), j) != nil || j.ID == "" || len(j.SHA256) < 8 {
		return nil, false
	}
	return j, true
}

// Note records that a job has come to a step. It is durable when Note returns nil.
func (s *Store) Note(j *Job, step Step) error {
	next := *j
	next.Step, next.At = step, time.Now().Round(0).UTC()
	line, err := lineOf(&next)
	if err != nil {
		return err
	}
	if s.record == nil {
		if err := s.create(); err != nil {
			return err
		}
	}
	if _, err = s.record.Write(line); err == nil {
		err = s.record.Sync()
	}
	if err != nil {
		return fmt.Errorf("the record of batch jobs cannot be written: %w", err)
	}
	*j = next
	if !slices.Contains(s.jobs, j) {
		s.jobs = append(s.jobs, j)
	}
	return nil
}

// create makes the record, which is durable before its first line.
func (s *Store) create() (err error) {
	if s.record, err = s.fs.OpenAppend(s.path(recordFile)); err != nil {
		return err
	}
	return s.fs.SyncDir(s.dir)
}

// newID returns the id of a new job. Its first half is that of all jobs of the record, so
// that jobs of ours that the record does not know are told from those of other folders.
func (s *Store) newID() string {
	if s.folder == "" {
		s.folder = randomHex()
	}
	return s.folder + "-" + randomHex()
}

func randomHex() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// removeLeftovers removes the files of jobs that need them no more, and those whose intent
// was never recorded.
func (s *Store) removeLeftovers() error {
	if err := durable.RemoveTemps(s.dir, func(string) bool { return true }); err != nil {
		return err
	}
	needed := map[string]bool{recordFile: true}
	for _, j := range s.Live() {
		for _, path := range []string{s.Requests(j), s.rows(j), s.Results(j)} {
			needed[filepath.Base(path)] = true
		}
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !needed[e.Name()] {
			if err := s.fs.Remove(s.path(e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// RemoveFiles removes the files of a job that is over. What cannot be removed takes space,
// and the next Open tries again.
func (s *Store) RemoveFiles(j *Job) {
	for _, path := range []string{s.Requests(j), s.rows(j), s.Results(j)} {
		_ = s.fs.Remove(path)
	}
}
