package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/findings"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Manifest is manifest.json: what a finished output was derived from. [Sources] fill
// in the part that says so, and [Folder.Record] adds the output itself.
type Manifest struct {
	Dir      string      `json:"dir"`              // the folder, when this was written; it may have moved since
	Genbatch string      `json:"genbatch"`         // the version that derived it
	Form     int         `json:"form,omitzero"`    // see outputForm
	LastSeq  int64       `json:"last_seq"`         // the journal's last result; -1 if the manifest is of another journal
	Pruned   int         `json:"pruned,omitzero"`  // how often the journal had been pruned
	Damage   []string    `json:"damage,omitempty"` // of the journal; the rows concerned were asked again before
	Rows     int64       `json:"rows"`
	Output   FileID      `json:"output"`
	Inputs   []FileID    `json:"inputs"`
	Journal  []FileID    `json:"journal,omitempty"` // its files, by name; empty if it was damaged
	Media    string      `json:"media,omitempty"`   // what the rows and their media were; see media.Pass
	Spec     string      `json:"spec_sha256"`       // of the Spec without secrets, and its price file
	Summary  cost.Totals `json:"totals"`

	Asked  string           `json:"asked_sha256,omitempty"` // of the question, as spec.QuestionOf has it
	Before *findings.Before `json:"before,omitempty"`       // what the labels of Summary were compared with
}

// outputForm is the version of how outputs are made of the same sources. Add one when that
// changes, so that an output of before is written anew, and not called a wrong one: builds
// without a version of their own have nothing else to tell them apart. From form 1 on a
// classification has no response beside its label.
const outputForm = 1

// ReadManifest reads the manifest of a folder, with paths as they are now. The error is
// [fs.ErrNotExist] if no output was finished, and a [*DamagedError] if the manifest cannot
// be understood.
func ReadManifest(dir string) (*Manifest, error) {
	path := filepath.Join(dir, manifestFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, &DamagedError{Path: path}
	}
	if m.Dir == "" { // an older version wrote it
		m.Dir = spec.StateDirOf(m.Output.Path)
	}
	moved := move{from: m.Dir, to: dir}
	m.Output.Path = moved.output(m.Output.Path)
	for i := range m.Inputs {
		m.Inputs[i].Path = moved.path(m.Inputs[i].Path)
	}
	return &m, nil
}

// A DamagedError says that a file of the folder does not hold what it should. Nothing
// paid for is in such a file: the next run writes it anew.
type DamagedError struct{ Path string }

func (e *DamagedError) Error() string { return e.Path + " is damaged" }

// WriteManifest replaces the manifest.
func (f *Folder) WriteManifest(m *Manifest) error {
	m.Dir = f.Dir
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
	Journal *journal.Journal // nil if it has not been read
	Media   string           // what the last whole pass over the rows saw; empty without a pass, or without media
}

// Manifest returns a manifest of the sources as they are now. It is step 1 of the
// protocol in the package comment, and does not read the inputs.
func (s Sources) Manifest() (*Manifest, error) {
	m := &Manifest{Genbatch: version.Version(), Form: outputForm, Media: s.Media}
	if s.Journal != nil {
		m.LastSeq, m.Pruned, m.Damage = s.Journal.Last(), s.Journal.Generation(), LastingDamage(s.Journal)
	}
	infos, err := store.StatAll(s.Inputs)
	if err != nil {
		return nil, err
	}
	for _, info := range infos {
		m.Inputs = append(m.Inputs, idOf(info))
	}
	sum, err := sumSpec(s.Spec)
	if err != nil {
		return nil, err
	}
	m.Spec, m.Asked = sum, asked(s.Spec)
	return m, nil
}

func asked(s *spec.Spec) string {
	sum := sha256.Sum256([]byte(spec.QuestionOf(s)))
	return hex.EncodeToString(sum[:])
}

// BeforeOf returns the output of a state folder with which one that is derived now is to be compared; nil if there
// is none, or if it was asked something else. That is the last finished output, and the
// results since are new. If there are none since, it is what that output was compared with, so
// that it has the same findings when it is derived again.
func BeforeOf(dir string, s *spec.Spec, last int64) *findings.Before {
	return before(dir, asked(s), last)
}

func before(dir, asked string, last int64) *findings.Before {
	m, err := ReadManifest(dir)
	if err != nil || m.LastSeq < 0 {
		return nil
	}
	b := m.Before
	if m.LastSeq != last {
		if len(m.Summary.Labels) == 0 {
			return nil
		}
		b = &findings.Before{LastSeq: m.LastSeq, Labels: m.Summary.Labels, Rows: m.Summary.Status[batch.OK], Asked: m.Asked}
	}
	if b == nil || b.Asked != asked {
		return nil
	}
	return b
}

// sumSpec returns the SHA-256 of a Spec and its price file, as hexadecimal digits.
func sumSpec(s *spec.Spec) (string, error) {
	saved := s.DerivedFrom()
	// Where files are is no part of what they hold: the manifest has the inputs, and prices
	// follow here. Of the output's name only the format matters.
	saved.Input, saved.Prices = nil, ""
	_, saved.Output, _ = strings.Cut(filepath.Base(s.Output), ".")
	if saved.MediaRoot != "" {
		saved.MediaRoot = relative(s.StateDir(), s.MediaRoot)
	}
	text, err := json.Marshal(saved)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	h.Write(text)
	if s.Prices != "" {
		prices, err := store.ReadFile(s.Prices)
		if err != nil {
			return "", err
		}
		h.Write(prices)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// SameSources reports whether two outputs were derived from the same sources. Media are
// compared only if both manifests know them, which takes a pass over the rows.
func (m *Manifest) SameSources(o *Manifest) bool {
	return m.Genbatch == o.Genbatch && m.Form == o.Form && m.Spec == o.Spec &&
		m.LastSeq == o.LastSeq && m.Pruned == o.Pruned && slices.Equal(m.Damage, o.Damage) &&
		(m.Media == o.Media || m.Media == "" || o.Media == "") &&
		slices.EqualFunc(m.Inputs, o.Inputs, FileID.sameTime)
}

// LastingDamage returns the places of a journal that every Open finds damaged. A torn
// end is not among them, because the Open that finds it cuts it off.
func LastingDamage(jl *journal.Journal) (places []string) {
	for _, d := range jl.Damage() {
		if d.Kind != journal.Torn {
			places = append(places, d.Error())
		}
	}
	return places
}
