package cluster

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
)

const (
	spoolFile = "attempt.json"
	spoolLock = "attempt.lock"
)

// A spool is the folder of one attempt at a shard. The engine's own state is in it, and what
// was answered is there before it is anywhere else. It is removed once the collector has all of
// it.
type spool struct {
	dir  string
	lock *durable.Lock
	note spoolNote
}

// A spoolNote says what a spool is of.
type spoolNote struct {
	Job     string `json:"job"`
	Shard   int    `json:"shard"`
	Count   int    `json:"count"`
	Attempt string `json:"attempt"`

	// Seeded is how many results of earlier attempts stand at the beginning of the journal;
	// -1 = they are being written.
	Seeded int64  `json:"seeded"`
	State  string `json:"state"` // the folder of the journal
}

// spoolDir is the folder of an attempt's spool.
func spoolDir(root string, n spoolNote) string {
	return filepath.Join(root, n.Job, fmt.Sprintf("%d-of-%d-%s", n.Shard, n.Count, n.Attempt))
}

// newSpool makes the spool of an attempt.
func newSpool(root string, n spoolNote) (*spool, error) {
	n.Seeded = -1
	s := &spool{dir: spoolDir(root, n), note: n}
	if err := (durable.FS{}).MkdirAll(s.dir); err != nil {
		return nil, err
	}
	if err := s.take(); err != nil {
		return nil, err
	}
	if err := s.save(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *spool) take() (err error) {
	s.lock, err = durable.FS{}.Lock(filepath.Join(s.dir, spoolLock))
	return err
}

func (s *spool) save() error {
	text, err := json.Marshal(s.note)
	if err != nil {
		return err
	}
	return durable.FS{}.WriteFile(filepath.Join(s.dir, spoolFile), append(text, '\n'), 0o600)
}

// seed writes results of earlier attempts to the journal, and nothing else before.
func (s *spool) seed(state string, each func(write func([]*batch.Result) error) error) error {
	s.note.State = state
	j, err := journal.Open(journal.Config{Dir: state})
	if err != nil {
		return err
	}
	err = each(j.Write)
	last := j.Last()
	if err = errors.Join(err, j.Close()); err != nil {
		return err
	}
	s.note.Seeded = last
	return s.save()
}

// results calls each with the results from a number on that the attempt has made by now, in
// their order, and returns the number of the last one.
func (s *spool) results(from int64, each func(*batch.Result) error) (last int64, err error) {
	last = max(from-1, s.note.Seeded)
	if s.note.State == "" {
		return last, nil
	}
	if _, err := os.Stat(s.note.State); errors.Is(err, fs.ErrNotExist) {
		return last, nil
	}
	j, err := journal.Open(journal.Config{Dir: s.note.State, ReadOnly: true})
	if err != nil {
		return last, err
	}
	defer j.Close()
	for r, err := range journal.Readable(j) {
		if err != nil {
			return last, err
		}
		if r.Seq <= last {
			continue
		}
		if err := each(r); err != nil {
			return last, err
		}
		last = r.Seq
	}
	return last, nil
}

// remove removes the spool: its note before its lock, so that nobody takes what is left for one.
func (s *spool) remove() error {
	err := os.Remove(filepath.Join(s.dir, spoolFile))
	s.close()
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.RemoveAll(s.dir)
	}
	return err
}

// close leaves the spool to whoever opens it next.
func (s *spool) close() {
	if s.lock != nil {
		_ = s.lock.Unlock() // the file may be gone with its folder
		s.lock = nil
	}
}

// openSpools returns the spools of a job, or of all if it is empty, that earlier attempts have left in
// a folder, and that nobody works on. What was not even seeded holds nothing, and is removed. ours
// reports of a folder whether an attempt of this process works on it, which locks need not tell: those
// of NFS are a process's.
func openSpools(root, job string, ours func(dir string) bool) (list []*spool, err error) {
	files, err := fs.Glob(os.DirFS(root), cmp.Or(job, "*")+"/*/"+spoolFile)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		s := &spool{dir: filepath.Dir(path)}
		if ours(s.dir) {
			continue
		}
		if err := s.take(); err != nil {
			if _, taken := errors.AsType[*durable.LockedError](err); taken || errors.Is(err, fs.ErrNotExist) {
				continue // somebody works on it, or has removed it meanwhile
			}
			return list, err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			s.close()
			continue
		}
		if err == nil {
			err = json.Unmarshal(text, &s.note)
		}
		if err != nil {
			s.close()
			return list, fmt.Errorf("the spool %s cannot be read: %w", s.dir, err)
		}
		if s.note.Seeded < 0 {
			if err := s.remove(); err != nil {
				return list, err
			}
			continue
		}
		list = append(list, s)
	}
	return list, nil
}
