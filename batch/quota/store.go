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
	"syscall"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/pacific"
)

const (
	recordVersion = 1

	// lockPatience is how long an update waits for other processes. They hold the lock for
	// as long as it takes to write a small file.
	lockPatience = time.Second
)

// A Store keeps what the limiters of all processes on a machine must know of each other
// and of earlier runs: how many requests of the day are used, whether a model's day is
// used up, the limits that were learned, and which slots of the minute are given away.
//
// For each endpoint, key and model it has two small files in Dir. If they cannot be
// reached, or not soon, the Store warns and the limiter counts by itself: no request is
// held up for longer than a moment. Processes with different given limits share one
// sequence of slots, in which each keeps to its own limits. One Store may serve several
// limiters.
//
// Processes with different Parts count their requests of the day and of the minute apart, since each
// keeps to its own part of the limits. What was learned, and that a day is used up, is known to all.
type Store struct {
	Dir      string       // made when it is needed; required without a Ledger
	Endpoint string       // names the server: each endpoint has quotas of its own
	KeyID    string       // names the key, see KeyID and GroupID; empty = no key
	Part     string       // names the part of the quota that this process has, see [Config].Share; empty = all of it
	Log      *slog.Logger // receives warnings; nil = discarded

	// Ledger keeps the records in the place of Dir, for several machines; nil = there is one.
	Ledger Ledger

	// FS is for tests within this module, which make writes fail. Others leave it at its
	// zero value, the real file system.
	FS durable.FS
}

// KeyID returns a name for a key that does not give it away; "" for no key.
func KeyID(key string) string {
	if key == "" {
		return ""
	}
	// The fixed text makes the name useless for a search among published hashes of keys.
	sum := sha256.Sum256([]byte("genbatch quota key\x00" + key))
	return fmt.Sprintf("%x", sum[:8])
}

// GroupID returns a name for a group of keys that share a quota, as the keys of one
// project do. Use it in the place of [KeyID].
func GroupID(name string) string { return "group " + name }

// A dayRecord is the content of a model's durable file. Several processes share it. Each
// one reads it, changes it and writes it while it holds the file's lock.
type dayRecord struct {
	Version  int    `json:"version"`
	Endpoint string `json:"endpoint"`       // for people
	Model    string `json:"model"`          // for people
	Part     string `json:"part,omitempty"` // see Store.Part
	Key      string `json:"key,omitempty"`  // for List; see Store.KeyID

	Day  string `json:"day"`  // the day in Los Angeles that Used is of
	Used int    `json:"used"` // requests, including those that a process has reserved

	// Lost says that more were sent that day than Used has, but not how many: the file was
	// damaged. All requests of a given limit then count as used.
	Lost bool `json:"lost,omitempty"`

	// ParkedUntil is the end of the last day that the server refused requests for; zero if
	// there was none. Once there was one, the requests of each day are counted.
	ParkedUntil time.Time `json:"parked_until,omitzero"`
	PausedUntil time.Time `json:"paused_until,omitzero"` // by the clock of a Ledger
	Learned     []Learned `json:"learned,omitempty"`
}

func (s *Store) warn(format string, args ...any) {
	if s.Log != nil {
		s.Log.Warn(fmt.Sprintf(format, args...))
	}
}

// path returns the path of a model's durable file. Its name is readable, and differs for
// each endpoint, key and model.
func (s *Store) path(model string) string {
	id := s.Endpoint + "\x00" + s.KeyID + "\x00" + model
	if s.Part != "" {
		id += "\x00" + s.Part
	}
	sum := sha256.Sum256([]byte(id))
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(model[:min(len(model), 60)]))
	return filepath.Join(s.Dir, fmt.Sprintf("%s-%x.json", strings.TrimLeft(name, "."), sum[:12]))
}

// errDamaged says that a file holds no valid record.
var errDamaged = errors.New("it is damaged")

// read returns a model's record, or the zero record if there is none. It needs no lock,
// since files are replaced as a whole.
func (s *Store) read(model string) (dayRecord, error) {
	if s.Ledger != nil {
		text, err := s.Ledger.Read(s.recordName(model))
		if err != nil {
			return dayRecord{}, err
		}
		return parseRecord(text)
	}
	r, err := s.readOwn(model)
	if err != nil || s.Part == "" {
		return r, err
	}
	whole, err := s.whole().readOwn(model)
	r.Learned, r.ParkedUntil = whole.Learned, whole.ParkedUntil
	return r, err
}

