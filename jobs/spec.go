package jobs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// A Spec describes a job: what a job file, flags and environment say together.
// Fields are named in YAML and JSON as their flags are, in snake_case. The zero
// value of each optional field means its default.
type Spec struct {
	Input        List   `json:"input,omitempty"` // paths, globs, or "-"; required
	InputFormat  string `json:"input_format,omitempty"`
	Output       string `json:"output,omitempty"` // required
	OutputFormat string `json:"output_format,omitempty"`
	State        string `json:"state,omitempty"`         // folder; default: Output + ".genbatch"
	MaxRowBytes  int    `json:"max_row_bytes,omitempty"` // default 256 MiB
	Key          string `json:"key,omitempty"`           // column that names rows in messages
	Limit        int    `json:"limit,omitempty"`         // only the first rows; 0: all
	Sample       int    `json:"sample,omitempty"`        // only that many rows, by lowest fingerprint; 0: all
	Strict       bool   `json:"strict,omitempty"`
	Dedupe       bool   `json:"dedupe,omitempty"`   // one call for identical requests
	Expected     string `json:"expected,omitempty"` // column with the labels that are right, for an evaluation

	Model      string `json:"model,omitempty"` // required
	Endpoint   string `json:"endpoint,omitempty"`
	BaseURL    string `json:"base_url,omitempty"`
	Auth       string `json:"auth,omitempty"`
	APIKeyEnv  string `json:"api_key_env,omitempty"`
	APIKeyFile string `json:"api_key_file,omitempty"`
	Project    string `json:"project,omitempty"`  // Vertex AI
	Location   string `json:"location,omitempty"` // Vertex AI
	Header     List   `json:"header,omitempty"`   // NAME=VALUE

	// Exactly one of the kinds.
	Prompt    string     `json:"prompt,omitempty"`
	Classify  *Classify  `json:"classify,omitempty"`
	Summarize *Summarize `json:"summarize,omitempty"`
	Raw       *Raw       `json:"raw,omitempty"`
	Extract   *Extract   `json:"extract,omitempty"`

	Schema      Schema `json:"schema,omitempty"`       // of the answers, which are checked by it
	SchemaField string `json:"schema_field,omitempty"` // responseJsonSchema (default) or responseSchema

	System          string         `json:"system,omitempty"`
	Request         map[string]any `json:"request,omitempty"` // the API's own JSON, merged into each body
	MaxOutputTokens int            `json:"max_output_tokens,omitempty"`
	Media           MediaColumns   `json:"media,omitempty"`
	MediaRoot       string         `json:"media_root,omitempty"`   // files lie below it; default: the folder of the row's input file
	MediaDelete     bool           `json:"media_delete,omitempty"` // uploads, when the job has finished
	Stream          bool           `json:"stream,omitempty"`

	Set         map[string]string `json:"set,omitempty"`          // path of the request to template: what each row sets
	NoPreflight bool              `json:"no_preflight,omitempty"` // send also what is known to be refused

	Concurrency int           `json:"concurrency,omitempty"` // default 64
	RPM         int           `json:"rpm,omitempty"`
	TPM         int           `json:"tpm,omitempty"`
	RPD         int           `json:"rpd,omitempty"`
	MaxAttempts int           `json:"max_attempts,omitempty"` // default 6
	Timeout     time.Duration `json:"timeout,omitempty"`      // of one attempt; default 5m
	MaxFailures string        `json:"max_failures,omitempty"` // N or P%
	Retry       List          `json:"retry,omitempty"`        // statuses to ask again

	OnDailyQuota string `json:"on_daily_quota,omitempty"` // stop (default) or wait
	QuotaGroup   string `json:"quota_group,omitempty"`    // keys that share a quota; default: each key has its own

	Tier     List          `json:"tier,omitempty"`      // flex, standard, priority: the service tiers to try, in this order
	TierWait time.Duration `json:"tier_wait,omitempty"` // how long a row tries one before the next; default 15m, by a deadline up to 1h
	Deadline string        `json:"deadline,omitempty"`  // of a run: a duration, 18:00, or a date with time

	MaxCost     string `json:"max_cost,omitempty"` // in dollars, over the job's whole journal
	Prices      string `json:"prices,omitempty"`   // a price file
	Prefix      string `json:"prefix,omitempty"`   // of the result columns
	Columns     List   `json:"columns,omitempty"`  // of the output; default: all
	RawResponse bool   `json:"raw_response,omitempty"`
	CSVSafe     bool   `json:"csv_safe,omitempty"`
	Force       bool   `json:"force,omitempty"`
}

