package objecttest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Faults is a network and a store that fail at random. It stands before a handler that is a
// store, and is safe for concurrent use. It counts what it has done.
type Faults struct {
	Store  http.Handler
	Chance float64 // of each request to go wrong
	Busy   string  // what the store answers with 503

	mu     sync.Mutex
	random *rand.Rand
	count  map[string]int
}

// faults are what goes wrong with a request.
var faults = []string{"cut before", "cut in the request", "busy", "cut in the answer", "answer lost", "failed after it was done", "short answer"}

func (f *Faults) choose() (fault string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.random == nil {
		f.random, f.count = rand.New(rand.NewPCG(7, 11)), make(map[string]int)
	}
	if f.random.Float64() >= f.Chance {
		return ""
	}
	fault = faults[f.random.IntN(len(faults))]
	f.count[fault]++
	return fault
}

// Missing returns the faults that have not happened.
func (f *Faults) Missing() (missing []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range faults {
		if f.count[fault] == 0 {
			missing = append(missing, fault)
		}
	}
	return missing
}

// ServeHTTP implements [http.Handler].
func (f *Faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := f.choose()
	switch fault {
	case "":
		f.Store.ServeHTTP(w, r)
		return
	case "cut before":
		panic(http.ErrAbortHandler)
	case "cut in the request":
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2) // and then nobody reads on
		panic(http.ErrAbortHandler)
	case "busy":
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, f.Busy)
		return
	}
	answer := httptest.NewRecorder()
	f.Store.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	half := len(body) / 2
	switch fault {
	case "answer lost":
		panic(http.ErrAbortHandler)
	case "failed after it was done":
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	if fault == "short answer" && answer.Code == http.StatusPartialContent {
		// Its length is right, and it ends before the part that it says to hold.
		w.Header().Set("Content-Length", fmt.Sprint(half))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body[:half])
		return
	}
	if w.Header().Get("Content-Length") == "" {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	}
	w.WriteHeader(answer.Code)
	_, _ = io.Copy(w, bytes.NewReader(body[:half]))
	panic(http.ErrAbortHandler)
}
