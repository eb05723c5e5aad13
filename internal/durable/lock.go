package durable

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// An Owner is the process that holds a lock. It writes itself into the lock file.
type Owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"` // the program's name without its arguments, which may hold secrets
}

// A LockedError says that another process, or another part of this one, holds the lock.
// Owner is the zero value if that process has not yet written who it is.
type LockedError struct {
	Path  string
	Owner Owner
}

func (e *LockedError) Error() string {
	if e.Owner.PID == 0 {
		return fmt.Sprintf("%s is locked by another process", e.Path)
	}
	return fmt.Sprintf("%s is locked by %s, process %d on %s, since %s; wait until it has ended, or stop it", e.Path, e.Owner.Command,
		e.Owner.PID, e.Owner.Host, e.Owner.Since.Local().Format(time.DateTime))
}

// A Lock is a lock that this process holds.
type Lock struct {
	f *os.File
}

// Lock locks the file at path, which it creates if there is none. If somebody holds the
// lock, Lock fails at once with a [*LockedError]. A lock ends with its process, even a
// killed one. So no lock is ever stale, only the text about its owner, which the next
// owner replaces.
func (s FS) Lock(path string) (*Lock, error) {
	f, held, err := openLocked(path)
	if err != nil {
		return nil, fmt.Errorf("cannot lock (the folder must be writable, and its file system must support locks): %w", err)
	}
	if held {
		defer f.Close()
		e := &LockedError{Path: path}
		text, err := io.ReadAll(io.LimitReader(f, 1<<16))
		if err != nil || json.Unmarshal(text, &e.Owner) != nil {
			e.Owner = Owner{}
		}
		return nil, e
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	text, err := json.Marshal(Owner{
		PID:     os.Getpid(),
		Host:    host,
		Since:   time.Now().UTC().Truncate(time.Second),
		Command: filepath.Base(os.Args[0]),
	})
	if err == nil {
		// This is not synced: it names a live process, and none survives a power cut.
		err = s.do(OpWrite, path, func() error {
			if err := f.Truncate(0); err != nil {
				return err
			}
			_, err := f.WriteAt(append(text, '\n'), 0)
			s.did(OpWrite, path, "")
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(err, closeLocked(f))
	}
	return &Lock{f: f}, nil
}

// Unlock releases the lock. The file stays, empty. If it were removed, one process could
// hold a lock on the removed file while another locks its successor.
func (l *Lock) Unlock() error {
	return errors.Join(l.f.Truncate(0), closeLocked(l.f))
}

// LockOwner returns who holds the lock on the file at path, or nil if nobody does. It does
// not touch the lock. A process that was killed on another host counts as running,
// because it cannot be told from one that runs there.
func LockOwner(path string) (*Owner, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var o Owner
	if json.Unmarshal(text, &o) != nil || o.PID == 0 {
		return nil, nil // empty once the lock is given back
	}
	if host, err := os.Hostname(); err == nil && host == o.Host && !isRunning(o.PID) {
		return nil, nil
	}
	return &o, nil
}
