// Package jobtest holds what tests of jobs and of its rooms share. There are job files and
// rows that take one line each, disks that fail, an endpoint that echoes, and one with a
// Files API.
package jobtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/spec"
)

// BenchText returns a text of a common length for benchmarks. It differs for each i.
func BenchText(i int) string {
	return fmt.Sprintf("Ticket %d: the parcel came late, one corner was wet, and the invoice names another street.", i)
}

// GoodAnswer is a JSON document that is valid by [InvoiceSchema].
const GoodAnswer = `{"vendor":"ACME","total":12.50,"paid":true}`

// Load reads a job file with this text below an input, an output and a model. The test
// fails if there is a mistake in it.
func Load(t *testing.T, text string) *spec.Spec {
	t.Helper()
	s, err := LoadText(t, "input: in.jsonl\noutput: out.jsonl\nmodel: m\n"+text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// SameJSON fails unless two JSON texts hold the same value.
func SameJSON(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Picture returns a PNG, which differs for each shade.
func Picture(t *testing.T, shade uint8, width, height int) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, width, height))
	m.SetGray(1, 1, color.Gray{shade})
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// WriteFile writes a file below a folder, and makes the folders on the way to it. The file
// is an hour old, because a younger one is read each time.
func WriteFile(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, before, before); err != nil {
		t.Fatal(err)
	}
}

// SHA256Of returns the SHA-256 of data in hexadecimal digits.
func SHA256Of(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// Equal fails unless the texts are these, in this order.
func Equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// IsSpecError fails unless err is a [*spec.Error] that contains the text.
func IsSpecError(t *testing.T, what string, err error, text string) {
	t.Helper()
	if _, ok := errors.AsType[*spec.Error](err); !ok || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v, want a spec.Error with %q", what, err, text)
	}
}

// InvoiceSchema is a JSON Schema with a bit of everything that is in common use.
const InvoiceSchema = `{
	"type": "object",
	"properties": {
		"vendor": {"type": "string"},
		"total": {"type": "number"},
		"count": {"type": ["integer", "null"]},
		"paid": {"type": "boolean"},
		"kind": {"enum": ["invoice", "receipt"]},
		"due": {"type": "string", "format": "date"},
		"items": {"type": "array", "items": {"$ref": "#/$defs/item"}}
	},
	"required": ["vendor"],
	"additionalProperties": false,
	"$defs": {"item": {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}}
}`

// LoadText reads a job file with this text, and returns what [spec.Load] does.
func LoadText(t *testing.T, text string) (*spec.Spec, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "job.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return spec.Load(path)
}

// Row returns a row with these names and values, which alternate.
func Row(pairs ...any) *batch.Row {
	r := &batch.Row{Number: 1, Source: "in.jsonl", Line: 1}
	for i := 0; i < len(pairs); i += 2 {
		r.Columns = append(r.Columns, batch.Column{Name: pairs[i].(string)})
		r.Values = append(r.Values, pairs[i+1])
	}
	return r
}
