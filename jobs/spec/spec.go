package spec

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/store"
)

// A Spec describes a job: what job file, flags and environment say together. A field has the
// name of its flag, in snake_case in YAML and JSON. The zero value of an optional field means
// its default, which is none or false if the field does not say otherwise.
type Spec struct {
	// The rows, and where the output and the state go.
	Input           List     `json:"input,omitempty"`            // paths of files or folders, addresses of objects, globs of either, or "-" for stdin; required
	InputFormat     string   `json:"input_format,omitempty"`     // default: by the extension; "files" makes a row of each file
	Quotes          bool     `json:"quotes,omitempty"`           // TSV has fields in quotes, as CSV does
	Delimiter       string   `json:"delimiter,omitempty"`        // of CSV and TSV inputs: a character or its name; default: what the files show
	Encoding        string   `json:"encoding,omitempty"`         // of text inputs; default: UTF-8, or what a byte order mark says
	Escape          string   `json:"escape,omitempty"`           // in CSV and TSV inputs, what makes text of the character after it; default: none
	NoQuotes        bool     `json:"no_quotes,omitempty"`        // a quote in CSV and TSV inputs is text
	Null            List     `json:"null,omitempty"`             // what stands for null in CSV and TSV; the first one is written
	Output          string   `json:"output,omitempty"`           // path, address of an object, or "-" for stdout; required
	OutputFormat    string   `json:"output_format,omitempty"`    // default: by the extension
	OutputDelimiter string   `json:"output_delimiter,omitempty"` // of a CSV output; default: comma
	BOM             bool     `json:"bom,omitempty"`              // begin CSV and TSV outputs with a byte order mark
	State           string   `json:"state,omitempty"`            // folder; default: see StateDirOf
	MaxRowBytes     int      `json:"max_row_bytes,omitempty"`    // default: 256 MiB
	Key             string   `json:"key,omitempty"`              // the column that names rows in messages
	Limit           int      `json:"limit,omitempty"`            // take only the first rows; 0 takes all
	Sample          int      `json:"sample,omitempty"`           // take only so many rows, those of the lowest fingerprints; 0 takes all
	Shard           string   `json:"shard,omitempty"`            // take only a part of the rows; see ShardOf
	Strict          bool     `json:"strict,omitempty"`           // refuse the job if any row is bad
	Dedupe          bool     `json:"dedupe,omitempty"`           // make one call for identical requests
	Expected        Expected `json:"expected,omitempty"`         // which columns hold known values, with which results are compared

	// The endpoint. The API key itself has no setting.
	Model      string `json:"model,omitempty"`        // required
	Endpoint   string `json:"endpoint,omitempty"`     // a name, such as google, vertex or sim, or a base URL; default: by the key that is set
	BaseURL    string `json:"base_url,omitempty"`     // another host for a named endpoint
	Auth       string `json:"auth,omitempty"`         // how the key is sent; default: the endpoint's own way
	APIKeyEnv  string `json:"api_key_env,omitempty"`  // the environment variable with the key; default: the endpoint's own
	APIKeyFile string `json:"api_key_file,omitempty"` // the file with the key
	Project    string `json:"project,omitempty"`      // of Vertex AI
	Location   string `json:"location,omitempty"`     // of Vertex AI
	Header     List   `json:"header,omitempty"`       // NAME=VALUE; see HTTPHeader

	// The kind: exactly one of these.
	Prompt    string     `json:"prompt,omitempty"` // a template, or @FILE
	Classify  *Classify  `json:"classify,omitempty"`
	Summarize *Summarize `json:"summarize,omitempty"`
	Raw       *Raw       `json:"raw,omitempty"`
	Extract   *Extract   `json:"extract,omitempty"`

	Schema      Schema `json:"schema,omitempty"`       // the form of the answers, which are checked against it
	SchemaField string `json:"schema_field,omitempty"` // responseJsonSchema (default) or responseSchema

	Checks Checks `json:"check,omitempty"` // what must hold of each answer

	// What else is in the request; see Body.
	System          string         `json:"system,omitempty"`            // a template, or @FILE
	Request         map[string]any `json:"request,omitempty"`           // the API's own JSON, merged into each body
	MaxOutputTokens int            `json:"max_output_tokens,omitempty"` // of one answer; 0 sets no bound
	Media           MediaColumns   `json:"media,omitempty"`
	MediaRoot       string         `json:"media_root,omitempty"`   // the folder that holds the media, or the beginning of their addresses; default: that of the row's input, and for files as rows the job file's, or the working folder
	MediaDelete     bool           `json:"media_delete,omitempty"` // delete uploads when the job has finished
	Stream          bool           `json:"stream,omitempty"`       // call streamGenerateContent

	RowsPerCall int `json:"rows_per_call,omitempty"` // the most rows that share a call; 0 and 1: each has its own

	Set         map[string]string `json:"set,omitempty"`          // what each row sets: a template by the path in the request
	NoPreflight bool              `json:"no_preflight,omitempty"` // send even what the API is known to refuse

	AllowSamePrompt bool `json:"allow_same_prompt,omitempty"` // ask even if the prompt is the same for every row
	AllowEmptyText  bool `json:"allow_empty_text,omitempty"`  // ask even about rows without a text

	// How calls are made. A limit of 0 is learned from the endpoint.
	Concurrency int           `json:"concurrency,omitempty"`  // most calls in flight; default: 64
	RPM         int           `json:"rpm,omitempty"`          // requests a minute
	TPM         int           `json:"tpm,omitempty"`          // input tokens a minute
	RPD         int           `json:"rpd,omitempty"`          // requests a day
	MaxAttempts int           `json:"max_attempts,omitempty"` // of one row in a run; default: 6
	Timeout     time.Duration `json:"timeout,omitempty"`      // of one attempt; default: 5m
	MaxFailures string        `json:"max_failures,omitempty"` // N or P%; see FailureLimit
	Retry       List          `json:"retry,omitempty"`        // statuses; see RetryStatuses
	FailIf      List          `json:"fail_if,omitempty"`      // patterns of RE2 for texts that come as answers and are none

	OnDailyQuota string `json:"on_daily_quota,omitempty"` // stop (default) or wait
	QuotaShare   string `json:"quota_share,omitempty"`    // the part of the quota that this process may use; see Share
	QuotaGroup   string `json:"quota_group,omitempty"`    // a name for keys that share a quota; default: each key has its own

	Tier     List          `json:"tier,omitempty"`      // service tiers; see Tiers
	TierWait time.Duration `json:"tier_wait,omitempty"` // how long a row tries a tier of single calls before the next; default: 15m, with a deadline up to 1h
	Deadline string        `json:"deadline,omitempty"`  // of a run; see DeadlineFrom

	// Of the tier batch; see [ByBatch].
	BatchBucket  string `json:"batch_bucket,omitempty"`  // where Vertex AI reads and writes: gs://bucket/prefix
	BatchCleanup bool   `json:"batch_cleanup,omitempty"` // delete jobs at the endpoint once their rows are safe

	Metrics string `json:"metrics,omitempty"` // where a run serves its metrics; see MetricsAddress

	// Cost and output.
	MaxCost     string `json:"max_cost,omitempty"`     // in dollars, over the job's whole journal; see CostLimit
	Prices      string `json:"prices,omitempty"`       // the path or address of a price file
	Prefix      string `json:"prefix,omitempty"`       // of the result columns' names
	Columns     List   `json:"columns,omitempty"`      // the output's columns; default: all
	RawResponse bool   `json:"raw_response,omitempty"` // add a column with the API's whole response
	CSVSafe     bool   `json:"csv_safe,omitempty"`     // keep spreadsheets from running cells as formulas
	Force       bool   `json:"force,omitempty"`        // replace files that are not the job's

	// ReviewBelow marks rows whose confidence is below it, in a column. It is from 0, which
	// marks none, to 1.
	ReviewBelow float64 `json:"review_below,omitempty"`

	// At the end of a run of the command. Jobs that are run from Go do without.
	OnFinish        string        `json:"on_finish,omitempty"`         // a command of the shell, which gets the summary
	OnFinishTimeout time.Duration `json:"on_finish_timeout,omitempty"` // how long it may take; default: 1m
	Webhook         Webhook       `json:"webhook,omitzero"`            // where the summary is posted
}

