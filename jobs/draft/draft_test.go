package draft

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/jobfile"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// today is a day on which the price table knows the models of these tests.
var today = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// table writes an input, and returns its path.
func table(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func propose(t *testing.T, path string, w Wishes) *Draft {
	t.Helper()
	s, err := Look(spec.Spec{Input: spec.List{path}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Propose(s, w, price.Default(), today)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// reread writes the draft beside its input, holds it to the schema of job files, and returns
// what genbatch reads in it.
func reread(t *testing.T, d *Draft) (*spec.Spec, string) {
	t.Helper()
	path := filepath.Join(filepath.Dir(d.Sample.Files[0]), "job.yaml")
	text, err := d.YAML(path)
	if err != nil {
		t.Fatal(err)
	}
	return load(t, path, string(text)), string(text)
}

// schemaOfJobs returns the schema of job files.
var schemaOfJobs = sync.OnceValue(func() *jsonschema.Schema {
	text, err := jobfile.Schema()
	if err != nil {
		panic(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", document); err != nil {
		panic(err)
	}
	return c.MustCompile("schema.json")
})

func load(t *testing.T, path, text string) *spec.Spec {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := spec.Load(path)
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	var values any
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	if err := schemaOfJobs().Validate(instance); err != nil {
		t.Errorf("%v:\n%s", err, text)
	}
	return s
}

// lines repeats a line with %d in it.
func lines(header, line string, n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(line, "%d", fmt.Sprint(i)), "%c", []string{"spam", "ham", "other"}[i%3]))
	}
	return b.String()
}

const prose = "a text of some words that says this and that about number %d"

// What is proposed follows from what the columns hold.
func TestPropose(t *testing.T) {
	long := strings.Repeat(prose+". ", 10)
	for _, tt := range []struct {
		name, file, text string
		wishes           Wishes
		want             string // kind, texts, labels, expected, key, media, base name of the output
	}{
		{"labels", "in.csv", lines("id,category,body\n", "r%d,%c,"+prose+"\n", 12), Wishes{},
			"classify [{{.body}}] [ham other spam] category id [] in-labels.csv"},
		{"labels of the user", "in.csv", lines("id,category,body\n", "r%d,%c,"+prose+"\n", 12), Wishes{Labels: []string{"yes", "no"}},
			"classify [{{.body}}] [yes no]  id [] in-labels.csv"},
		{"expected of the user", "in.csv", lines("id,lang,body\n", "r%d,%c,"+prose+"\n", 12), Wishes{Expected: "lang"},
			"classify [{{.body}}] [ham other spam] lang id [] in-labels.csv"},
		{"a language is no label", "in.csv", lines("id,lang,body\n", "r%d,%c,"+prose+"\n", 12), Wishes{},
			"prompt [{{.body}}] []  id [] in-answers.csv"},
		{"a column named so is preferred", "in.csv", lines("id,shelf,topic,body\n", "r%d,%c,%c,"+prose+"\n", 12), Wishes{},
			"classify [{{.body}}] [ham other spam] topic id [] in-labels.csv"},
		{"long texts", "in.tsv", lines("nr\ttitle\ttext\n", "%d\ttitle number %d\t"+long+"\n", 6), Wishes{},
			"summarize [{{.text}}] []  nr [] in-summaries.tsv"},
		{"another kind", "in.csv", lines("id,category,body\n", "r%d,%c,"+prose+"\n", 12), Wishes{Kind: Extract},
			"extract [{{.body}}] []  id [] in-data.csv"},
		{"nested", "in.jsonl", lines("", `{"id":%d,"review":{"title":"T","the text":"`+prose+`"},"tags":["a"]}`+"\n", 6), Wishes{},
			`prompt [{{index . "review" "the text"}}] []  id [] in-answers.jsonl`},
		{"nested, by its name", "in.jsonl", lines("", `{"id":%d,"review":{"title":"T","body":"`+prose+`"}}`+"\n", 6), Wishes{Text: []string{"review.title", "review.body"}},
			`prompt [{{.review.title}} {{.review.body}}] []  id [] in-answers.jsonl`},
		{"a template", "in.csv", lines("id,body\n", "r%d,"+prose+"\n", 6), Wishes{Text: []string{"{{.id}}: {{.body}}"}},
			"prompt [{{.id}}: {{.body}}] []  id [] in-answers.csv"},
		{"pictures", "in.csv", lines("id,photo\n", "r%d,img/%d.JPG\n", 6), Wishes{},
			"prompt [] []  id [photo] in-answers.csv"},
		{"pictures with texts", "in.csv", lines("id,photo,title\n", "r%d,https://example.com/a/%d.png?x=1,"+prose+"\n", 6), Wishes{},
			"prompt [{{.title}}] []  id [photo] in-answers.csv"},
		{"pictures with labels", "in.csv", lines("id,photo,class\n", "r%d,%d.png,%c\n", 12), Wishes{},
			"classify [] [ham other spam] class id [photo] in-labels.csv"},
		{"documents in cells", "in.csv", lines("id,paper\n", "r%d,\"data:application/pdf;base64,AAAA%d\"\n", 6), Wishes{},
			"prompt [] []  id [paper] in-answers.csv"},
		{"what is no medium in cells", "in.csv", lines("id,state\n", "r%d,\"data:application/json;base64,AAAA%d\"\n", 6), Wishes{},
			"prompt [{{.state}}] []  id [] in-answers.csv"},
		{"requests", "in.jsonl", lines("", `{"key":"k%d","request":{"contents":[{"parts":[{"text":"hi"}]}]}}`+"\n", 6), Wishes{},
			"raw [] []  key [] in-answers.jsonl"},
		{"numbers alone", "in.csv", lines("a,b\n", "%d,1\n", 12), Wishes{}, "prompt [{{json .}}] []   [] in-answers.csv"},
		{"labels and nothing to label", "in.csv", lines("topic,n\n", "%c,1\n", 12), Wishes{}, "prompt [{{.topic}}] []   [] in-answers.csv"},
		{"labels that differ in case", "in.csv", "id,topic,body\n" + lines("", "a%d,Spam,"+prose+"\n", 6) + lines("", "b%d,spam,"+prose+"\n", 3) + lines("", "c%d,ham,"+prose+"\n", 2), Wishes{},
			"classify [{{.body}}] [Spam ham] topic id [] in-labels.csv"},
		{"an id that comes twice", "in.csv", lines("id,body\n", "r,"+prose+"\n", 6), Wishes{}, "prompt [{{.body}}] []   [] in-answers.csv"},
		{"compressed", "in.ndjson", lines("", `{"body":"`+prose+`"}`+"\n", 3), Wishes{}, "prompt [{{.body}}] []   [] in-answers.jsonl"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := propose(t, table(t, tt.file, tt.text), tt.wishes)
			got := fmt.Sprint(d.Kind, " ", d.Text, " ", d.Labels, " ", d.Expected, " ", d.Key, " ", d.Media, " ", filepath.Base(d.Output))
			if got != tt.want {
				t.Errorf("proposed is\n%s\nwant\n%s", got, tt.want)
			}
			s, _ := reread(t, d)
			if len(s.Media) != len(d.Media) || s.Key != d.Key || s.Expected[""].Column != d.Expected || s.Output != d.Output {
				t.Errorf("the job file is read as %+v", s)
			}
			if c := s.Classify; c != nil && (len(c.Labels) != len(d.Labels) || c.Text != strings.Join(d.Text, "\n\n")) {
				t.Errorf("the job file is read as %+v", c)
			}
		})
	}
}

// Names of columns come out right, whatever YAML, templates and terminals make of them: the
// template shows the cell, and nothing in the file is obeyed.
func TestStrangeNames(t *testing.T) {
	for _, name := range []string{
		"a b", "x.y", `q"uote`, "emoji 👍🏽", "true", "no", "null", "~", "1st", strings.Repeat("long", 100), "ctrl\x1b[31m", "line\nbreak", `back\slash`,
		"{{x}}", "}}", "col: on", "- dash", "@at", "#hash", "x #y", "bidi\u202e", "'single'", "*star", "&amp", "|", "%pct", "comma,col", "status", "label", "日本語", "e\u0301", "?", "<<", "`",
	} {
		var rows strings.Builder
		for i := range 12 {
			row, err := json.Marshal(map[string]string{
				"id": fmt.Sprint("r", i), name: fmt.Sprintf("%d: %s\n\x1b]0;evil\a", i, prose), "class: " + name: []string{"@label", "no", "two: x # y", "\x1b[2J"}[i%4],
			})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&rows, "%s\n", row)
		}
		path := table(t, "in.jsonl", rows.String())
		d := propose(t, path, Wishes{Expected: "class: " + name})
		s, text := reread(t, d)
		if terminal.Safe(text) != text || terminal.Safe(d.Choices("")) != d.Choices("") {
			t.Errorf("%q: a terminal may obey the file or the summary:\n%q", name, text)
		}
		if s.Expected[""].Column != "class: "+name {
			t.Errorf("%q: expected is read as %v", name, s.Expected)
		}
		tmpl, err := template.New("text", s.Classify.Text, template.Latest)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		in, err := reader.Open(reader.Config{Paths: []string{path}})
		if err != nil {
			t.Fatal(err)
		}
		for row := range in.Rows() {
			want, _ := row.Value(name)
			if got, err := tmpl.Render(&row); err != nil || got != want {
				t.Errorf("%q: the text %s shows %q, %v; want %q", name, s.Classify.Text, got, err, want)
			}
			break
		}
		if err := s.ReadFiles(); err != nil {
			t.Errorf("%q: a label is taken for a file: %v", name, err)
		}
	}
}

