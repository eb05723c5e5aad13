package spec_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/genbatch/genbatch/jobs/spec"
)

// write writes a job file into a new folder, and returns its path.
func write(text string) string {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "job.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	return path
}

func ExampleLoad() {
	path := write(`
input: reviews.csv
output: labels.csv
model: gemini-2.5-flash
classify:
  text: "{{.body}}"
  labels: {positive: "praises the product", negative: complains}
max_cost: 5.00
`)
	defer os.RemoveAll(filepath.Dir(path))
	s, err := spec.Load(path)
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		log.Fatal(err)
	}
	limit, err := s.CostLimit()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Model, len(s.Classify.Labels), s.Classify.Labels[0].Name, limit)
	fmt.Println(filepath.Base(s.StateDir()))
	// Output:
	// gemini-2.5-flash 2 positive 5
	// labels.csv.genbatch
}

// A mistake has a place, and often a remedy.
func ExampleError() {
	path := write("input: reviews.csv\nmodle: gemini-2.5-flash\n")
	defer os.RemoveAll(filepath.Dir(path))
	_, err := spec.Load(path)
	if mistake, ok := errors.AsType[*spec.Error](err); ok {
		fmt.Println(mistake.Hint)
	}
	// Output: did you mean "model"?
}