// Classify asks for one label for each row, or for several.
type Classify struct {
	Text   string `json:"text"` // template; required
	Labels Labels `json:"labels"`

	Multi     bool `json:"multi,omitempty"`      // any number of labels for each row, none included
	MinLabels int  `json:"min_labels,omitempty"` // with Multi: fewest
	MaxLabels int  `json:"max_labels,omitempty"` // with Multi: most; 0: all

	Rationale  bool `json:"rationale,omitempty"`  // have the model reason before it decides, in a column
	Confidence bool `json:"confidence,omitempty"` // have it say how sure it is, from 0 to 1, in a column

	Examples Examples `json:"examples,omitzero"` // texts with their labels, shown before each row's
}

// Labels are the labels of a classification, in their order, each with a
// description that may be empty. In YAML: a list, or a map of label to
// description. A name @FILE stands for the labels of a file, one a line, each with
// a tab and its description if it has one; @@ is an at sign.
type Labels []Label

// A Label is one label of a classification.
type Label struct{ Name, Description string }

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (l *Labels) UnmarshalYAML(unmarshal func(any) error) error {
	var names []string
	if err := unmarshal(&names); err == nil {
		for _, name := range names {
			*l = append(*l, Label{Name: name})
		}
		return nil
	}
	var described yaml.MapSlice
	if err := unmarshal(&described); err != nil {
		return errors.New("labels are a list of names, or a map of name to description")
	}
	for _, item := range described {
		label := Label{Name: fmt.Sprint(item.Key)}
		if item.Value != nil {
			label.Description = fmt.Sprint(item.Value)
		}
		*l = append(*l, label)
	}
	return nil
}

// Summarize asks for a summary of a text of each row.
type Summarize struct {
	Text      string `json:"text"`                // template; required
	Words     int    `json:"words,omitempty"`     // at most; 0: not said
	Sentences int    `json:"sentences,omitempty"` // at most; 0 with Words 0: 3
	Language  string `json:"language,omitempty"`  // default: the text's own
	Style     string `json:"style,omitempty"`     // paragraph (default), bullets, headline, or words of your own
}

// Raw takes each row as a request: a Gemini Batch line {"key","request"}, a
// Vertex AI batch line {"request"}, or a column that holds a body.
type Raw struct {
	Column string `json:"column,omitempty"` // default: request
}

// A List is a list of strings that YAML may give as a single one.
type List []string

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (l *List) UnmarshalYAML(unmarshal func(any) error) error {
	var many []string
	if err := unmarshal(&many); err == nil {
		*l = many
		return nil
	}
	var one string
	if err := unmarshal(&one); err != nil {
		return errors.New("a text or a list of texts is wanted here")
	}
	*l = List{one}
	return nil
}

// A SpecError is a mistake in flags, job file or input: nothing was sent.
type SpecError struct {
	Err  error
	Hint string // the remedy; may be empty
}

func (e *SpecError) Error() string {
	if e.Hint == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Hint
}

func (e *SpecError) Unwrap() error { return e.Err }

func specErrorf(hint, format string, args ...any) error {
	return &SpecError{Err: fmt.Errorf(format, args...), Hint: hint}
}

// Load reads a job file. Paths in it are relative to its own folder. Its errors
// are SpecErrors that name line and column.
func Load(path string) (*Spec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, specErrorf("name a job file that exists, or describe the job by flags", "the job file cannot be read: %w", err)
	}
	var s Spec
	if err := unmarshalYAML(text, &s); err != nil {
		return nil, yamlError(path, err)
	}
	s.resolve(filepath.Dir(path))
	return &s, nil
}

