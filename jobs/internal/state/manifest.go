package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Manifest is manifest.json: what a finished output was derived from.
type Manifest struct {
	Genbatch string      `json:"genbatch"`
	LastSeq  int64       `json:"last_seq"`         // of the journal
	Pruned   int         `json:"pruned,omitzero"`  // how often the journal had been
	Damage   []string    `json:"damage,omitempty"` // of the journal, that was made good before the output was written
	Rows     int64       `json:"rows"`
	Output   FileID      `json:"output"`
	Inputs   []FileID    `json:"inputs"`
	Journal  []FileID    `json:"journal,omitempty"` // its files; none: it was damaged
	Media    string      `json:"media,omitempty"`   // what the rows were with their media; see media.Pass
	Spec     string      `json:"spec_sha256"`       // of the Spec and its price file
	Summary  cost.Totals `json:"totals"`
}

// ReadManifest reads the manifest of a folder. The error is fs.ErrNotExist where no
// output was finished.
func ReadManifest(dir string) (*Manifest, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, manifestFile), err)
	}
	return &m, nil
}

// WriteManifest writes the manifest.
func (f *Folder) WriteManifest(m *Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return f.FS.WriteFile(f.Path(manifestFile), append(text, '\n'), 0o600)
}

// Sources are what an output is derived from.
type Sources struct {
	Spec    *spec.Spec
	Inputs  []string         // paths
	Journal *journal.Journal // nil: it has not been read
	Media   string           // what the last whole pass over the rows saw of their media; empty: no pass, or no media
}

// Manifest returns a manifest of the sources as they are now.
func (s Sources) Manifest() (*Manifest, error) {
	m := &Manifest{Genbatch: version.Version(), Media: s.Media}
	if s.Journal != nil {
		m.LastSeq, m.Pruned, m.Damage = s.Journal.Last(), s.Journal.Generation(), LastingDamage(s.Journal)
	}
	for _, path := range s.Inputs {
		id, err := Identify(path)
		if err != nil {
			return nil, err
		}
		m.Inputs = append(m.Inputs, id)
	}
	asked := s.Spec.WithoutSecrets() // as export and verify read it
	asked.State = ""                 // given or not, it is the same folder
	text, err := json.Marshal(asked)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(text)
	if s.Spec.Prices != "" {
		prices, err := os.ReadFile(s.Spec.Prices)
		if err != nil {
			return nil, err
		}
		h.Write(prices)
	}
	m.Spec = hex.EncodeToString(h.Sum(nil))
	return m, nil
}

// SameSources compares what two outputs were derived from. What media files were is
// compared only where both know it, after a pass over the rows.
func (m *Manifest) SameSources(o *Manifest) bool {
	return m.Genbatch == o.Genbatch && (m.Media == o.Media || m.Media == "" || o.Media == "") && m.LastSeq == o.LastSeq && m.Spec == o.Spec &&
		m.Pruned == o.Pruned && slices.Equal(m.Damage, o.Damage) &&
		slices.EqualFunc(m.Inputs, o.Inputs, FileID.sameTime)
}

// LastingDamage is the damage of a journal that is found by every Open.
func LastingDamage(jl *journal.Journal) (places []string) {
	for _, d := range jl.Damage() {
		if d.Kind != journal.Torn {
			places = append(places, d.Error())
		}
	}
	return places
}

// Record writes the manifest of the output that has just got its name, or was found as
// it should be: sources has been the manifest of what it was derived from, media is
// what the pass over the rows saw, and sha256 is the output's.
func (f *Folder) Record(sources *Manifest, totals *cost.Totals, sha256, media string, jl *journal.Journal) (err error) {
	m := *sources
	m.Rows, m.Summary, m.Media = totals.Rows, *totals, media
	if m.Output, err = Identify(f.Output); err != nil {
		return err
	}
	m.Output.SHA256 = sha256
	if len(jl.Damage()) == 0 {
		if m.Journal, err = journalFiles(f.Dir); err != nil {
			return err
		}
	}
	return f.WriteManifest(&m)
}