// switchedOff matches a key behind a #.
var switchedOff = regexp.MustCompile(`(?m)^( *)# ([a-z_]+:)`)

// Each key that is switched off can be switched on, one at a time.
func TestOptions(t *testing.T) {
	for _, kind := range Kinds {
		text := lines("id,category,body,photo\n", "r%d,%c,"+prose+",%d.png\n", 12)
		d := propose(t, table(t, "in.csv", text), Wishes{Kind: kind})
		_, file := reread(t, d)
		options := switchedOff.FindAllStringSubmatchIndex(file, -1)
		if len(options) < 8 {
			t.Errorf("%s: the file has only %d options", kind, len(options))
		}
		for _, at := range options {
			on := file[:at[2]] + file[at[2]:at[3]] + file[at[4]:]
			load(t, filepath.Join(t.TempDir(), "job.yaml"), on)
		}
	}
}

// A result column that the input has already gets a prefix.
func TestPrefix(t *testing.T) {
	for header, want := range map[string]string{"id,body": "", "status,body": "ai_", "status,ai_status,body": "ai2_", "label,body": ""} {
		cells := strings.Repeat("x,", strings.Count(header, ",")) + prose + "\n"
		d := propose(t, table(t, "in.csv", lines(header+"\n", cells, 5)), Wishes{})
		if s, _ := reread(t, d); s.Prefix != want {
			t.Errorf("%s: the prefix is %q, want %q", header, s.Prefix, want)
		}
	}
}

