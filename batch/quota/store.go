package quota

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/pacific"
)

const (
	recordVersion = 1

	// learnedFor is how long a limit that was learned counts without being learned
	// again: tiers change.
	learnedFor = 24 * time.Hour

	// lockPatience is how long an update waits for other processes, which hold the
	// lock for as long as it takes to write a small file.
	lockPatience = time.Second
)

// A Store keeps what the limiters of all processes on a machine must know of each
// other, and of earlier runs: the requests of the day, that a model's day is used
// up, the limits that were learned, and the slots of the minute that are given away.
// There are two small files for each endpoint, key and model. A Store whose files
// cannot be reached, or not soon, warns and holds up nothing: the limiter then counts
// by itself. Processes that are given different limits each keep to their own, of
// the one sequence of slots. One Store may serve several limiters.
type Store struct {
	Dir      string       // made when it is needed
	Endpoint string       // what has quotas of its own
	KeyID    string       // see KeyID and GroupID
	Log      *slog.Logger // warnings; nil: discarded

	fs durable.FS // of tests, which make writes fail
}

// KeyID names a key without giving it away; empty for no key.
func KeyID(key string) string {
	if key == "" {
		return ""
	}
	// The fixed text keeps the name from being looked up among hashes that others
	// have published of the same key.
	sum := sha256.Sum256([]byte("genbatch quota key\x00" + key))
	return fmt.Sprintf("%x", sum[:8])
}

// GroupID takes the place of KeyID for keys that share a quota, as those of one
// project do.
func GroupID(name string) string { return "group " + name }

// A dayRecord is the content of a file. Several processes share it: each reads it,
// changes it and writes it under the file's lock.
type dayRecord struct {
	Version  int    `json:"version"`
	Endpoint string `json:"endpoint"` // for people
	Model    string `json:"model"`    // for people

	Day  string `json:"day"`  // in Los Angeles; Used is of that day
	Used int    `json:"used"` // requests, those included that a process has reserved

	// ParkedUntil is when the server's last refusal for the day ends, or ended. Once
	// there was one, the requests of each day are counted.
	ParkedUntil time.Time `json:"parked_until,omitzero"`
	Learned     []Learned `json:"learned,omitempty"`
}

// A Learned is a limit that a server taught.
type Learned struct {
	Model string    `json:"model,omitempty"`
	Limit string    `json:"limit"` // LimitRPM, LimitTPM or LimitRPD
	Value int64     `json:"value"`
	At    time.Time `json:"at"`             // when it was learned
	Felt  bool      `json:"felt,omitempty"` // no refusal named it: it is what was accepted
}

func (l Learned) String() string {
	if l.Limit == LimitRPD {
		return fmt.Sprintf("%d requests a day from the server's refusal", l.Value)
	}
	return fmt.Sprintf("%d %s from the server's refusal", l.Value, l.Limit)
}

func (l Learned) valid(now time.Time) bool {
	return l.Value > 0 && now.Sub(l.At) < learnedFor && (l.Limit == LimitRPM || l.Limit == LimitTPM || l.Limit == LimitRPD)
}

func (s *Store) warn(format string, args ...any) {
	if s.Log != nil {
		s.Log.Warn(fmt.Sprintf(format, args...))
	}
}

// path names a model's file: readable, and one for each endpoint, key and model.
func (s *Store) path(model string) string {
	sum := sha256.Sum256([]byte(s.Endpoint + "\x00" + s.KeyID + "\x00" + model))
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(model[:min(len(model), 60)]))
	return filepath.Join(s.Dir, fmt.Sprintf("%s-%x.json", strings.TrimLeft(name, "."), sum[:12]))
}

// errDamaged says that a file holds no record.
var errDamaged = errors.New("it is damaged, or of another version of genbatch")

// read returns a model's record as it stands; the zero record where there is none.
// It needs no lock, since files are replaced as a whole.
func (s *Store) read(model string) (dayRecord, error) {
	text, err := os.ReadFile(s.path(model))
	if errors.Is(err, fs.ErrNotExist) {
		return dayRecord{}, nil
	}
	if err != nil {
		return dayRecord{}, err
	}
	var r dayRecord
	if json.Unmarshal(text, &r) != nil || r.Version != recordVersion || r.Used < 0 {
		return dayRecord{}, errDamaged
	}
	return r, nil
}

// update changes a model's record, under its lock, and returns what was written.
// The record that change is given is of today already.
func (s *Store) update(model string, change func(r *dayRecord)) (dayRecord, error) {
	path := s.path(model)
	lock, err := s.lock(path + ".lock")
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.fs.MkdirAll(s.Dir); err == nil {
			lock, err = s.lock(path + ".lock")
		}
	}
	if err != nil {
		return dayRecord{}, err
	}
	r, err := s.read(model)
	if errors.Is(err, errDamaged) {
		s.warn("%s is put aside as if it were not there: %v; the requests that were sent today are not known and count as 0", path, err)
		err = nil
	}
	if err == nil {
		// The time is taken under the lock: one who waited for it over midnight must
		// not begin yesterday anew.
		if today := dayName(time.Now(), pacific.Location()); r.Day != today {
			r.Day, r.Used = today, 0
		}
		r.Version, r.Endpoint, r.Model = recordVersion, s.Endpoint, model
		change(&r)
		err = s.write(path, r)
	}
	return r, errors.Join(err, lock.Unlock())
}

func (s *Store) write(path string, r dayRecord) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	err = s.fs.WriteFile(path, append(text, '\n'), 0o600)
	if err == nil && r.Used == 0 { // once a day is often enough to tidy up
		name := filepath.Base(path)
		err = durable.RemoveTemps(s.Dir, func(n string) bool { return n == name })
	}
	return err
}

// lock waits for a lock, but not long.
func (s *Store) lock(path string) (*durable.Lock, error) {
	for wait, end := time.Millisecond, time.Now().Add(lockPatience); ; wait = min(2*wait, 5*time.Millisecond) {
		l, err := s.fs.Lock(path)
		if _, held := errors.AsType[*durable.LockedError](err); !held || !time.Now().Before(end) {
			return l, err
		}
		time.Sleep(wait)
	}
}
