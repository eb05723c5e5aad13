package draft

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// The kinds of jobs that are drafted.
const (
	Classify  = "classify"
	Summarize = "summarize"
	Extract   = "extract"
	Prompt    = "prompt"
	Raw       = "raw" // rows that are requests already
)

// Kinds lists the kinds in the order in which they are offered.
var Kinds = []string{Classify, Summarize, Extract, Prompt, Raw}

// Wishes are what the user says about a job. An empty field leaves the matter to the draft.
type Wishes struct {
	Kind     string
	Text     []string // columns, or one template
	Labels   []string
	Expected string   // the column with the labels that are right
	Key      string   // the column that names rows
	Media    []string // columns
	Model    string
	Output   string // a path
}

// A Draft is a job as it is proposed.
type Draft struct {
	Sample   *Sample
	Kind     string
	Text     []string // templates of the texts to ask about; empty if a row has only media
	Labels   []string
	Expected string
	Key      string
	Media    []string
	Model    string
	Output   string
	Prefix   string // keeps result columns apart from the input's

	prices *price.Table
	now    time.Time
}

// Propose makes a draft of what the user wishes and of what the sample shows. What is wrong
// with a wish is a *spec.Error.
func Propose(s *Sample, w Wishes, prices *price.Table, now time.Time) (*Draft, error) {
	d := &Draft{Sample: s, prices: prices, now: now}
	if w.Kind != "" && !slices.Contains(Kinds, w.Kind) {
		return nil, spec.Errorf("use "+message.List(Kinds), "no job of the kind %q is drafted", message.OneLine(w.Kind, 40))
	}
	if s.Rows == 0 {
		return nil, spec.Errorf("name a table with rows", "%s has no rows to draft a job by", s.Files[0])
	}
	if s.Bad == s.Rows {
		return nil, spec.Errorf("name its format with --input-format, or mend the file", "none of the first %s of %s can be read", message.Plural(s.Rows, "row"), s.Files[0])
	}
	if err := d.chooseMedia(w.Media); err != nil {
		return nil, err
	}
	if err := d.chooseLabels(w); err != nil {
		return nil, err
	}
	if err := d.chooseText(w.Text); err != nil {
		return nil, err
	}
	d.Kind = cmp.Or(w.Kind, d.likelyKind())
	if err := d.settleKind(w); err != nil {
		return nil, err
	}
	if err := d.chooseKey(w.Key); err != nil {
		return nil, err
	}
	d.Model = cmp.Or(w.Model, d.likelyModel())
	if w.Output == "" {
		d.Output = d.freeOutput()
		return d, nil
	}
	d.Output = w.Output
	return d, d.checkOutput()
}

// checkOutput refuses an output that cannot be one.
func (d *Draft) checkOutput() error {
	if slices.Contains(d.Sample.Files, d.Output) {
		return spec.Errorf("write another name", "the output %s is the input", d.Output)
	}
	if d.Output == "-" {
		return nil
	}
	if _, err := fileformat.Of(d.Output, "", "--output"); err != nil {
		return spec.Errorf("its name ends in .jsonl, .csv, .tsv or .parquet", "the output %s has a name that says no format", d.Output)
	}
	return nil
}

// named returns the field that the user names for a purpose.
func (s *Sample) named(flag, name string) (*Field, error) {
	f := s.Field(name)
	if f == nil {
		var names []string
		for _, f := range s.Fields {
			names = append(names, f.Name)
		}
		hint := "the input has " + message.List(names)
		if near := message.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q? %s", near, hint)
		}
		return nil, spec.Errorf(hint, "the input has no column %q, which %s names", message.OneLine(name, 60), flag)
	}
	return f, nil
}

// column is named for what must be a column itself.
func (s *Sample) column(flag, name string) (string, error) {
	f, err := s.named(flag, name)
	if err == nil && len(f.path) > 1 {
		err = spec.Errorf("name a column of the table", "%s names %q, which is inside the column %q", flag, name, f.path[0])
	}
	if err != nil {
		return "", err
	}
	return f.path[0], nil
}