// unmarshalYAML reads a job file. The YAML package panics on some files, such as one
// whose list is a text with a tag (input: !x a.csv); that is a mistake in the file.
func unmarshalYAML(text []byte, s *Spec) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it cannot be read as YAML: leave out tags, which begin with an exclamation mark")
		}
	}()
	return yaml.UnmarshalWithOptions(text, s, yaml.Strict())
}

// resolve makes the paths of a job file relative to its folder.
func (s *Spec) resolve(dir string) {
	at := func(path *string) {
		if *path != "" && *path != "-" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	for i := range s.Input {
		at(&s.Input[i])
	}
	at(&s.Output)
	at(&s.State)
	at(&s.APIKeyFile)
	at(&s.Prices)
	s.resolveSchema(at)
	at(&s.MediaRoot)
	for _, text := range s.texts() {
		if file, ok := strings.CutPrefix(*text, "@"); ok && !strings.HasPrefix(file, "@") {
			at(&file)
			*text = "@" + file
		}
	}
	s.Classify.resolve(at)
}

// texts are the templates, which may name a file: @FILE. A text that begins with
// an at sign itself is written with two.
func (s *Spec) texts() map[string]*string {
	texts := map[string]*string{"prompt": &s.Prompt, "system": &s.System}
	if s.Classify != nil {
		texts["text"] = &s.Classify.Text
	}
	if s.Summarize != nil {
		texts["text"] = &s.Summarize.Text
	}
	if s.Extract != nil {
		texts["text"] = &s.Extract.Text
	}
	return texts
}

// readTexts puts the content of files in the place of their names, so that a job
// stays what it was when it is looked at later, from elsewhere.
func (s *Spec) readTexts() error {
	s.Classify, s.Summarize, s.Extract = clonePointer(s.Classify), clonePointer(s.Summarize), clonePointer(s.Extract)
	if err := s.readSchema(); err != nil {
		return err
	}
	for name, text := range s.texts() {
		file, ok := strings.CutPrefix(*text, "@")
		if !ok || strings.HasPrefix(file, "@") {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return specErrorf("a text that begins with an at sign is written with two", "%s: %w", name, err)
		}
		*text = string(content)
		if strings.HasPrefix(*text, "@") {
			*text = "@" + *text
		}
	}
	return s.Classify.readFiles()
}

// clonePointer returns a pointer to a copy, or nil.
func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

// yamlError names the file, keeps the position that the YAML package found, and
// offers the nearest key for an unknown one.
func yamlError(path string, err error) error {
	var unknown *yaml.UnknownFieldError
	hint := ""
	if errors.As(err, &unknown) {
		name := unknown.GetToken().Value
		if near := nearest(name, specKeys()); near == name {
			hint = "it stands under another key, such as classify: or summarize:"
		} else if near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
	var positioned yaml.Error
	if errors.As(err, &positioned) {
		if t := positioned.GetToken(); t != nil && t.Position != nil {
			message := positioned.GetMessage()
			if mistyped, ok := positioned.(*yaml.TypeError); ok {
				message = wanted(mistyped.DstType) + " is wanted here"
			}
			err = fmt.Errorf("line %d, column %d: %s", t.Position.Line, t.Position.Column, message)
		}
	}
	if strings.HasPrefix(err.Error(), "time: ") { // the YAML package says no more of it
		err, hint = fmt.Errorf("timeout or tier_wait: %w", err), "write it as 90s or 5m"
	}
	return &SpecError{Err: fmt.Errorf("%s: %w", path, err), Hint: hint}
}

// wanted says in YAML's words what a field takes.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	}
	return "a group of keys"
}

// StateDir returns the folder in which the job keeps its state.
func (s *Spec) StateDir() string {
	if s.State != "" {
		return s.State
	}
	return StateDirOf(s.Output)
}

// StateDirOf returns the default state folder of an output.
func StateDirOf(output string) string { return output + ".genbatch" }

// check finds what is missing or contradicts itself, without looking at the
// input.
func (s *Spec) check() error {
	switch {
	case len(s.Input) == 0:
		return specErrorf("name the table with --input reviews.csv, or input: in the job file", "no input is given")
	case s.Output == "":
		return specErrorf("name the file to write with --output labels.csv, or output: in the job file", "no output is given")
	case s.Model == "":
		return specErrorf("say which with --model, for example --model gemini-2.5-flash-lite", "no model is given, and there is no default since models are retired")
	}
	var kinds []string
	for name, given := range map[string]bool{
		"prompt": s.Prompt != "", "classify": s.Classify != nil, "summarize": s.Summarize != nil, "raw": s.Raw != nil,
		"extract": s.Extract != nil,
	} {
		if given {
			kinds = append(kinds, name)
		}
	}
	slices.Sort(kinds)
	switch len(kinds) {
	case 0:
		if field(s.Request, "contents") != nil { // a whole example, pasted
			return specErrorf("put the text into prompt:, or use raw: for whole requests", "request.contents is the same for every row, and the job does not say what to ask")
		}
		return specErrorf(`say it with --prompt "Summarize: {{.text}}", with --label A --label B --text "{{.text}}", with --schema FILE --text "{{.text}}", or with prompt:, classify:, summarize:, extract: or raw: in a job file`,
			"the job does not say what to ask")
	case 1:
	default:
		return specErrorf("keep one of them", "the job has %d kinds: %s", len(kinds), strings.Join(kinds, ", "))
	}
	if s.Limit > 0 && s.Sample > 0 {
		return specErrorf("keep one of them", "--limit and --sample contradict each other")
	}
	for name, n := range map[string]int{
		"limit": s.Limit, "sample": s.Sample, "concurrency": s.Concurrency, "rpm": s.RPM, "tpm": s.TPM, "rpd": s.RPD,
		"max_attempts": s.MaxAttempts, "max_output_tokens": s.MaxOutputTokens, "max_row_bytes": s.MaxRowBytes,
	} {
		if n < 0 {
			return specErrorf("", "%s is %d; it cannot be negative", name, n)
		}
	}
	if s.Timeout < 0 {
		return specErrorf("", "timeout is %v; it cannot be negative", s.Timeout)
	}
	if s.Expected != "" && s.Classify == nil {
		return specErrorf("it goes with --label and --text, or classify:", "expected names labels to compare with, and the job is no classification")
	}
	if s.OnDailyQuota != "" && s.OnDailyQuota != "stop" && s.OnDailyQuota != "wait" {
		return specErrorf("use stop or wait", "on_daily_quota is %q", s.OnDailyQuota)
	}
	if err := s.checkTiers(); err != nil {
		return err
	}
	return s.checkRequest()
}

// checkRequest finds contradictions in what stands under request:.
func (s *Spec) checkRequest() error {
	config, _ := field(s.Request, "generationConfig").(map[string]any)
	if s.MaxOutputTokens > 0 && field(config, "maxOutputTokens") != nil {
		return specErrorf("keep one of them", "max_output_tokens and request.generationConfig.maxOutputTokens are both given")
	}
	thinking, _ := field(config, "thinkingConfig").(map[string]any)
	if field(thinking, "thinkingBudget") != nil && field(thinking, "thinkingLevel") != nil {
		return specErrorf("keep thinkingLevel for Gemini 3 and later, thinkingBudget for 2.5",
			"request.generationConfig.thinkingConfig has thinkingBudget and thinkingLevel, and the API takes one of them")
	}
	if err := s.checkSchema(); err != nil {
		return err
	}
	if s.System != "" && field(s.Request, "systemInstruction") != nil {
		return specErrorf("keep one of them", "system and request.systemInstruction are both given")
	}
	if s.Raw == nil && field(s.Request, "contents") != nil {
		return specErrorf("put the text into prompt:, or use raw: for whole requests", "request.contents contradicts the job's kind, which makes the contents")
	}
	return nil
}