// whole returns the store of those who may use all of the quota.
func (s *Store) whole() *Store {
	whole := *s
	whole.Part = ""
	return &whole
}

// readOwn returns the record of the store's part.
func (s *Store) readOwn(model string) (dayRecord, error) {
	r, err := loadRecord(s.path(model))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return dayRecord{}, nil
	}
	return r, err
}

// loadRecord returns the record that a file holds.
func loadRecord(path string) (dayRecord, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return dayRecord{}, err
	}
	var r dayRecord
	if json.Unmarshal(text, &r) != nil || r.Version < recordVersion || r.Used < 0 {
		return dayRecord{}, errDamaged
	} else if r.Version > recordVersion {
		return dayRecord{}, fmt.Errorf("%s was written by a later version of genbatch", path)
	}
	return r, nil
}

// left returns how many requests are left of a limit of the day.
func (r *dayRecord) left(rpd int) int {
	if r.Lost {
		return 0
	}
	return max(0, rpd-r.Used)
}

// update changes a model's record under its lock, and returns what was written. Before
// change sees the record, its day is set to today.
func (s *Store) update(model string, change func(r *dayRecord)) (dayRecord, error) {
	if s.Ledger != nil {
		return s.updateLedger(model, change)
	}
	if s.Part == "" {
		return s.updateOwn(model, change)
	}
	// What all know is changed under the lock of all, which is always taken first.
	var r dayRecord
	var err error
	_, failed := s.whole().updateOwn(model, func(whole *dayRecord) {
		r, err = s.updateOwn(model, func(own *dayRecord) {
			own.Learned, own.ParkedUntil = whole.Learned, whole.ParkedUntil
			change(own)
			whole.Learned, whole.ParkedUntil = own.Learned, own.ParkedUntil
		})
	})
	return r, errors.Join(failed, err)
}

// updateOwn is update for the record of the store's part.
func (s *Store) updateOwn(model string, change func(r *dayRecord)) (dayRecord, error) {
	path := s.path(model)
	lock, err := s.lock(path)
	if err != nil {
		return dayRecord{}, err
	}
	// The time is taken under the lock: a process that waited for it over midnight must not
	// begin yesterday anew.
	today := pacific.DayName(time.Now(), pacific.Location())
	r, err := s.readOwn(model)
	if errors.Is(err, errDamaged) {
		info, statErr := os.Stat(path) // written on an earlier day, it has nothing of today
		r = dayRecord{Day: today, Lost: statErr != nil || pacific.DayName(info.ModTime(), pacific.Location()) == today}
		s.warn("%s cannot be used: %v; how many requests were sent today is not known, and all of a given --rpd count as used; remove the file if there were none", path, err)
		err = nil
	}
	if err == nil {
		s.apply(&r, model, today, change)
		err = s.write(path, r)
	}
	return r, errors.Join(err, lock.Unlock())
}

// apply makes a change in a record, which is one of today from then on.
func (s *Store) apply(r *dayRecord, model, today string, change func(r *dayRecord)) {
	if r.Day != today {
		r.Day, r.Used, r.Lost = today, 0, false
	}
	r.Version, r.Endpoint, r.Model, r.Key, r.Part = recordVersion, s.Endpoint, model, s.KeyID, s.Part
	change(r)
}

func (s *Store) write(path string, r dayRecord) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	err = s.FS.WriteFile(path, append(text, '\n'), 0o600)
	if err == nil && r.Used == 0 { // once a day is often enough to tidy up
		name := filepath.Base(path)
		err = durable.RemoveTemps(s.Dir, func(n string) bool { return n == name })
	}
	return err
}

// lock takes the lock of a file. If there is no folder yet, it makes one.
func (s *Store) lock(path string) (*durable.Lock, error) {
	path += ".lock"
	lock, err := s.await(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.FS.MkdirAll(s.Dir); err == nil {
			lock, err = s.await(path)
		}
	}
	return lock, err
}

// await waits up to lockPatience for a lock.
func (s *Store) await(path string) (*durable.Lock, error) {
	for wait, end := time.Millisecond, time.Now().Add(lockPatience); ; wait = min(2*wait, 5*time.Millisecond) {
		l, err := s.FS.Lock(path)
		if _, held := errors.AsType[*durable.LockedError](err); !held || !time.Now().Before(end) {
			return l, err
		}
		time.Sleep(wait)
	}
}
