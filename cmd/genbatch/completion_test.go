package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/complete"
)

// completions returns what the current word may become, in the working folder.
func completions(words []string, current string) (values []string) {
	c := &complete.Completer{App: testApp(), Spec: specOfWords, Named: jobNamed, Env: os.Getenv, Environ: os.Environ()}
	for _, candidate := range c.Complete(append([]string{"genbatch"}, words...), current) {
		if strings.HasPrefix(candidate.Value, current) {
			values = append(values, candidate.Value)
		}
	}
	return values
}

// completionFiles writes what lines complete by.
func completionFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"reviews.csv":                "id,body,right label,price:usd,it's,\"say \"\"so\"\"\"\n1,good,a: b,2,3,4\n2,bad,c d,2,3,4\n",
		"My tables/more rows.jsonl":  "{\"headline\":\"x\"}\n",
		"My tables/notes.txt":        "no table\n",
		"My tables/bars.txt":         "nr|text\n1|x\n",
		"My tables/western.csv":      "gr\xf6\xdfe;wert\n1;x\n",
		"job.yaml":                   "input: reviews.csv\n",
		"labels.csv.genbatch/job":    "",
		"open.csv.genbatch/job":      "",
		"sub/lake/year=1/a.csv":      "id,body\n1,x\n",
		"sub/lake/year=2/b.csv":      "id,body\n1,x\n",
		"sub/lake/_SUCCESS":          "",
		"open.csv":                   "",
		"prices-of-mine.json":        `{"models": [{"id": "model-of-mine", "periods": [{"tiers": [{"standard": {"input_text": 0.2, "output_text": 1.8}}]}]}]}`,
		"schema with 'quotes'.json":  "{}",
		"sub/deeper/input.csv.gz":    "",
		"sub/deeper/other.parquet":   "",
		"sub/deeper/nothing-here.md": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCompletions(t *testing.T) {
	t.Chdir(completionFiles(t))
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("HOME", completionFiles(t))
	t.Setenv("MY_API_KEY", "secret")
	for _, tt := range []struct{ line, want string }{
		// Commands and flags.
		{"|p", "plan prune prices"},
		{"|-", "--help --version"},
		{"no-such-command|", ""},
		{"run|--max-o", "--max-output-tokens"},
		{"run|--max-c", "--max-cost"},
		{"run|--max-cost|5|--max-c", ""}, // given already
		{"run|--label|a|--lab", "--label"},
		{"run|--no-such-flag|--stri", "--strict"},
		{"run|--|--stri", ""},
		{"verify|--", "--state --json --log-level --help"},

		// Fixed values.
		{"run|--endpoint|g", "google gptproto"},
		{"run|--endpoint=g", "--endpoint=google --endpoint=gptproto"},
		{"run|-endpoint|s", "sim"},
		{"run|--auth|", "x-goog-api-key bearer raw query none"},
		{"run|--tier|flex,", "flex,standard flex,priority"},
		{"run|--tier|b", "batch"},
		{"run|--tier|batch,", "batch,flex batch,standard batch,priority"},
		{"run|--on-daily-quota|", "stop wait"},
		{"run|--log-level|", "debug info warn error"},
		{"run|--output-format|p", "parquet"},
		{"export|--status|ok,p", "ok,pending"},
		{"run|--delimiter|", "comma semicolon tab pipe space"},
		{"run|--output-delimiter|s", "semicolon space"},
		{"init|--encoding|windows-125", "windows-1250 windows-1251 windows-1252 windows-1253 windows-1254 windows-1255 windows-1256 windows-1257 windows-1258"},
		{"run|--encoding|utf-16", "utf-16 utf-16le utf-16be"},
		{"init|--escape|", "backslash"},
		{"run|--null|", `NULL \N NA`},
		{"run|--retry|", "blocked truncated empty invalid rejected failed"},
		{"simulate|--dialect|v", "vertex"},
		{"simulate|--faults|503=0.1,maxt", "503=0.1,maxtokens="},
		{"completion|", "bash zsh fish powershell"},
		{"completion|bash|", ""},
		{"help|sim", "simulate"},
		{"limits|", "forget"},
		{"run|--api-key-env|MY_", "MY_API_KEY"},
		{"run|--max-cost|", ""},

		// Columns.
		{"run|-i|reviews.csv|--expected|", "id body right label price:usd it's say \"so\""},
		{"run|job.yaml|--key|i", "id it's"},
		{"run|-i|rev*.csv|--key|i", "id it's"},
		{"run|--input=reviews.csv|--media|b", "body"},
		{"run|-i|My tables/more rows.jsonl|--key|", "headline"},
		{"run|-i|My tables/notes.txt|--input-format|csv|--key|", "no table"},
		{"init|My tables/bars.txt|--delimiter|pipe|--key|", "nr text"},
		{"init|My tables/western.csv|--encoding|windows-1252|--key|", "größe wert"},
		{"run|-i|sub/lake|--key|", "id body year"},
		{"run|-i|sub/lake/**/*.csv|--key|y", "year"},
		{"run|-i|sub/lake|--input-format|files|--key|", "path text size year"},
		{"run|--input-format|f", "files"},
		{"run|--output-format|f", ""},
		{"run|--input-format|files|-i|My tables/n", "My tables/notes.txt"},
		{"init|--input-format|files|My tables/n", "My tables/notes.txt"},
		{"run|-i|missing.csv|--key|", ""},
		{"run|--key|", ""},
		{"run|-i|reviews.csv|--columns|response", "response response_id"},
		{"run|-i|reviews.csv|--prefix|ai_|--columns|ai_cost", "ai_cost_usd"},
		{"run|-i|reviews.csv|--label|a|--label|b|--text|x|--multi|--columns|labels", "labels"},
		{"run|-i|reviews.csv|--text|", "{{.id}} {{.body}} {{index . \"right label\"}} {{index . \"price:usd\"}} {{index . \"it's\"}} {{index . \"say \\\"so\\\"\"}}"},
		{"run|-i|reviews.csv|--prompt|Say {{.b", "Say {{.body}}"},
		{"run|-i|reviews.csv|--set|generationConfig.t", "generationConfig.temperature= generationConfig.thinkingConfig.thinkingBudget="},
		{"run|-i|reviews.csv|--set|model={{.i", "model={{.id}}"},
		{"run|-i|reviews.csv|--expected|right label|--label|", "a: b c d"},
		{"run|-i|reviews.csv|--expected|right label|--label|c d|--label|", "a: b"},
		{"run|--label|x y|--label|z|--describe|", "x y= z="},
		{"show|--status|ok,p", "ok,pending"},
		{"show|--key|", ""},
		{"show|--where|finish", "finish_reason="},
		{"show|--where|status=", ""},

		// Files.
		{"run|-i|", "My tables/ open.csv prices-of-mine.json reviews.csv schema with 'quotes'.json sub/"},
		{"run|-i|sub/deeper/", "sub/deeper/input.csv.gz sub/deeper/other.parquet"},
		{"run|--schema|s", "schema with 'quotes'.json sub/"},
		{"run|", "My tables/ job.yaml sub/"},
		{"run|job.yaml|", ""},
		{"status|", "labels.csv open.csv My tables/ job.yaml sub/"},
		{"verify|--state|", "My tables/ sub/ labels.csv.genbatch open.csv.genbatch"},
		{"man|", "My tables/ sub/"},
		{"run|--prompt|@My tables/", "@My tables/bars.txt @My tables/more rows.jsonl @My tables/notes.txt @My tables/western.csv"},
		{"run|-i|no/such/folder/", ""},
		{"run|-i|~/sub/deeper/i", "~/sub/deeper/input.csv.gz"},
		{"run|-i|$HOME/sub/deeper/i", "$HOME/sub/deeper/input.csv.gz"},
		{"run|-i|~", "~/"},

		// Models.
		{"prices|gemini-2.5-flash-l", "gemini-2.5-flash-lite"},
		{"run|-m|gemini-2.5-flash-l", "gemini-2.5-flash-lite"},
		{"run|--prices|prices-of-mine.json|-m|model-", "model-of-mine"},
		{"run|--prices|reviews.csv|-m|gemini-2.5-flash-l", "gemini-2.5-flash-lite"},
	} {
		words := strings.Split(tt.line, "|")
		last := len(words) - 1
		before := words[:last]
		if words[0] == "" {
			before = nil
		}
		if got := strings.Join(completions(before, words[last]), " "); got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.line, got, tt.want)
		}
	}
}

