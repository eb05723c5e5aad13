package spec

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/objecttest"
)

// Addresses of objects stay as they are, in a job file, in the working folder, and with ~.
func TestAddressesStay(t *testing.T) {
	b, root := objecttest.New()
	b.Put("p.txt", "say {{.x}}")
	b.Put("labels.txt", "good\nbad\n")
	b.Put("s.json", `{"type":"object"}`)
	b.Put("prices.json", `{"multiplier": 0.5}`)
	b.Put("shown.csv", "text,label\nfine,good\n")
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", dir)
	text := strings.ReplaceAll(`
input: [ROOTin/*.csv, ROOT~/a..b//c.csv]
output: ROOTout/../x.csv
prices: ROOTprices.json
media_root: ROOTimages/
system: "@ROOTp.txt"
schema: ROOTs.json
classify: {labels: ["@ROOTlabels.txt"], examples: ROOTshown.csv}
`, "ROOT", root)
	path := filepath.Join(dir, "job.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.MakePathsAbsolute(); err != nil {
		t.Fatal(err)
	}
	if want := []string{root + "in/*.csv", root + "~/a..b//c.csv"}; !slices.Equal(s.Input, want) {
		t.Errorf("inputs %q, want %q", s.Input, want)
	}
	for got, want := range map[string]string{s.Output: root + "out/../x.csv", s.Prices: root + "prices.json", s.MediaRoot: root + "images/"} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if want := StateDirOf(s.Output); s.State != want || filepath.Dir(want) != filepath.Join(dir, "genbatch", "objects") || !strings.HasPrefix(filepath.Base(want), "x.csv-") {
		t.Errorf("the state is in %s, and is to be in %s", s.State, want)
	}
	if err := s.ReadFiles(); err != nil {
		t.Fatal(err)
	}
	if s.System != "say {{.x}}" || len(s.Classify.Labels) != 2 || string(s.Schema) != `{"type":"object"}` || len(s.Classify.Examples.List) != 1 {
		t.Errorf("what was read is %q, %v, %s, %v", s.System, s.Classify.Labels, s.Schema, s.Classify.Examples.List)
	}
	if _, err := s.PriceTable(); err != nil {
		t.Error(err)
	}
	s.Prices = root + "none.json"
	if _, err := s.PriceTable(); err == nil || !strings.Contains(err.Error(), root+"none.json: it cannot be opened") {
		t.Errorf("a price file that is not there: %v", err)
	}
}

// The state folders of objects are told apart by all of their address, and their names are ones
// that every file system takes.
func TestStateDirOfObjects(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	seen := make(map[string]string)
	for _, address := range []string{"s3://b/x.csv", "gs://b/x.csv", "s3://c/x.csv", "s3://b/y/x.csv", "s3://b/y//x.csv", "s3://b/é:*?.csv", "s3://b/" + strings.Repeat("x", 1000)} {
		dir := StateDirOf(address)
		if other := seen[dir]; other != "" {
			t.Errorf("%s and %s have the same state folder", address, other)
		}
		seen[dir] = address
		if name := filepath.Base(dir); len(name) > 150 || strings.ContainsAny(name, `é:*?`) || !strings.HasSuffix(name, ".genbatch") {
			t.Errorf("%s has its state in %s", address, name)
		}
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "")
	t.Setenv("USERPROFILE", "")
	if dir := StateDirOf("s3://b/x.csv"); dir != filepath.Base(dir) {
		t.Errorf("without a home the state is in %s", dir)
	}
}