func (d *Draft) chooseMedia(wanted []string) error {
	for _, name := range wanted {
		column, err := d.Sample.column("--media", name)
		if err != nil {
			return err
		}
		d.Media = append(d.Media, column)
	}
	if len(wanted) > 0 {
		return nil
	}
	for _, f := range d.Sample.Fields {
		if len(f.path) == 1 && f.MediaKind() != "" {
			d.Media = append(d.Media, f.path[0])
		}
	}
	return nil
}

// Names by which people call the labels of rows, and names of columns that have few values
// and are none.
var (
	labelName   = regexp.MustCompile(`(?i)^(.*[_ .-])?(labels?|class(es)?|categor(y|ies)|section|topic|sentiment|intent|target|gold|truth|expected|tag|genre|department|polarity|stance)$`)
	noLabelName = regexp.MustCompile(`(?i)^(.*[_ .-])?(lang|language|locale|country|currency|gender|sex|source|status|version|author|user|city|region|state|split|unit|model|year|month|day|id|channel|platform)$`)
)

// labelColumns returns the columns that may hold labels, the likeliest first.
func (s *Sample) labelColumns() (list []*Field) {
	for _, f := range s.Fields {
		few := len(f.counts) >= 2 && len(f.counts) <= 30 && f.filled >= 2*len(f.counts)
		few = few && (f.filled >= 10 || labelName.MatchString(f.Name)) // in a small table much is the same by chance
		if len(f.path) == 1 && f.isText() && few && f.words <= 5*f.filled && !noLabelName.MatchString(f.Name) && len(f.labels()) >= 2 {
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b *Field) int {
		if named := labelName.MatchString(b.Name); named != labelName.MatchString(a.Name) {
			if named {
				return 1
			}
			return -1
		}
		return 0
	})
	return list
}

// labels returns the values of a field as labels, the most frequent first. Values that
// differ in case alone are one label, in its most frequent spelling.
func (f *Field) labels() (list []string) {
	values := make([]string, 0, len(f.counts))
	for v := range f.counts {
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b string) int {
		return cmp.Or(cmp.Compare(f.counts[b], f.counts[a]), cmp.Compare(a, b))
	})
	for _, v := range values {
		same := func(l string) bool { return spec.SameText(strings.ToLower(l), strings.ToLower(v)) }
		if !slices.ContainsFunc(list, same) {
			list = append(list, v)
		}
	}
	return list
}

// chooseLabels chooses the labels and the column with those that are right.
func (d *Draft) chooseLabels(w Wishes) error {
	if w.Expected != "" {
		column, err := d.Sample.column("--expected", w.Expected)
		if err != nil {
			return err
		}
		d.Expected = column
	}
	d.Labels = w.Labels
	if len(w.Labels) > 0 || w.Kind != "" && w.Kind != Classify {
		return nil
	}
	if list := d.Sample.labelColumns(); d.Expected == "" && len(list) > 0 {
		d.Expected = list[0].path[0]
		if len(d.textFields()) == 0 && len(d.Media) == 0 { // what would be labelled
			d.Expected = ""
		}
	}
	if f := d.Sample.Field(d.Expected); d.Expected != "" {
		d.Labels = f.labels()
		if len(d.Labels) < 2 {
			return spec.Errorf("give the labels with --label A --label B", "the column %q has %s in the rows that were looked at, and a classification needs 2 to %d of at most %d characters",
				d.Expected, map[bool]string{true: "one value", false: "too many or too long values"}[len(f.counts) == 1], maxCounts, maxLabel)
		}
	}
	return nil
}

// textName matches names by which people call the text of a row.
var textName = regexp.MustCompile(`(?i)^(.*[_ .-])?(text|body|content|description|review|comment|message|abstract|article|post|tweet|question|document|summary|transcript|note|notes|feedback)$`)