// An output that is there, or was, is left alone.
func TestFreeOutput(t *testing.T) {
	path := table(t, "in.csv", lines("id,body\n", "r%d,"+prose+"\n", 5))
	dir := filepath.Dir(path)
	for _, want := range []string{"in-answers.csv", "in-answers-2.csv", "in-answers-3.csv"} {
		d := propose(t, path, Wishes{})
		if filepath.Base(d.Output) != want {
			t.Errorf("the output is %s, want %s", d.Output, want)
		}
		made := filepath.Join(dir, want)
		if want == "in-answers-2.csv" {
			made = spec.StateDirOf(made)
		}
		if err := os.Mkdir(made, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// Beside the files of a folder, or of a glob, an output would be one of them.
func TestFreeOutputOfFolders(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"data/lake/year=2025/part-0.jsonl", "data/lake/year=2026/part-1.jsonl"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(lines("", `{"id":"r%d","body":"`+prose+`"}`+"\n", 5)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for input, want := range map[string]string{
		"data/lake": "data/lake-answers.jsonl", "data/lake/": "data/lake-answers.jsonl", "data": "data-answers.jsonl", "data/lake/**/*.jsonl": "data/lake-answers.jsonl",
		".": "../data-answers.jsonl", "data/lake/year=2025/part-?.jsonl": "data/lake/year=2025/part-0-answers.jsonl", "data/lake/*/p*.jsonl": "data/lake/year=2025-answers.jsonl",
	} {
		s, err := Look(spec.Spec{Input: spec.List{input}})
		if err != nil {
			t.Errorf("%s: %v", input, err)
			continue
		}
		d, err := Propose(s, Wishes{Kind: Prompt}, price.Default(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if filepath.ToSlash(d.Output) != want {
			t.Errorf("%s: the output is %s, want %s", input, d.Output, want)
		}
	}
}

// Of files that are rows, the text is asked about, or pictures are sent, and the path names rows.
func TestFilesAsRows(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 {
		for name, content := range map[string]string{
			fmt.Sprintf("mails/%d.eml", i):    "Subject: caf\xe9 " + strings.Repeat("gar\xe7on pr\xe8s d'ici ", 30) + fmt.Sprint(i),
			fmt.Sprintf("pictures/%d.png", i): "\x89PNG\r\n\x1a\n\x00\x00" + fmt.Sprint(i),
		} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range map[string]string{
		"mails": "summarize [{{.text}}] [] path mails-summaries.csv windows-1252", "pictures": "prompt [] [path] path pictures-answers.csv ",
	} {
		s, err := Look(spec.Spec{Input: spec.List{filepath.Join(dir, name)}, InputFormat: "files"})
		if err != nil {
			t.Fatal(err)
		}
		d, err := Propose(s, Wishes{}, price.Default(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(d.Kind, " ", d.Text, " ", d.Media, " ", d.Key, " ", filepath.Base(d.Output), " ", s.Reads.Encoding); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// A retired model is never proposed, on any day, and never passed over in silence.
func TestModel(t *testing.T) {
	path := table(t, "in.csv", lines("id,body\n", "r%d,"+prose+"\n", 5))
	for day := time.Date(2026, 7, 25, 12, 0, 0, 0, time.UTC); day.Year() < 2029; day = day.AddDate(0, 1, 0) {
		s, err := Look(spec.Spec{Input: spec.List{path}})
		if err != nil {
			t.Fatal(err)
		}
		d, err := Propose(s, Wishes{}, price.Default(), day)
		if err != nil {
			t.Fatal(err)
		}
		e, ok := price.Default().Lookup(d.Model, day)
		if !ok || !e.Period.Priced() || e.RoutedTo != "" || e.Status != "available" {
			t.Errorf("on %s the model %q is proposed, of which the table says %+v", day.Format(time.DateOnly), d.Model, e.Warnings)
		}
	}
	for model, want := range map[string]string{"gemini-2.0-flash": "shut down 2026-06-01", "gemini-99": "no model"} {
		d := propose(t, path, Wishes{Model: model})
		if _, text := reread(t, d); !strings.Contains(strings.Join(d.ModelNotes(), "; "), want) || !strings.Contains(strings.ReplaceAll(text, "\n# ", " "), want) {
			t.Errorf("%s: the notes are %q, want %q, in the file too:\n%s", model, d.ModelNotes(), want, text)
		}
	}
}

// Of a large input only the first rows are looked at, and the draft says so.
func TestBounds(t *testing.T) {
	d := propose(t, table(t, "in.csv", lines("id,topic,body\n", "r%d,%c,"+prose+"\n", maxRows+1)), Wishes{})
	s, text := reread(t, d)
	if d.Sample.All || d.Sample.Rows != maxRows || s.Key != "" || !strings.Contains(text, "# key: id #") || !strings.Contains(text, "the first 10000 rows") {
		t.Errorf("%d rows were looked at, all: %v; the file is\n%s", d.Sample.Rows, d.Sample.All, text)
	}
	wide := strings.Repeat("c", 1) // 600 names under one column
	var members []string
	for i := range 600 {
		members = append(members, fmt.Sprintf(`"%s%d":"x"`, wide, i))
	}
	sample, err := Look(spec.Spec{Input: spec.List{table(t, "in.jsonl", `{"a":{`+strings.Join(members, ",")+"}}\n")}})
	if err != nil || len(sample.Fields) != maxFields {
		t.Errorf("%d fields, %v", len(sample.Fields), err)
	}
}

func TestRefusals(t *testing.T) {
	path := table(t, "in.csv", lines("id,body\n", "r%d,"+prose+"\n", 5))
	s, err := Look(spec.Spec{Input: spec.List{path}})
	if err != nil {
		t.Fatal(err)
	}
	for want, w := range map[string]Wishes{
		`no job of the kind "clasify"`:                      {Kind: "clasify"},
		"no column has labels":                              {Kind: Classify},
		`needs two labels at least, and "a" is one`:         {Labels: []string{"a"}},
		`no column "bdy", which --text names; did you mean`: {Text: []string{"bdy"}},
		"unclosed action":                                   {Text: []string{"{{.body"}},
		`names the column "bdoy"`:                           {Text: []string{"{{.bdoy}}"}},
		`no column "x", which --media names`:                {Media: []string{"x"}},
		"labels are given, and the kind is summarize":       {Kind: Summarize, Labels: []string{"a", "b"}},
		"is the input":                                      {Output: path},
		"says no format":                                    {Output: "out.xlsx"},
		`column "nothing"`:                                  {Key: "nothing"},
	} {
		if _, err := Propose(s, w, price.Default(), today); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", w, err, want)
		}
	}
	for _, name := range []string{"-", "none.csv"} {
		if _, err := Look(spec.Spec{Input: spec.List{name}}); err == nil {
			t.Errorf("%s is looked at", name)
		}
	}
}

// A user who presses Enter gets the proposals; wrong answers are told and asked again; who
// goes away gets no file.
func TestDialogue(t *testing.T) {
	path := table(t, "in.csv", lines("id,topic,title,body\n", "r%d,%c,a title,"+prose+"\n", 12))
	s, err := Look(spec.Spec{Input: spec.List{path}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		answers, want string
		wishes        Wishes
		said          []string
	}{
		{"\n\n\n\n\n", "classify [{{.body}}] [ham other spam] topic gemini-3.5-flash-lite in-labels.csv", Wishes{}, nil},
		{"what\ncl\n=none\na\na, b\nnone\ntitle, body\ntwo words\nm\n" + path + "\nx.xlsx\nout.jsonl\n", "classify [{{.title}} {{.body}}] [a b]  m out.jsonl", Wishes{},
			[]string{`"what"`, `"none"`, "two labels at least", "write the name of a model", `no model "m"`, "is the input", "says no format"}},
		{"summarize\n\n\n\n", "summarize [{{.body}}] []  gemini-3.5-flash-lite in-summaries.csv", Wishes{}, nil},
		{"\n\n", "extract [{{.title}}] []  gemini-3.5-flash-lite in-data.csv", Wishes{Kind: Extract, Text: []string{"title"}}, nil},
		{"\n", "classify [{{.title}}] [a b]  m in-labels.csv", Wishes{Kind: Classify, Text: []string{"title"}, Labels: []string{"a", "b"}, Model: "m"}, nil},
		{"prompt\n{{.title}}, {{.body}}\n\n\n", "prompt [{{.title}}, {{.body}}] []  gemini-3.5-flash-lite in-answers.csv", Wishes{}, nil},
		{"summarize\n", "not answered to the end", Wishes{}, nil},
		{"", "not answered to the end", Wishes{}, nil},
	} {
		var said strings.Builder
		dialogue := Dialogue{In: bufio.NewReader(strings.NewReader(tt.answers)), Out: terminal.NewWriter(&said)}
		d, err := dialogue.Questions(s, tt.wishes, price.Default(), today)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(d.Kind, " ", d.Text, " ", d.Labels, " ", d.Expected, " ", d.Model, " ", filepath.Base(d.Output))
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%q: the draft is %s, want %s\n%s", tt.answers, got, tt.want, said.String())
		}
		for _, want := range tt.said {
			if !strings.Contains(strings.ReplaceAll(said.String(), "\n", " "), want) {
				t.Errorf("%q: it says\n%s\nwithout %q", tt.answers, said.String(), want)
			}
		}
	}
}
