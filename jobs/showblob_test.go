package jobs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// To show a row by its number, no other row's answer is read: so it is quick in a journal of
// millions, and works where others' answers are damaged meanwhile.
func TestShowReadsOneAnswer(t *testing.T) {
	f := newFixture(t)
	f.input("one", "two", "three")
	o := f.options()
	o.blobBytes = 10
	if _, err := f.runWith(o); err != nil {
		t.Fatal(err)
	}
	blobs, err := filepath.Glob(filepath.Join(f.spec.StateDir(), "blobs", "*"))
	if err != nil || len(blobs) != 3 {
		t.Fatalf("the journal has the blobs %q, %v", blobs, err)
	}
	j, err := View(f.spec, Options{}) // which looks at all blobs
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, path := range blobs {
		text, err := os.ReadFile(path)
		if err == nil && !bytes.Contains(text, []byte("two")) {
			err = os.WriteFile(path, []byte(strings.ToUpper(string(text))), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	found, err := j.deriver().Show(t.Context(), &Selection{Rows: []RowRange{{First: 2, Last: 2}}})
	if err != nil || len(found.Rows) != 1 || found.Rows[0].Text != "two" {
		t.Errorf("row 2 is shown as %+v, %v", found, err)
	}
	_, err = j.deriver().Show(t.Context(), &Selection{Status: []batch.Status{batch.OK}})
	if _, damaged := errors.AsType[*Damage](err); !damaged {
		t.Errorf("with all answers to be read, the error is %v", err)
	}
}
