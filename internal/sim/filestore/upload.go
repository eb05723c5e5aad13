package filestore

import (
	"crypto/sha256"
	"hash"
	"sync"
	"time"
)

// An Upload is an upload in progress. Its mutex guards it: a caller holds it during a call
// of the upload's address.
type Upload struct {
	sync.Mutex
	File      File
	Declared  int64         // how many bytes there will be; -1 when it is not given
	Done      bool          // the file has been made
	LosesHalf bool          // half of the next chunk is to be lost
	Delay     time.Duration // from the end of the upload until the file is ready

	sum hash.Hash
}

// Write adds bytes to the file.
func (u *Upload) Write(p []byte) (int, error) {
	f := &u.File
	if u.sum == nil {
		u.sum = sha256.New()
	}
	if f.Content == nil && IsText(f.MIME) {
		c, err := NewContent()
		if err != nil {
			return 0, err
		}
		f.Content = c
	}
	if f.Content != nil {
		if _, err := f.Content.Write(p); err != nil {
			return 0, err
		}
	}
	_, _ = u.sum.Write(p) // never fails
	if room := headKept - len(f.Head); room > 0 {
		f.Head = append(f.Head, p[:min(room, len(p))]...)
	}
	f.Size += int64(len(p))
	return len(p), nil
}

// Finish returns the file, which has all its bytes.
func (u *Upload) Finish() *File {
	if u.sum == nil {
		u.sum = sha256.New()
	}
	u.Done = true
	f := u.File
	f.Sum, f.Created = u.sum.Sum(nil), time.Now()
	f.Ready = f.Created.Add(u.Delay)
	u.File.Content, u.File.Head = nil, nil // the file's own from here on
	return &f
}

// Discard gives up what was uploaded.
func (u *Upload) Discard() error {
	c := u.File.Content
	u.File.Content, u.File.Head, u.Done = nil, nil, true
	return c.Release()
}

// Begin keeps an upload, under the name that its address has.
func (s *Store) Begin(session string, u *Upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uploads == nil {
		s.uploads = map[string]*Upload{}
	}
	s.uploads[session] = u
}

// Upload returns an upload; nil when there is none of this name.
func (s *Store) Upload(session string) *Upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uploads[session]
}

// Cancel forgets an upload.
func (s *Store) Cancel(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(session)
}

// forget forgets an upload. The caller holds the lock.
func (s *Store) forget(session string) {
	if u := s.uploads[session]; u != nil {
		_ = u.File.Content.Release() // one that cannot be closed has no further use either
	}
	delete(s.uploads, session)
}
