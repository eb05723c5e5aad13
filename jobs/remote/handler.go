package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
)

// maxBody bounds what is read of a request.
const maxBody = 64 << 10

// Handler serves a run:
//
//	GET  /v1/state, /v1/state?since=SEQ   its State, with the samples after the one with that number
//	POST /v1/pause, /v1/resume, /v1/retry, /v1/stop
//	POST /v1/set                          with [jobs.Limits] as JSON
//
// All of them answer with the State, or with {"error", "hint"}: 400 for what cannot be, and 500
// for what has failed. The Handler asks nobody who he is: who serves it elsewhere than Serve
// does has to see to that.
func Handler(c Controller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/state", func(w http.ResponseWriter, r *http.Request) {
		var since int64
		if text := r.URL.Query().Get("since"); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				reply(w, nil, &jobs.SpecError{Err: fmt.Errorf("since is %q", message.OneLine(text, 80)), Hint: "write the seq of a sample"})
				return
			}
			since = n
		}
		s, err := c.State(r.Context(), since)
		reply(w, s, err)
	})
	mux.HandleFunc("POST /v1/{action}", func(w http.ResponseWriter, r *http.Request) {
		a := Action(r.PathValue("action"))
		if !slices.Contains(Actions, a) {
			http.NotFound(w, r)
			return
		}
		s, err := c.Do(r.Context(), a)
		reply(w, s, err)
	})
	mux.HandleFunc("POST /v1/set", func(w http.ResponseWriter, r *http.Request) {
		var limits jobs.Limits
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&limits); err != nil {
			reply(w, nil, &jobs.SpecError{Err: fmt.Errorf("the change cannot be read: %w", err), Hint: `write {"rpm": 600}, with rpm, tpm, rpd, concurrency or max_cost`})
			return
		}
		s, err := c.Set(r.Context(), limits)
		reply(w, s, err)
	})
	return mux
}

// A refusal is the answer to what cannot be.
type refusal struct {
	Error string `json:"error"`
	Hint  string `json:"hint"` // what to do about it; may be empty
}

// reply answers a request.
func reply(w http.ResponseWriter, s *State, err error) {
	var body any = s
	code := http.StatusOK
	if err != nil {
		code = http.StatusInternalServerError
		r := refusal{Error: message.Plain(err)}
		if wrong, ok := errors.AsType[*jobs.SpecError](err); ok {
			code, r = http.StatusBadRequest, refusal{message.Plain(wrong.Err), wrong.Hint}
		}
		body = r
	}
	text, err := apijson.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	w.Write(append(text, '\n'))
}
