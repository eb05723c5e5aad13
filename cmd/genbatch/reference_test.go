package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/manual"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/jobfile"
)

var update = flag.Bool("update", false, "write docs/reference.md")

const referenceIntro = `# Reference

This page lists all commands with their flags, the exit codes, the variables of the environment, and the keys of the job file.
` + "`go test ./cmd/genbatch -run TestReference -update`" + ` writes it from the definitions that the commands themselves use.

Write a flag as ` + "`--limit 10` or `--limit=10`" + `, before or after the arguments. A flag overrides its variable of the environment, and the
variable overrides the key of the job file. If you give a flag twice, the last one counts, unless it is repeatable.
` + "`genbatch help COMMAND`" + ` shows the same at the terminal, and the [shell](shell.md) completes commands, flags and values with Tab.

`

// docs/reference.md is what the definitions say.
func TestReference(t *testing.T) {
	keys := keysOfFlags(t)
	want := referenceIntro + manualOf(testApp()).Markdown(func(name string) string { return keys[name] }) + jobFileKeys(t, keys)
	path := filepath.Join("..", "..", "docs", "reference.md")
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) == want {
		return
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("docs/reference.md is not up to date (go test ./cmd/genbatch -run TestReference -update). Line %d is\n%s\nand should be\n%s", i+1, g[i], w[i])
		}
	}
	t.Fatalf("docs/reference.md has %d lines, and should have %d (go test ./cmd/genbatch -run TestReference -update)", len(g), len(w))
}

// keysOfFlags returns the key of the job file that each flag sets, such as classify.labels. It
// gives the flag a value, and looks what has changed.
func keysOfFlags(t *testing.T) map[string]string {
	t.Helper()
	keys := make(map[string]string)
	for _, s := range settings() {
		name, value := s.flag.Names()[0], "1"
		if _, ok := s.flag.(*cli.DurationFlag); ok {
			value = "1s"
		}
		set := flag.NewFlagSet("run", flag.ContinueOnError)
		if err := s.flag.Apply(set); err != nil {
			t.Fatal(err)
		}
		if err := set.Set(name, value); err != nil {
			t.Fatal(err)
		}
		var spec jobs.Spec
		s.set(cli.NewContext(nil, set, nil), &spec)
		keys[name] = changedKey(reflect.ValueOf(spec))
		if keys[name] == "" {
			t.Errorf("--%s sets no key", name)
		}
	}
	return keys
}

// changedKey returns the path of the first field that is not zero.
func changedKey(v reflect.Value) string {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.IsZero() || !v.Type().Field(i).IsExported() {
			continue
		}
		key := keyOf(v.Type().Field(i))
		if f.Kind() == reflect.Pointer && f.Elem().Kind() == reflect.Struct {
			if inner := changedKey(f.Elem()); inner != "" {
				return key + "." + inner
			}
		}
		return key
	}
	return ""
}

func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// jobFileKeys returns the chapter on the keys of the job file, each with what may stand there
// and with its flag.
func jobFileKeys(t *testing.T, keys map[string]string) string {
	t.Helper()
	byKey := make(map[string]manual.Flag)
	for _, s := range settings() {
		f := manual.FlagOf(s.flag)
		if key := keys[f.Name]; byKey[key].Name == "" {
			byKey[key] = f
		}
	}
	var b strings.Builder
	b.WriteString("\n## Keys of the job file\n\nThe job file is YAML or JSON. Unknown keys are refused. [The job file](job-file.md) explains it, with an example of each kind\nof job, what holds without a key, and how `genbatch init` drafts a file for a table.\n")
	for _, group := range []struct {
		key string
		typ reflect.Type
	}{
		{"", reflect.TypeFor[jobs.Spec]()}, {"classify", reflect.TypeFor[jobs.Classify]()}, {"questions", reflect.TypeFor[jobs.Question]()}, {"summarize", reflect.TypeFor[jobs.Summarize]()},
		{"extract", reflect.TypeFor[jobs.Extract]()}, {"raw", reflect.TypeFor[jobs.Raw]()}, {"examples", reflect.TypeFor[jobs.Examples]()}, {"media", reflect.TypeFor[jobs.MediaColumn]()},
		{"expected", reflect.TypeFor[jobs.ExpectedColumn]()},
	} {
		if group.key != "" {
			fmt.Fprintf(&b, "\n### Keys under %s\n", group.key)
		}
		b.WriteString("\n| key | value | meaning | flag |\n|---|---|---|---|\n")
		for i := range group.typ.NumField() {
			field := group.typ.Field(i)
			if !field.IsExported() {
				continue
			}
			key := keyOf(field)
			path := strings.TrimPrefix(group.key+"."+key, ".")
			flagName := ""
			if f, ok := byKey[path]; ok {
				flagName = "`--" + f.Name + "`"
			}
			text := jobfile.Meaning(path)
			if text == "" {
				t.Errorf("nothing says what the key %s means", path)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", key, valueName(field.Type), strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`).Replace(text), flagName)
		}
	}
	return b.String()
}

// valueName says what stands under a key of a type.
func valueName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[jobs.List]():
		return "text or list"
	case t == reflect.TypeFor[jobs.Expected](), t == reflect.TypeFor[jobs.ExpectedColumn]():
		return "text or keys"
	case t == reflect.TypeFor[jobs.Schema]():
		return "JSON Schema, or a file"
	case t == reflect.TypeFor[jobs.Labels](), t == reflect.TypeFor[jobs.MediaColumns](), t == reflect.TypeFor[jobs.Examples](), t == reflect.TypeFor[jobs.Questions]():
		return "list or keys"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "list"
	case reflect.Pointer:
		return valueName(t.Elem())
	}
	return "keys"
}

// Each key of a job file is a field, and JSON knows it by the same name.
func TestKeysOfFlags(t *testing.T) {
	keys := keysOfFlags(t)
	for name, want := range map[string]string{"label": "classify.labels", "text": "classify.text", "max-cost": "max_cost", "raw": "raw_response", "multi": "classify.multi"} {
		if keys[name] != want {
			t.Errorf("--%s sets %s, want %s", name, keys[name], want)
		}
	}
	if _, err := json.Marshal(jobs.Spec{}); err != nil {
		t.Error(err)
	}
}

// The cask names each man page, since Homebrew knows no globs; the archives and packages take
// the folder.
func TestPackagesHaveManPages(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Archives []struct {
			Files []struct{ Src string }
		}
		Nfpms []struct {
			Contents []struct{ Src, Dst string }
		}
		Casks []struct{ Manpages []string } `yaml:"homebrew_casks"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, page := range manualOf(testApp()).ManPages("2026-11-29") {
		want = append(want, "man/"+page.Name)
	}
	slices.Sort(want)
	if len(config.Casks) != 1 || len(config.Archives) != 1 || len(config.Nfpms) != 1 {
		t.Fatalf("the configuration is read as %+v", config)
	}
	got := slices.Sorted(slices.Values(config.Casks[0].Manpages))
	if !slices.Equal(got, want) {
		t.Errorf("the cask has the pages %q, and genbatch man writes %q", got, want)
	}
	if !slices.ContainsFunc(config.Archives[0].Files, func(f struct{ Src string }) bool { return f.Src == ".release/man/*" }) {
		t.Error("the archives do not have all man pages")
	}
	if !slices.ContainsFunc(config.Nfpms[0].Contents, func(f struct{ Src, Dst string }) bool {
		return f.Src == ".release/man-gz/*" && f.Dst == "/usr/share/man/man1/"
	}) {
		t.Error("the packages do not have all man pages")
	}
}
