package sim

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// fileLife is how long the API keeps a file.
// https://ai.google.dev/gemini-api/docs/files
const fileLife = 48 * time.Hour

// headKept is how much of a file is kept. It is enough to tell the size of an image, and
// to count the pages of most documents.
const headKept = 4 << 20

// A fileStore keeps the files of the Files API. The zero value is ready for use.
type fileStore struct {
	mu      sync.Mutex
	byID    map[string]*file
	uploads map[string]*upload // by session
}

// A file belongs to the key that it was uploaded with.
type file struct {
	id, owner, displayName, mime string
	size                         int64
	sum                          []byte
	head                         []byte
	created, ready               time.Time
	failed                       bool
}

// state returns the state of the file as the API names it.
func (f *file) state() string {
	switch {
	case time.Now().Before(f.ready):
		return "PROCESSING"
	case f.failed:
		return "FAILED"
	}
	return "ACTIVE"
}

// get returns a file of a key; nil when the key has none with this id.
func (s *fileStore) get(id, owner string) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	if f := s.byID[id]; f != nil && f.owner == owner {
		return f
	}
	return nil
}

// expire forgets files that are too old. The caller holds the lock.
func (s *fileStore) expire() {
	maps.DeleteFunc(s.byID, func(_ string, f *file) bool { return time.Since(f.created) >= fileLife })
}

// ownedBy returns the files of a key, the newest first.
func (s *fileStore) ownedBy(owner string) []*file {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	var own []*file
	for _, f := range s.byID {
		if f.owner == owner {
			own = append(own, f)
		}
	}
	slices.SortFunc(own, func(a, b *file) int { return cmp.Or(b.created.Compare(a.created), cmp.Compare(a.id, b.id)) })
	return own
}

// remove deletes a file, and reports whether it was there.
func (s *fileStore) remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, exists := s.byID[id]
	delete(s.byID, id)
	return exists
}

// live returns how many files there are.
func (s *fileStore) live() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	return int64(len(s.byID))
}

// has reports whether there is a file with this id.
func (s *fileStore) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id] != nil
}

// add keeps a file that has been uploaded to its end.
func (s *fileStore) add(f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]*file{}
	}
	s.byID[f.id] = f
}

// begin keeps an upload, under the name that its address has.
func (s *fileStore) begin(session string, u *upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uploads == nil {
		s.uploads = map[string]*upload{}
	}
	s.uploads[session] = u
}

// upload returns an upload; nil when there is none of this name.
func (s *fileStore) upload(session string) *upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uploads[session]
}

// cancel forgets an upload.
func (s *fileStore) cancel(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, session)
}
