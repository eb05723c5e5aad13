package logprobs

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/genbatch/genbatch/internal/message"
)

// rememberedFor is how long what was seen counts: models and endpoints change.
const rememberedFor = 24 * time.Hour

// memoryVersion is that of the files that are written now.
const memoryVersion = 1

// A memory is the content of a file: a model that serves no log probabilities.
type memory struct {
	Version  int       `json:"version"`
	Endpoint string    `json:"endpoint"`
	Model    string    `json:"model"`
	Batches  bool      `json:"batches,omitzero"`
	At       time.Time `json:"at"`
	Why      string    `json:"why,omitempty"` // what the endpoint said; empty if it said nothing
}

// path returns the file of a place. Each has its own, so that runs at the same time need no
// lock: they find the same.
func (w *Watch) path(p place) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%t", w.Endpoint, p.model, p.batches))
	return filepath.Join(w.Dir, fmt.Sprintf("%x.json", sum[:12]))
}

// recall returns what earlier runs have found out. A file that cannot be read says nothing,
// so that it is found out again.
func (w *Watch) recall(p place) (m memory, ok bool) {
	if w.Dir == "" {
		return m, false
	}
	text, err := os.ReadFile(w.path(p))
	if err != nil || json.Unmarshal(text, &m) != nil || m.Version != memoryVersion || m.Endpoint != w.Endpoint || m.Model != p.model || m.Batches != p.batches {
		return m, false
	}
	age := time.Since(m.At)
	return m, 0 <= age && age < rememberedFor
}

func (w *Watch) remember(p place, why string) {
	if w.Dir == "" {
		return
	}
	text, err := json.Marshal(memory{memoryVersion, w.Endpoint, p.model, p.batches, time.Now().Round(0).UTC(), why})
	if err == nil {
		err = w.FS.MkdirAll(w.Dir)
	}
	if err == nil {
		err = w.FS.WriteFile(w.path(p), append(text, '\n'), 0o600)
	}
	if err != nil {
		w.Log.Warn("that log probabilities are not served cannot be remembered, so that the next run finds it out again: " + message.Plain(err))
	}
}

// forget removes what earlier runs have found out, which holds no longer.
func (w *Watch) forget(p place) {
	if w.Dir == "" {
		return
	}
	if err := w.FS.Remove(w.path(p)); err != nil {
		w.Log.Warn("a later run may be refused: " + message.Plain(err))
	}
}