// textFields returns the fields that may hold the text of a row, the likeliest first.
func (d *Draft) textFields() (list []*Field) {
	for _, f := range d.Sample.Fields {
		if f.isText() && !slices.Contains(f.path, d.Expected) {
			list = append(list, f)
		}
	}
	weight := func(f *Field) int {
		n := min(f.Mean(), 2000) * f.filled / max(d.Sample.Rows, 1)
		if f.words < 2*f.filled { // ids, names and addresses
			n /= 4
		}
		if f.counts != nil && f.filled >= 3*len(f.counts) { // the same few values again and again
			n /= 4
		}
		if textName.MatchString(f.Name) {
			n *= 2
		}
		return n
	}
	slices.SortStableFunc(list, func(a, b *Field) int { return cmp.Compare(weight(b), weight(a)) })
	return list
}

// chooseText chooses what of a row is asked about.
func (d *Draft) chooseText(wanted []string) error {
	if len(wanted) > 0 {
		return d.setText(wanted)
	}
	list := d.textFields()
	if d.Sample.Reads.FilesAsRows() { // the path names the file, and is no text
		list = slices.DeleteFunc(list, func(f *Field) bool { return f.Name == reader.PathColumn })
	}
	switch {
	case len(list) > 0 && (len(d.Media) == 0 || list[0].words >= 3*list[0].filled):
		d.Text = []string{list[0].Template()}
	case len(d.Media) == 0:
		d.Text = []string{"{{json .}}"} // numbers alone: the whole row
	}
	return nil
}

// setText sets what of a row is asked about: columns, or one template.
func (d *Draft) setText(wanted []string) error {
	var text []string
	for _, name := range wanted {
		if strings.Contains(name, "{{") {
			t, err := template.New("--text", name, template.Latest)
			if err == nil {
				err = t.CheckColumns(d.Sample.Columns())
			}
			if err != nil {
				return err
			}
			text = append(text, name)
			continue
		}
		f, err := d.Sample.named("--text", name)
		if err != nil {
			return err
		}
		text = append(text, f.Template())
	}
	d.Text = text
	return nil
}

// longText is how many characters a text has that is worth a summary.
const longText = 400

func (d *Draft) likelyKind() string {
	if f := d.Sample.field("request", "contents"); f != nil && f.mostly(f.objects) {
		return Raw
	}
	if len(d.Labels) > 0 {
		return Classify
	}
	if list := d.textFields(); len(d.Media) == 0 && len(list) > 0 && list[0].Mean() >= longText {
		return Summarize
	}
	return Prompt
}

// settleKind sees to it that the draft has what its kind needs, and nothing that contradicts
// it.
func (d *Draft) settleKind(w Wishes) error {
	if d.Kind == Raw {
		d.Text, d.Media = nil, nil
	}
	if d.Kind != Classify {
		if len(w.Labels) > 0 || w.Expected != "" {
			return spec.Errorf("leave --kind out, or write --kind classify", "labels are given, and the kind is %s", d.Kind)
		}
		d.Labels, d.Expected = nil, ""
		return nil
	}
	if len(w.Labels) == 1 {
		return spec.Errorf("give two or more", "a classification needs two labels at least, and %q is one", message.OneLine(w.Labels[0], 60))
	}
	if len(d.Labels) < 2 {
		return spec.Errorf("give at least two with --label A --label B, or name the column that has them with --expected COLUMN",
			"no column has labels that are plain to see")
	}
	return nil
}

// keyName matches names by which people call what names a row, the likeliest first.
var keyName = []*regexp.Regexp{
	regexp.MustCompile(`(?i)^_?(id|key|uuid|guid)$`),
	regexp.MustCompile(`(?i)(^|[_ .-])(id|key|uuid|guid)$|[a-z]I[Dd]$`),
	regexp.MustCompile(`(?i)^(no|nr|number|code|sku|isbn|doi|slug|name|index|version)$`),
}

