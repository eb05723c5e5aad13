// Package spec is the job file: its keys, how it is read, and what can be said about a
// job without looking at its input.
package spec

import (
	"errors"
	"fmt"
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

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Hint
}

func (e *Error) Unwrap() error { return e.Err }

// StateDir returns the folder in which the job keeps its state.
func (s *Spec) StateDir() string {
	if s.State != "" {
		return s.State
	}
	return StateDirOf(s.Output)
}

// StateDirOf returns the default state folder of an output.
func StateDirOf(output string) string { return output + ".genbatch" }
