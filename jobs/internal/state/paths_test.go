package state

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// Inputs, output and folder of a job must not get in each other's way.
func TestCheckPaths(t *testing.T) {
	dir := t.TempDir()
	at := func(names ...string) (paths []string) {
		for _, name := range names {
			if name != "-" {
				name = filepath.Join(dir, name)
			}
			paths = append(paths, name)
		}
		return paths
	}
	for _, name := range []string{"in.jsonl", "odd[1].jsonl"} {
		write(t, filepath.Join(dir, name), "")
	}
	for _, name := range []string{"lake", "lake/sub"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "lake", "in.jsonl"), "")
	for _, tt := range []struct {
		name          string
		output, state string
		patterns      []string
		paths         []string
		want          string // empty if the job is accepted
	}{
		{"apart", "out.csv", "out.csv.genbatch", at("in.jsonl"), at("in.jsonl"), ""},
		{"stdin", "out.csv", "out.csv.genbatch", at("-"), at("out.csv.genbatch/stdin.csv"), ""},
		{"a pattern beside the output", "out.csv", "s", at("*.jsonl"), at("in.jsonl"), ""},
		{"a pattern that matches the output", "out.jsonl", "s", at("*.jsonl"), at("in.jsonl"), "is one of the files that the input"},
		{"a file whose name is a pattern that matches the output", "odd1.jsonl", "s", at("odd[1].jsonl"), at("odd[1].jsonl"), ""},
		{"the output itself", "in.jsonl", "s", at("in.jsonl"), at("in.jsonl"), "is input and output"},
		{"an input in the folder", "out.csv", "s", at("s/in.jsonl"), at("s/in.jsonl"), "stands in the state folder"},
		{"a pattern in the folder", "out.csv", "s", at("s/*.jsonl"), nil, "stands in the state folder"},
		{"the output in the folder", "s/out.csv", "s", at("in.jsonl"), at("in.jsonl"), "stands in the state folder"},
		{"the output is the folder", "s", "s", at("in.jsonl"), at("in.jsonl"), "stands in the state folder"},
		{"a folder with the output", "lake/out.csv", "s", at("lake"), at("lake/in.jsonl"), "is one of the files that the input"},
		{"a folder with the output far below", "lake/sub/out.csv", "s", at("lake"), at("lake/in.jsonl"), "is one of the files that the input"},
		{"a folder with an output that is hidden in it", "lake/_out/out.csv", "s", at("lake"), at("lake/in.jsonl"), ""},
		{"a folder beside the output", "lake2/out.csv", "s", at("lake"), at("lake/in.jsonl"), ""},
		{"a pattern of any depth", "lake/sub/out.csv", "s", at("lake/**/*.csv"), at("lake/in.jsonl"), "is one of the files that the input"},
		{"a pattern of any depth, for other files", "lake/sub/out.csv", "s", at("lake/**/*.jsonl"), at("lake/in.jsonl"), ""},
		{"a pattern that matches folders alone", "lake/sub/out.csv", "s", at("la*"), at("lake/in.jsonl"), "is one of the files that the input"},
		{"a folder whose name begins alike", "s2/out.csv", "s", at("s3/in.jsonl"), nil, ""},
		{"a folder that begins with dots", "..s/out.csv", "s", at("in.jsonl"), nil, ""},
	} {
		f := &Folder{Dir: filepath.Join(dir, tt.state), Output: filepath.Join(dir, tt.output)}
		err := f.CheckPaths(tt.patterns, tt.paths)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		jobtest.IsSpecError(t, tt.name, err, tt.want)
	}
}