// Each value that is offered whatever the line is one that the command takes.
func TestOfferedValuesAreTaken(t *testing.T) {
	t.Chdir(completionFiles(t))
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	refused := func(name, value string) bool {
		words := []string{"plan", "-i", "reviews.csv", "-o", "new.csv", "-m", "gemini-2.5-flash-lite", "-p", "{{.body}}"}
		switch name {
		case "endpoint", "auth": // plan does not look at them
			o := gemini.EndpointOptions{Name: "google", BaseURL: "https://host.invalid", Project: "p"}
			if name == "endpoint" {
				o.Name = value
			} else {
				o.Auth = value
			}
			_, err := gemini.ParseEndpoint(o, func(string) string { return "" })
			return err != nil
		case "input-format":
			words[2] = "named"
			if err := os.WriteFile("named", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		text, _ := said(append(words, "--"+name, value)...)
		return strings.Contains(text, fmt.Sprintf("%q", value))
	}
	for _, name := range []string{"endpoint", "auth", "tier", "on-daily-quota", "log-level", "output-format", "input-format", "retry", "schema-field"} {
		values := completions([]string{"run", "--" + name}, "")
		if len(values) < 2 {
			t.Errorf("--%s offers %q", name, values)
		}
		for _, value := range values {
			if value != "https://" && refused(name, value) {
				t.Errorf("--%s %s is offered, and refused", name, value)
			}
		}
		if !refused(name, "nonsense") {
			t.Errorf("--%s nonsense is not refused, so that this test shows nothing", name)
		}
	}
}

// A flag whose value is named in the help as others are completes as they do, without a line
// here: flags that are to come, too.
func TestNewFlagsComplete(t *testing.T) {
	t.Chdir(completionFiles(t))
	app := testApp()
	for _, c := range app.Commands {
		if c.Name == "run" {
			c.Flags = append(c.Flags, &cli.StringFlag{Name: "new-thing", Usage: "`COLUMN` that is new"},
				&cli.StringFlag{Name: "colour", Usage: "`COLOUR` of it all: red, dark-blue (like the sea) or green (default: red)"},
				&cli.StringFlag{Name: "new-format", Usage: "how it is written"})
		}
	}
	app.Commands = append(app.Commands, &cli.Command{Name: "look", ArgsUsage: "INPUT...", Flags: []cli.Flag{&cli.StringFlag{Name: "at", Usage: "`COLUMN` to look at"}}})
	c := &complete.Completer{App: app, Spec: specOfWords, Env: os.Getenv}
	if got := c.Complete([]string{"genbatch", "run", "-i", "reviews.csv", "--new-thing"}, ""); len(got) != 6 || got[0].Value != "id" || got[0].Note != "such as 1" {
		t.Errorf("--new-thing COLUMN completes to %v", got)
	}
	if got := fmt.Sprint(c.Complete([]string{"genbatch", "run", "--colour"}, "")); got != "[{red  false} {dark-blue like the sea false} {green  false}]" {
		t.Errorf("--colour COLOUR completes to %v", got)
	}
	if got := c.Complete([]string{"genbatch", "run", "--new-format"}, ""); len(got) != 4 || got[0].Value != "jsonl" {
		t.Errorf("--new-format completes to %v", got)
	}
	if got := c.Complete([]string{"genbatch", "look", "reviews.csv"}, "o"); !slices.ContainsFunc(got, func(c complete.Candidate) bool { return c.Value == "open.csv" }) {
		t.Errorf("look INPUT completes to %v", got)
	}
	if got := c.Complete([]string{"genbatch", "look", "reviews.csv", "--at"}, ""); len(got) != 6 {
		t.Errorf("look --at completes to %v", got)
	}
	if got := c.Complete([]string{"genbatch", "run"}, "--new"); !slices.ContainsFunc(got, func(c complete.Candidate) bool { return c.Value == "--new-thing" && c.Note == "COLUMN that is new" }) {
		t.Errorf("--new-thing is not offered: %v", got)
	}
}

// Completing writes nothing, says nothing of what is wrong, and always exits with 0.
func TestCompletionIsQuiet(t *testing.T) {
	dir := completionFiles(t)
	t.Chdir(dir)
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	for name, text := range map[string]string{"broken.parquet": "PAR1", "broken.csv.gz": "no gzip", "broken.yaml": "input: [", "other.yaml": "inputt: x\n", "odd.csv": "a\nb\",\x00\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := tree(t, dir)
	for _, line := range []string{
		"run -i broken.parquet --key ", "run -i broken.csv.gz --key ", "run broken.yaml --key ", "run other.yaml --columns ", "run -i odd.csv --text ",
		"run -i reviews.csv --limit ten --key ", "run -i - --key ", "export open.csv --columns ", "status ", "nonsense ", "run --prices broken.yaml -m ", "limits forget ", "run \"",
	} {
		var out, err bytes.Buffer
		code := run([]string{"genbatch", "__complete", "bash", "genbatch " + line, " \t\n\"'><=;|&(:", "9", "80"}, make(chan os.Signal), strings.NewReader(""), &out, &err)
		if code != 0 || err.Len() > 0 {
			t.Errorf("%q exits with %d and says %s", line, code, err.String())
		}
	}
	for _, words := range [][]string{{}, {"bash"}, {"zsh"}, {"fish"}, {"powershell"}, {"tcsh", "x"}} {
		if text, code := said(append([]string{"__complete"}, words...)...); code != 0 || text != "" {
			t.Errorf("__complete %q exits with %d and says %s", words, code, text)
		}
	}
	if after := tree(t, dir); !slices.Equal(before, after) {
		t.Errorf("files before: %q, and after: %q", before, after)
	}
	if left := tree(t, state); len(left) > 1 {
		t.Errorf("completion has left %q", left)
	}
}

// tree returns the names and times of all that lies in a folder.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			names = append(names, fmt.Sprintf("%s %d %s", path, info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// How long the columns of an input take to be found does not depend on its size. Processor time
// is what is measured, since other processes run too.
func TestCompletionIsQuick(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	const rows = 200_000
	line := strings.Repeat("some text of a row, ", 10)
	csv := "id,body,label\n" + strings.Repeat("1,\""+line+"\",a\n", rows)
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	fmt.Fprint(zip, csv)
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	type row struct {
		ID    int64  `parquet:"id"`
		Body  string `parquet:"body"`
		Label string `parquet:"label"`
	}
	table := make([]row, rows)
	for i := range table {
		table[i] = row{int64(i), line, "a"}
	}
	if err := parquet.WriteFile("large.parquet", table, parquet.MaxRowsPerRowGroup(1000)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"large.csv": []byte(csv), "large.csv.gz": packed.Bytes(), "large.jsonl": bytes.Repeat([]byte(`{"id":1,"body":"`+line+`","label":"a"}`+"\n"), rows)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"large.csv", "large.csv.gz", "large.jsonl", "large.parquet"} {
		c := exec.Command("genbatch", "__complete", "bash", "genbatch run -i "+name+" --expected la", " ", "9", "80")
		if out, err := c.Output(); err != nil || string(out) != "label \n" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
		used := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		t.Logf("%s: %v", name, used)
		if used > 400*time.Millisecond { // most of it is the start of a test program
			t.Errorf("%s takes %v of processor time", name, used)
		}
	}
}

// Notes come from the definitions, and are there for every flag.
func TestFlagsHaveNotes(t *testing.T) {
	c := &complete.Completer{App: testApp(), Spec: specOfWords, Env: os.Getenv}
	for _, command := range manualOf(c.App).Commands() {
		for _, candidate := range c.Complete([]string{"genbatch", command.Name}, "--") {
			if candidate.Note == "" {
				t.Errorf("%s %s has no note", command.Name, candidate.Value)
			}
		}
	}
}