// A job file names files beside it. Once they are read, the Spec stands for itself, and
// reading it again changes nothing.
func TestReadFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"job.yaml":     "system: '@system.txt'\nclassify: {text: '@prompt.txt', labels: ['@labels.txt', '@@home'], examples: shown.csv}\n",
		"system.txt":   "@all: be brief\n",
		"prompt.txt":   "Label {{.x}}",
		"labels.txt":   "\ufeffgood\tpraises it\r\n\r\n@work\n",
		"shown.csv":    "text,label\nfine,good\n",
		"latin1.txt":   "gut\nb\xf6se\n",
		"nothing.txt":  "\n \n",
		"columns.csv":  "body,label\nfine,good\n",
		"examples.csv": "text,label\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(filepath.Join(dir, "job.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	before := *s.Classify
	want := Classify{
		Text: "Label {{.x}}", Labels: Labels{{"good", "praises it"}, {"@@work", ""}, {"@@home", ""}},
		Examples: Examples{List: []Example{{Text: "fine", Label: List{"good"}, place: filepath.Join(dir, "shown.csv") + ":2"}}},
	}
	read := *s
	for range 2 {
		if err := read.ReadFiles(); err != nil {
			t.Fatal(err)
		}
		if read.System != "@@all: be brief\n" || !reflect.DeepEqual(*read.Classify, want) {
			t.Errorf("the Spec has become %q and %+v, want %+v", read.System, *read.Classify, want)
		}
	}
	if !reflect.DeepEqual(*s.Classify, before) {
		t.Errorf("the Spec that it is a copy of has become %+v", *s.Classify)
	}

	for text, want := range map[string]string{
		"prompt: '@none.txt'":                                       "prompt: open ",
		"classify: {text: x, labels: ['@none.txt']}":                "label: open ",
		"classify: {text: x, labels: ['@latin1.txt']}":              "latin1.txt is not valid UTF-8",
		"classify: {text: x, labels: ['@nothing.txt']}":             "nothing.txt has no labels",
		"classify: {text: x, labels: [a], examples: columns.csv}":   `columns.csv:2: the example has no column "text", it has body, label`,
		"classify: {text: x, labels: [a], examples: examples.csv}":  "examples.csv has no examples",
		"classify: {text: x, labels: [a], examples: {file: n.csv}}": "n.csv",
	} {
		path := filepath.Join(dir, "job.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		err = s.ReadFiles()
		mistake(t, text, err, want)
	}
}

// What stands for stdin and stdout is no path, and a path never becomes it.
func TestDash(t *testing.T) {
	s := Spec{Input: List{"-", "./-"}, Output: "-", State: "sub/../-"}
	s.resolve(".")
	if want := "." + string(filepath.Separator) + "-"; s.Input[0] != "-" || s.Input[1] != want || s.Output != "-" || s.State != want {
		t.Errorf("input %q, output %q, state %q", s.Input, s.Output, s.State)
	}
}

func TestMakePathsAbsolute(t *testing.T) {
	input, prices := List{"a.csv", "-"}, filepath.Join(t.TempDir(), "prices.json")
	s := Spec{Input: input, Output: "out.csv", Prices: prices}
	if err := s.MakePathsAbsolute(); err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(s.Input[0]) || s.Input[1] != "-" || !filepath.IsAbs(s.Output) || s.Prices != prices || s.State != "" {
		t.Errorf("%+v", s)
	}
	if input[0] != "a.csv" {
		t.Errorf("the caller's list has become %q", input)
	}
}

// The paths of files that are rows are relative to the folder from which they were named.
func TestRootOfFilesAsRows(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, tt := range []struct {
		format, root, jobFile string
		want                  string
	}{
		{"files", "", "", "."}, {"FILES", "", "sub/job.yaml", "sub"}, {"files", "media", "", "media"}, {"files", "media", "sub/job.yaml", "sub/media"}, {"csv", "", "sub/job.yaml", ""},
	} {
		s := Spec{Input: List{"a/*.eml"}, InputFormat: tt.format, MediaRoot: tt.root, Output: "out.csv"}
		if tt.jobFile != "" {
			s.resolve(filepath.Dir(tt.jobFile))
		}
		if err := s.MakePathsAbsolute(); err != nil {
			t.Fatal(err)
		}
		want := ""
		if tt.want != "" {
			want = filepath.Join(dir, filepath.FromSlash(tt.want))
		}
		if s.MediaRoot != want {
			t.Errorf("%+v: the root is %s", tt, s.MediaRoot)
		}
		if got := ReaderConfig(&s, s.Input).Root; got != want {
			t.Errorf("%+v: the reader's root is %s", tt, got)
		}
	}
}

// A shard whose output is an object has one folder, however often its paths are made absolute.
func TestShardOfObjectHasOneFolder(t *testing.T) {
	s := Spec{Output: "s3://bucket/out.csv", Shard: "1/2"}
	want, err := filepath.Abs(s.StateDir())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.MakePathsAbsolute(); err != nil {
			t.Fatal(err)
		}
		if got := s.StateDir(); got != want {
			t.Errorf("the folder is %s, want %s", got, want)
		}
	}
}

func TestCheckExamples(t *testing.T) {
	if err := CheckExamples(1000, 1<<20); err != nil {
		t.Error(err)
	}
	mistake(t, "many", CheckExamples(1001, 1), "there are 1001 examples")
	mistake(t, "long", CheckExamples(1, 1<<21), "the examples are 2048 KiB of text")
}
