package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/findings"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A manifest comes back from its file with every field that it was written with.
func TestManifestRoundTrip(t *testing.T) {
	f, _ := newFolder(t)
	if _, err := ReadManifest(f.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a manifest: %v", err)
	}
	at := time.Date(2026, 7, 1, 8, 30, 0, 123456789, time.UTC)
	id := FileID{Path: "/p", Size: 3, ModTime: at, SHA256: "ab"}
	m := &Manifest{
		Dir: f.Dir, Genbatch: "v1", Form: 1, LastSeq: 7, Pruned: 2, Damage: []string{"here"}, Rows: 9, Output: id, Inputs: []FileID{id},
		Journal: []FileID{id}, Media: "cd", Spec: "ef",
		Asked: "0f", Before: &findings.Before{LastSeq: 3, Labels: map[string]map[string]int64{"": {"a": 2}}, Rows: 2, Asked: "0f"},
		Summary: cost.Totals{Rows: 9, Status: map[batch.Status]int64{batch.OK: 8, batch.Skipped: 1}, Saved: 5, Attempts: 11},
	}
	if n := reflect.ValueOf(*m); func() (zero bool) {
		for i := range n.NumField() {
			zero = zero || n.Field(i).IsZero()
		}
		return zero
	}() {
		t.Fatalf("the manifest of this test lacks a field: %+v", m)
	}
	if err := f.WriteManifest(m); err != nil {
		t.Fatal(err)
	}
	got, err := ReadManifest(f.Dir)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("read back: %+v, %v\nwant %+v", got, err, m)
	}
	write(t, f.Path(manifestFile), `{"rows":`)
	if _, err := ReadManifest(f.Dir); err == nil || !strings.Contains(err.Error(), f.Path(manifestFile)) {
		t.Errorf("half a manifest: %v, want an error with its path", err)
	}
}

// The Spec's sum changes with what rows are asked and with the prices, and not with keys,
// force, or the name of the folder.
func TestManifestOfSpec(t *testing.T) {
	f, s := newFolder(t)
	prices := filepath.Join(filepath.Dir(s.Output), "prices.json")
	write(t, prices, "[]")
	sum := func(change func(*spec.Spec)) string {
		t.Helper()
		other := *s
		change(&other)
		m, err := Sources{Spec: &other, Inputs: s.Input}.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		return m.Spec
	}
	same := sum(func(*spec.Spec) {})
	for name, change := range map[string]func(*spec.Spec){
		"the folder's name": func(s *spec.Spec) { s.State = f.Dir },
		"force":             func(s *spec.Spec) { s.Force = true },
	} {
		if sum(change) != same {
			t.Errorf("%s changes the sum", name)
		}
	}
	withPrices := sum(func(s *spec.Spec) { s.Prices = prices })
	if withPrices == same {
		t.Error("a price file does not change the sum")
	}
	write(t, prices, "[ ]")
	if again := sum(func(s *spec.Spec) { s.Prices = prices }); again == withPrices {
		t.Error("other prices do not change the sum")
	}
	if sum(func(s *spec.Spec) { s.Prefix = "ai_" }) == same {
		t.Error("another prefix does not change the sum")
	}
	secret := func(value string) func(*spec.Spec) {
		return func(s *spec.Spec) { s.Header = spec.List{"Authorization=Bearer " + value} }
	}
	if sum(secret("abcdefghijklmnop")) != sum(secret("qrstuvwxyz012345")) {
		t.Error("a secret is part of the sum")
	}
	if _, err := (Sources{Spec: s, Inputs: []string{s.Input[0] + "x"}}).Manifest(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the input: %v", err)
	}
}

// Media are compared only if both manifests know them.
func TestSameSourcesOfMedia(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"x", "", true}, {"", "x", true}, {"x", "x", true}, {"x", "y", false}} {
		a, b := &Manifest{Media: tt.a}, &Manifest{Media: tt.b}
		if a.SameSources(b) != tt.want {
			t.Errorf("media %q and %q: want %v", tt.a, tt.b, tt.want)
		}
	}
}

// An output of another form is another output, even where builds have no version.
func TestSameSourcesOfForm(t *testing.T) {
	if (&Manifest{Genbatch: "devel"}).SameSources(&Manifest{Genbatch: "devel", Form: outputForm}) {
		t.Error("an output of an earlier form counts as made of the same")
	}
}

// A torn end is cut off by the Open that finds it, and no damage that lasts.
func TestLastingDamage(t *testing.T) {
	f, s := newFolder(t)
	finish(t, f, s, "answers\n", 5)
	segment := f.Path("results-000001.jsonl")
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	damage := func(text string) []string {
		t.Helper()
		write(t, segment, text)
		jl, err := journal.Open(journal.Config{Dir: f.Dir})
		if err != nil {
			t.Fatal(err)
		}
		defer jl.Close()
		if len(jl.Damage()) == 0 {
			t.Error("the journal reports no damage")
		}
		return LastingDamage(jl)
	}
	if found := damage(string(text) + `{"seq":3`); len(found) != 0 {
		t.Errorf("a torn end lasts: %q", found)
	}
	if found := damage(strings.Replace(string(text), `"row":1`, `"row":3`, 1)); len(found) != 1 {
		t.Errorf("a changed line: %q, want one place", found)
	}
}

// A file is known by size and time, or else by its content. A file of another size is
// not read for this.
func TestFileIDMatches(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "abc")
	id, err := identify(path)
	if err != nil {
		t.Fatal(err)
	}
	matches := func(id FileID) bool {
		t.Helper()
		info, err := store.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return id.matches(path, info)
	}
	if !matches(id) {
		t.Error("the file is not itself")
	}
	if age(t, path); matches(id) {
		t.Error("a file with another time is the same, though its content was never read")
	}
	if id.SHA256, err = Sum(path); err != nil || !matches(id) {
		t.Errorf("a file with another time and the same content is another one: %v", err)
	}
	if write(t, path, "abd"); matches(id) {
		t.Error("a file with another content is the same")
	}
	if write(t, path, "abcd"); matches(FileID{Size: 3, SHA256: id.SHA256}) {
		t.Error("a file of another size is the same")
	}
}
