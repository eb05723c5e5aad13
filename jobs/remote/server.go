package remote

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"sync"
	"time"
)

const (
	// following is how soon somebody asks again who follows a run.
	following = 3 * time.Second
	// farewell is how long the end of a run is held up for those who follow it, so that they
	// see it.
	farewell = 2 * time.Second
)

// A Server serves a run by the socket in its state folder.
type Server struct {
	http    http.Server
	dir     string
	ended   chan struct{} // closed when the server has ended
	watched watched
}

// Serve serves a run until Close. Only the process that holds the lock of the state folder may
// do so. There is no socket on some file systems, and a run needs none: the error is for a
// message.
func Serve(dir string, c Controller) (*Server, error) {
	l, err := listen(dir)
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, ended: make(chan struct{}), watched: watched{Controller: c, told: make(chan struct{})}}
	s.http = http.Server{Handler: Handler(&s.watched), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(s.ended)
		_ = s.http.Serve(l) // it ends with Close; a socket that breaks is not worth a run
	}()
	return s, nil
}

// Close ends the server and removes the socket. If somebody follows the run who has not seen
// its end, Close waits for that, for two seconds at most. What is being answered is answered.
func (s *Server) Close() error {
	s.watched.wait()
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	err := remove(s.dir)
	if s.http.Shutdown(ctx) != nil { // answers that are under way have had their time
		err = errors.Join(err, s.http.Close())
	}
	<-s.ended
	return err
}

// watched is a run of which it is known who follows it.
type watched struct {
	Controller

	mu      sync.Mutex
	last    time.Time     // when the state was asked for last
	follows bool          // it had been asked for shortly before as well
	told    chan struct{} // closed when the end was told
	done    bool          // told is closed
}

// State implements [Controller].
func (w *watched) State(ctx context.Context, since int64) (*State, error) {
	s, err := w.Controller.State(ctx, since)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.follows, w.last = now.Sub(w.last) < following, now
	if s.Ended != nil && !w.done {
		w.done = true
		close(w.told)
	}
	return s, nil
}

// wait waits until the end was told, if somebody waits for that.
func (w *watched) wait() {
	w.mu.Lock()
	followed := w.follows && time.Since(w.last) < following
	w.mu.Unlock()
	if !followed {
		return
	}
	select {
	case <-w.told:
	case <-time.After(farewell):
	}
}