// chooseKey chooses the column that names rows in messages.
func (d *Draft) chooseKey(wanted string) error {
	if wanted != "" {
		column, err := d.Sample.column("--key", wanted)
		if f := d.Sample.Field(wanted); err == nil && f.unique == nil {
			return spec.Errorf("name a column whose values are all different, or none", "--key names the column %q, which has a value twice, or values that are too long for a name", wanted)
		}
		d.Key = column
		return err
	}
	if d.Sample.Reads.FilesAsRows() {
		d.Key = reader.PathColumn
		return nil
	}
	best := len(keyName) + 1
	for _, f := range d.Sample.Fields {
		isName := f.unique != nil && f.filled == d.Sample.Rows-d.Sample.Bad && f.objects == 0 && f.words <= f.filled && f.MediaKind() == ""
		if len(f.path) > 1 || !isName || len(d.Text) == 1 && d.Text[0] == f.Template() {
			continue
		}
		rank := slices.IndexFunc(keyName, func(re *regexp.Regexp) bool { return re.MatchString(f.Name) })
		if rank < 0 {
			rank = len(keyName)
			if d.Sample.Rows < 5 || f.isPlain() { // no wonder that they differ
				continue
			}
		}
		if rank < best {
			best, d.Key = rank, f.path[0]
		}
	}
	return nil
}

// endings are what the output's name has behind that of the input, by kind.
var endings = map[string]string{Classify: "labels", Summarize: "summaries", Extract: "data", Prompt: "answers", Raw: "answers"}

// freeOutput returns the path of an output beside the input, which is not there yet. Beside the
// files of a folder or a glob it would be one of them itself. That for an object stands in the
// working folder: whoever may read a bucket may mostly not write there.
func (d *Draft) freeOutput() string {
	input := d.Sample.Files[0]
	dir, name := filepath.Split(input)
	if store.IsAddress(input) {
		dir, name = "", path.Base(input)
	}
	compression := ""
	if ext := strings.ToLower(filepath.Ext(name)); ext == ".gz" || ext == ".zst" {
		compression = name[len(name)-len(ext):]
		name = name[:len(name)-len(ext)]
	}
	ext := filepath.Ext(name)
	name = strings.TrimSuffix(name, ext)
	switch {
	case d.Sample.Reads.FilesAsRows():
		ext, compression = ".csv", ""
	case slices.Contains([]string{".csv", ".tsv", ".parquet", ".jsonl"}, strings.ToLower(ext)):
	case slices.Contains([]string{".json", ".ndjson"}, strings.ToLower(ext)):
		ext = ".jsonl"
	default:
		ext = "." + cmp.Or(strings.ToLower(d.Sample.Reads.InputFormat), "csv")
	}
	isInput := func(dir string) bool {
		path := filepath.Join(dir, name+"-"+endings[d.Kind]+ext+compression)
		return slices.ContainsFunc(d.Sample.Reads.Input, func(in string) bool { return reader.Matches(in, path) })
	}
	for range maxDepthOfFiles {
		if !isInput(dir) {
			break
		}
		if dir = filepath.Clean(dir); dir == "." || filepath.Base(dir) == ".." {
			dir = filepath.Join(dir, "..")
		} else {
			name, dir = filepath.Base(dir), filepath.Dir(dir)
		}
	}
	for n := 1; ; n++ {
		number := ""
		if n > 1 {
			number = fmt.Sprintf("-%d", n)
		}
		path := filepath.Join(dir, name+"-"+endings[d.Kind]+number+ext+compression)
		if !exists(path) && !exists(spec.StateDirOf(path)) {
			return path
		}
	}
}

// maxDepthOfFiles is how many folders an output is moved up.
const maxDepthOfFiles = 50

// trialOutput returns the path of another output, of the same format, for answers that are
// made up.
func trialOutput(output string) string {
	kind, err := fileformat.Of(output, "", "--output")
	if err != nil { // stdout
		return "try.jsonl"
	}
	return "try" + kind.Extension
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