// StateDir returns the folder in which the job keeps its state. A shard has a folder of its own
// within that of the whole job. See JobDir.
func (s *Spec) StateDir() string {
	if shard, err := s.ShardOf(); err == nil && shard.Count > 0 {
		return ShardDir(s.JobDir(), shard)
	}
	return s.JobDir()
}

// JobDir returns the folder in which the whole job keeps its state, also for a shard of it. If the
// output is stdout, which has no name, the folder has that of the first input, and stands in the
// working folder.
func (s *Spec) JobDir() string {
	switch {
	case s.State != "":
		return s.State
	case s.Output != "-":
		return StateDirOf(s.Output)
	case len(s.Input) == 0 || s.Input[0] == "-":
		return StateDirOf("stdin.stdout")
	}
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`*?[]\`, r) {
			return '_'
		}
		return r
	}, filepath.Base(s.Input[0]))
	if name == "." || name == ".." {
		name = "folder"
	}
	return StateDirOf(name + ".stdout")
}

// StateDirOf returns the default state folder of an output: its path and ".genbatch". That of an
// object is a local folder, since a journal needs a disk: it stands in the user's folder for state,
// XDG_STATE_HOME or else ~/.local/state, or without one in the working folder. A digest of the
// address keeps apart objects of the same name.
func StateDirOf(output string) string {
	if !store.IsAddress(output) {
		return output + ".genbatch"
	}
	name := strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(".-_", r)) {
			return r
		}
		return '_'
	}, path.Base(output))
	sum := sha256.Sum256([]byte(output))
	name = fmt.Sprintf("%.100s-%x.genbatch", name, sum[:6])
	if dir := durable.UserDir(os.Getenv); dir != "" {
		return filepath.Join(dir, "genbatch", "objects", name)
	}
	return name
}

// A List is a list of texts. In YAML a single text stands for a list of one.
type List []string

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (l *List) UnmarshalYAML(unmarshal func(any) error) error {
	var many []string
	err := unmarshal(&many)
	if err == nil {
		*l = many
		return nil
	}
	var one string
	if unmarshal(&one) != nil {
		return err // it has the position
	}
	*l = List{one}
	return nil
}
