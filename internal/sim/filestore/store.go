// Package filestore keeps the files of the simulated Files API: what is known of each, and
// the content of those that a batch may read.
package filestore

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// life is how long the API keeps a file.
// https://ai.google.dev/gemini-api/docs/files
const life = 48 * time.Hour

// headKept is how much of each file is kept in memory. It is enough to tell the size of an
// image, and to count the pages of most documents.
const headKept = 4 << 20

// A Store keeps files. The zero value is ready for use, and keeps each for 48 hours.
type Store struct {
	Life time.Duration // of a file, instead of 48 hours; set before use

	mu      sync.Mutex
	byID    map[string]*File
	uploads map[string]*Upload // by session
}

// A File belongs to the project of the key that it was uploaded with.
type File struct {
	ID, Owner, DisplayName, MIME string
	Size                         int64
	Sum                          []byte // SHA-256
	Head                         []byte
	Created, Ready, Expires      time.Time
	Failed                       bool
	Content                      *Content // all of it; nil for media
}

// IsText reports whether a file of this type may hold requests, whose content is kept. The
// API does not look at the type: many are seen.
func IsText(mime string) bool {
	for _, media := range []string{"image/", "audio/", "video/", "application/pdf"} {
		if strings.HasPrefix(mime, media) {
			return false
		}
	}
	return true
}

// State returns the state of the file as the API names it.
func (f *File) State() string {
	switch {
	case time.Now().Before(f.Ready):
		return "PROCESSING"
	case f.Failed:
		return "FAILED"
	}
	return "ACTIVE"
}

// Get returns a file of an owner; nil when it has none with this id.
func (s *Store) Get(id, owner string) *File {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	if f := s.byID[id]; f != nil && f.Owner == owner {
		return f
	}
	return nil
}

// expire forgets files that are too old. The caller holds the lock.
func (s *Store) expire() {
	now := time.Now()
	for id, f := range s.byID {
		if !now.Before(f.Expires) {
			s.drop(id)
		}
	}
}

// drop forgets a file. The caller holds the lock.
func (s *Store) drop(id string) {
	// A file that cannot be closed has no further use either.
	_ = s.byID[id].Content.Release()
	delete(s.byID, id)
}

// OwnedBy returns the files of an owner, the newest first.
func (s *Store) OwnedBy(owner string) []*File {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	var own []*File
	for _, f := range s.byID {
		if f.Owner == owner {
			own = append(own, f)
		}
	}
	slices.SortFunc(own, func(a, b *File) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return own
}

// Used returns how many bytes an owner stores.
func (s *Store) Used(owner string) int64 {
	var n int64
	for _, f := range s.OwnedBy(owner) {
		n += f.Size
	}
	return n
}

// Remove deletes a file, and reports whether it was there.
func (s *Store) Remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[id] == nil {
		return false
	}
	s.drop(id)
	return true
}

// Live returns how many files there are.
func (s *Store) Live() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	return int64(len(s.byID))
}

// Has reports whether there is a file with this id.
func (s *Store) Has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id] != nil
}

// Add keeps a file that has been uploaded to its end.
func (s *Store) Add(f *File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]*File{}
	}
	f.Expires = f.Created.Add(cmp.Or(s.Life, life))
	s.byID[f.ID] = f
}

// Close forgets all files and uploads.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.byID {
		s.drop(id)
	}
	for session := range s.uploads {
		s.forget(session)
	}
}
