package main

import (
	"maps"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/jobs"
)

// A setting is a flag that sets a part of the Spec. It can also be given as a variable
// GENBATCH_… of the environment.
type setting struct {
	flag cli.Flag
	set  func(c *cli.Context, s *jobs.Spec)
}

// env returns the variables of the environment that stand for a flag.
func env(name string) []string {
	return []string{"GENBATCH_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}
}

func textSetting(name, category, usage string, field func(*jobs.Spec) *string, aliases ...string) setting {
	return setting{
		&cli.StringFlag{Name: name, Category: category, Usage: usage, Aliases: aliases, EnvVars: env(name)},
		func(c *cli.Context, s *jobs.Spec) { *field(s) = c.String(name) },
	}
}

func listSetting(name, category, usage string, field func(*jobs.Spec) *jobs.List, aliases ...string) setting {
	return setting{
		&cli.StringSliceFlag{Name: name, Category: category, Usage: usage, Aliases: aliases, EnvVars: env(name)},
		func(c *cli.Context, s *jobs.Spec) { *field(s) = c.StringSlice(name) },
	}
}

// numberSetting returns a setting whose zero stands for a default. The help shows the
// default as def.
func numberSetting(name, category, usage, def string, field func(*jobs.Spec) *int) setting {
	return setting{
		&cli.IntFlag{Name: name, Category: category, Usage: usage, DefaultText: def, EnvVars: env(name), Base: 10},
		func(c *cli.Context, s *jobs.Spec) { *field(s) = c.Int(name) },
	}
}

func boolSetting(name, category, usage string, field func(*jobs.Spec) *bool) setting {
	return setting{
		&cli.BoolFlag{Name: name, Category: category, Usage: usage, EnvVars: env(name)},
		func(c *cli.Context, s *jobs.Spec) { *field(s) = c.Bool(name) },
	}
}

// A wordFlag may stand alone, and has a word behind its "=" otherwise.
type wordFlag struct {
	*cli.GenericFlag
	words string // for the error about another
}

// TakesValue implements [cli.DocGenerationFlag]: the argument behind it is not its value.
func (f *wordFlag) TakesValue() bool { return false }

// Words says what may stand behind the "=".
func (f *wordFlag) Words() string { return f.words }

// A confidence is the value of --confidence. It implements [cli.Generic].
type confidence jobs.Confidence

func (v *confidence) Set(text string) error {
	if yes, err := strconv.ParseBool(text); err == nil {
		text = strconv.FormatBool(yes)
	}
	c, err := jobs.ParseConfidence(text)
	*v = confidence(c)
	return err
}

func (v *confidence) String() string { return string(*v) }

// IsBoolFlag tells package flag that --confidence alone is --confidence=true.
func (v *confidence) IsBoolFlag() bool { return true }

// The groups of flags in the help.
const (
	groupRows     = "rows"
	groupAsk      = "what to ask"
	groupLabels   = "labels and fields"
	groupMedia    = "images, audio and documents"
	groupEndpoint = "endpoint"
	groupLimits   = "limits and money"
	groupOutput   = "output"
	groupEnd      = "at the end of the run"
	groupState    = "state"
	groupTalk     = "messages"
	groupPlan     = "estimate"
	groupCluster  = "machines"
)

// flagGroups returns the groups in the order of the help: as one describes a job.
func flagGroups() []string {
	return []string{groupRows, groupAsk, groupLabels, groupMedia, groupEndpoint, groupLimits, groupOutput, groupEnd, groupState, groupPlan, groupCluster, groupTalk}
}

// settings returns the flags that describe a job.
func settings() []setting {
	classify := func(s *jobs.Spec) *jobs.Classify {
		if s.Classify == nil {
			s.Classify = new(jobs.Classify)
		}
		return s.Classify
	}
	return []setting{
		listSetting("input", groupRows, "`PATH` of a table to read, or a folder of them; repeatable; globs; - is stdin; .gz and .zst are read through", func(s *jobs.Spec) *jobs.List { return &s.Input }, "i"),
		textSetting("input-format", groupRows, "jsonl, csv, tsv or parquet, where the extension does not say, or files: each file is a row", func(s *jobs.Spec) *string { return &s.InputFormat }),
		textSetting("delimiter", groupRows, "`CHAR` between the fields of CSV and TSV: ',' ';' tab '|' (default: what the files show)", func(s *jobs.Spec) *string { return &s.Delimiter }),
		textSetting("encoding", groupRows, "`NAME` of the encoding of text files: windows-1252, utf-16le, shift_jis, gbk, ... (default: utf-8)", func(s *jobs.Spec) *string { return &s.Encoding }),
		textSetting("escape", groupRows, "CSV, TSV: `CHAR` that makes text of the quote, separator or line end after it: backslash", func(s *jobs.Spec) *string { return &s.Escape }),
		listSetting("null", groupRows, "CSV, TSV: `TEXT` that stands for null outside of quotes, such as NULL or '\\N'; repeatable; the first is written, too", func(s *jobs.Spec) *jobs.List { return &s.Null }),
		boolSetting("no-quotes", groupRows, "CSV, TSV: a quote is a part of the text", func(s *jobs.Spec) *bool { return &s.NoQuotes }),
		boolSetting("quotes", groupRows, "TSV: fields are in quotes, as in CSV (by itself only if the names are)", func(s *jobs.Spec) *bool { return &s.Quotes }),
		textSetting("key", groupRows, "`COLUMN` that names a row in messages; must be unique", func(s *jobs.Spec) *string { return &s.Key }),
		numberSetting("limit", groupRows, "only the first `N` rows", "all", func(s *jobs.Spec) *int { return &s.Limit }),
		numberSetting("sample", groupRows, "only `N` rows, chosen by fingerprint, so that the choice repeats", "all", func(s *jobs.Spec) *int { return &s.Sample }),
		textSetting("shard", groupRows, "`I/N`: only part I of N, such as 3/8, with a state of its own, to be joined by genbatch merge; auto/N takes I from an array job", func(s *jobs.Spec) *string { return &s.Shard }),
		boolSetting("strict", groupRows, "read the whole input first; a bad row ends the run before anything is sent", func(s *jobs.Spec) *bool { return &s.Strict }),
		boolSetting("dedupe", groupRows, "ask once for rows whose requests are identical, and copy the answer", func(s *jobs.Spec) *bool { return &s.Dedupe }),
		numberSetting("max-row-bytes", groupRows, "length of the longest row, in `BYTES`", "256 MiB", func(s *jobs.Spec) *int { return &s.MaxRowBytes }),

		textSetting("output", groupOutput, "`PATH` of the table to write: .jsonl, .csv, .tsv (also .gz, .zst) or .parquet", func(s *jobs.Spec) *string { return &s.Output }, "o"),
		textSetting("output-format", groupOutput, "jsonl, csv, tsv or parquet, where the extension does not say", func(s *jobs.Spec) *string { return &s.OutputFormat }),
		textSetting("output-delimiter", groupOutput, "`CHAR` between the fields of a CSV output, such as ';' for Excel where the comma is the decimal point (default: ',')", func(s *jobs.Spec) *string { return &s.OutputDelimiter }),
		boolSetting("bom", groupOutput, "begin CSV and TSV with a byte order mark, by which Excel knows UTF-8", func(s *jobs.Spec) *bool { return &s.BOM }),
		listSetting("columns", groupOutput, "`COLUMN` of the output; repeatable (default: all)", func(s *jobs.Spec) *jobs.List { return &s.Columns }),
		textSetting("prefix", groupOutput, "`TEXT` before the names of the result columns", func(s *jobs.Spec) *string { return &s.Prefix }),
		boolSetting("raw", groupOutput, "add the raw response as a column", func(s *jobs.Spec) *bool { return &s.RawResponse }),
		boolSetting("csv-safe", groupOutput, "guard CSV cells that a spreadsheet would take for a formula", func(s *jobs.Spec) *bool { return &s.CSVSafe }),
		boolSetting("force", groupOutput, "replace an output that this job did not write", func(s *jobs.Spec) *bool { return &s.Force }),

		textSetting("model", groupAsk, "`MODEL` to ask, such as gemini-3.5-flash-lite; required", func(s *jobs.Spec) *string { return &s.Model }, "m"),
		textSetting("prompt", groupAsk, "`TEXT` to ask, a template over the row: \"Summarize: {{.body}}\"; @FILE reads it from a file", func(s *jobs.Spec) *string { return &s.Prompt }, "p"),
		textSetting("system", groupAsk, "`TEXT` of the system instruction, likewise", func(s *jobs.Spec) *string { return &s.System }),
		{
			&cli.StringSliceFlag{Name: "label", Category: groupLabels, Usage: "`LABEL` of a classification; repeatable; @FILE has one a line", EnvVars: env("label")},
			func(c *cli.Context, s *jobs.Spec) {
				labels := jobs.Labels{}
				for _, name := range c.StringSlice("label") {
					labels = append(labels, jobs.Label{Name: name})
				}
				classify(s).Labels = labels
			},
		},
		{
			&cli.StringSliceFlag{Name: "describe", Category: groupLabels, Usage: "`LABEL=TEXT` that tells the model what a label means; repeatable", EnvVars: env("describe")},
			func(c *cli.Context, s *jobs.Spec) {
				classify(s).Descriptions = make(map[string]string)
				for _, pair := range c.StringSlice("describe") {
					describe(classify(s), pair)
				}
			},
		},
		{
			&cli.StringFlag{Name: "schema", Category: groupLabels, Usage: "`FILE` with the JSON Schema of the answers, which are checked by it; its properties become columns", EnvVars: env("schema")},
			func(c *cli.Context, s *jobs.Spec) {
				s.Schema = jobs.SchemaFile(c.String("schema"))
				if s.Extract != nil {
					s.Extract.Schema = nil
				}
			},
		},
		textSetting("schema-field", groupLabels, "`FIELD` in which the schema is sent: responseJsonSchema (default) or responseSchema", func(s *jobs.Spec) *string { return &s.SchemaField }),
		textSetting("text", groupLabels, "`TEMPLATE` of the text to classify, or with --schema to extract from: \"{{.body}}\"", func(s *jobs.Spec) *string {
			if s.Summarize != nil {
				return &s.Summarize.Text
			}
			// --label comes before --text in this list, so it has been set by now.
			if s.Extract == nil && s.Classify == nil && len(s.Schema) > 0 {
				s.Extract = new(jobs.Extract)
			}
			if s.Extract != nil {
				return &s.Extract.Text
			}
			return &classify(s).Text
		}),
		boolSetting("multi", groupLabels, "classify: give each row any number of labels", func(s *jobs.Spec) *bool { return &classify(s).Multi }),
		numberSetting("min-labels", groupLabels, "fewest labels of a row, with --multi", "0", func(s *jobs.Spec) *int { return &classify(s).MinLabels }),
		numberSetting("max-labels", groupLabels, "most labels of a row, with --multi", "all", func(s *jobs.Spec) *int { return &classify(s).MaxLabels }),
		{
			&cli.StringSliceFlag{Name: "check", Category: groupLabels, Usage: "`EXPR` that must hold of each answer, such as 'answer.total > 0'; repeatable; else the row is invalid", EnvVars: env("check")},
			func(c *cli.Context, s *jobs.Spec) {
				s.Checks = nil
				for _, text := range c.StringSlice("check") {
					s.Checks = append(s.Checks, jobs.Check{Expr: text})
				}
			},
		},
		boolSetting("rationale", groupLabels, "classify: have the model say why before it decides, in a column", func(s *jobs.Spec) *bool { return &classify(s).Rationale }),
		{
			&wordFlag{&cli.GenericFlag{Name: "confidence", Category: groupLabels, Usage: "classify: have it say how sure it is, from 0 to 1, in a column; =logprobs takes the probability of the label's tokens", EnvVars: env("confidence"), Value: new(confidence)}, "said or logprobs"},
			func(c *cli.Context, s *jobs.Spec) {
				classify(s).Confidence = jobs.Confidence(*c.Generic("confidence").(*confidence))
			},
		},
		{
			&cli.Float64Flag{Name: "review-below", Category: groupLabels, Usage: "mark rows in a column whose confidence is below `N`, such as 0.8, and those without labels", DefaultText: "no column", EnvVars: env("review-below")},
			func(c *cli.Context, s *jobs.Spec) { s.ReviewBelow = c.Float64("review-below") },
		},
		textSetting("examples", groupLabels, "classify: `FILE` with the columns text and label: examples to show the model", func(s *jobs.Spec) *string {
			classify(s).Examples = jobs.Examples{}
			return &classify(s).Examples.File
		}),
		{
			&cli.StringSliceFlag{Name: "expected", Category: groupLabels, Usage: "`COLUMN` with the right answers, to compare with; or NAME=COLUMN for each column of the answers; repeatable", EnvVars: env("expected")},
			func(c *cli.Context, s *jobs.Spec) {
				s.Expected = nil
				for _, pair := range c.StringSlice("expected") {
					expect(s, pair)
				}
			},
		},
		{
			&cli.StringSliceFlag{Name: "set", Category: groupAsk, Usage: "`PATH=TEMPLATE`: a field of each row's own request, by its columns: generationConfig.temperature={{.temp}}, model, system; repeatable", EnvVars: env("set")},
			setOverrides,
		},
		boolSetting("allow-same-prompt", groupAsk, "ask also if the prompt is the same for every row", func(s *jobs.Spec) *bool { return &s.AllowSamePrompt }),
		boolSetting("allow-empty-text", groupAsk, "ask also about rows whose text is empty, rather than skip them", func(s *jobs.Spec) *bool { return &s.AllowEmptyText }),
		boolSetting("no-preflight", groupAsk, "send also what is known to be refused", func(s *jobs.Spec) *bool { return &s.NoPreflight }),
		{
			&cli.StringSliceFlag{Name: "media", Category: groupMedia, Usage: "`COLUMN` of images, audio, video or PDF (paths, addresses, base64) to ask about; repeatable", EnvVars: env("media")},
			func(c *cli.Context, s *jobs.Spec) {
				s.Media = nil
				for _, name := range c.StringSlice("media") {
					s.Media = append(s.Media, jobs.MediaColumn{Column: name})
				}
			},
		},
		textSetting("media-root", groupMedia, "`DIR` that the files of --media lie below (default: the folder of the input file)", func(s *jobs.Spec) *string { return &s.MediaRoot }),
		boolSetting("media-delete", groupMedia, "delete uploaded media when the job has finished, rather than leave them for 48 hours", func(s *jobs.Spec) *bool { return &s.MediaDelete }),
		{
			&cli.GenericFlag{Name: "rows-per-call", Category: groupAsk, Usage: "let up to `N` rows share a call, for classify, extract and summarize; genbatch plan takes several numbers, as in 1,10,25, and with --pilot measures what each costs in quality", DefaultText: "1", EnvVars: env("rows-per-call"), Value: new(rowsPerCall)},
			func(c *cli.Context, s *jobs.Spec) {
				if ways := waysOf(c); len(ways) == 1 {
					s.RowsPerCall = ways[0]
				}
			},
		},
		numberSetting("max-output-tokens", groupAsk, "most `TOKENS` of an answer, thinking included", "the model's", func(s *jobs.Spec) *int { return &s.MaxOutputTokens }),
		boolSetting("stream", groupAsk, "use streamGenerateContent, for long answers behind proxies that cut idle connections", func(s *jobs.Spec) *bool { return &s.Stream }),

		textSetting("endpoint", groupEndpoint, "`ENDPOINT` to ask: google (default), vertex, yescale, gptproto, sim (simulated answers) or a base URL", func(s *jobs.Spec) *string { return &s.Endpoint }),
		textSetting("base-url", groupEndpoint, "another `URL` for a named endpoint", func(s *jobs.Spec) *string { return &s.BaseURL }),
		textSetting("auth", groupEndpoint, "`STYLE` in which the key is sent, if not the endpoint's own: x-goog-api-key, bearer, raw, query or none", func(s *jobs.Spec) *string { return &s.Auth }),
		textSetting("api-key-env", groupEndpoint, "`NAME` of the environment variable that holds the key", func(s *jobs.Spec) *string { return &s.APIKeyEnv }),
		textSetting("api-key-file", groupEndpoint, "`PATH` of a file that holds the key", func(s *jobs.Spec) *string { return &s.APIKeyFile }),
		textSetting("project", groupEndpoint, "`PROJECT` of Vertex AI (default: GOOGLE_CLOUD_PROJECT)", func(s *jobs.Spec) *string { return &s.Project }),
		textSetting("location", groupEndpoint, "`LOCATION` of Vertex AI (default: GOOGLE_CLOUD_LOCATION, else global)", func(s *jobs.Spec) *string { return &s.Location }),
		listSetting("header", groupEndpoint, "`NAME=VALUE` of a header to send; repeatable", func(s *jobs.Spec) *jobs.List { return &s.Header }),

		numberSetting("concurrency", groupLimits, "most calls in flight", "64", func(s *jobs.Spec) *int { return &s.Concurrency }),
		numberSetting("rpm", groupLimits, "requests a minute", "learned", func(s *jobs.Spec) *int { return &s.RPM }),
		numberSetting("tpm", groupLimits, "input tokens a minute", "learned", func(s *jobs.Spec) *int { return &s.TPM }),
		numberSetting("rpd", groupLimits, "requests a day", "learned", func(s *jobs.Spec) *int { return &s.RPD }),
		numberSetting("max-attempts", groupLimits, "attempts for each row in one run", "6", func(s *jobs.Spec) *int { return &s.MaxAttempts }),
		{
			&cli.DurationFlag{Name: "timeout", Category: groupLimits, Usage: "longest `DURATION` of one attempt", DefaultText: "5m, of flex calls 15m", EnvVars: env("timeout")},
			func(c *cli.Context, s *jobs.Spec) { s.Timeout = c.Duration("timeout") },
		},
		{
			&cli.StringSliceFlag{Name: "tier", Category: groupLimits, Usage: "`TIER,...` to ask for: batch (half price, within a day), flex (half price), standard, priority; flex,standard falls back (default: the API's)", EnvVars: env("tier")},
			func(c *cli.Context, s *jobs.Spec) { s.Tier = args.CommaSeparated(c.StringSlice("tier")) },
		},
		{
			&cli.DurationFlag{Name: "tier-wait", Category: groupLimits, Usage: "`DURATION` for which a row tries a tier that has no room, before it asks for the next; not of batch", DefaultText: "15m, with --deadline up to 1h", EnvVars: env("tier-wait")},
			func(c *cli.Context, s *jobs.Spec) { s.TierWait = c.Duration("tier-wait") },
		},
		textSetting("deadline", groupLimits, "`WHEN` the run is to end: 6h, 18:00 or 2027-01-31T18:00:00Z; rows leave --tier batch and flex in time, and what is not done is left for the next run (exit 5)", func(s *jobs.Spec) *string { return &s.Deadline }),
		textSetting("batch-bucket", groupLimits, "`gs://BUCKET/PREFIX` where Vertex AI reads and writes what --tier batch asks", func(s *jobs.Spec) *string { return &s.BatchBucket }),
		boolSetting("batch-cleanup", groupLimits, "delete batches at the endpoint once their rows are safe", func(s *jobs.Spec) *bool { return &s.BatchCleanup }),
		textSetting("max-failures", groupLimits, "stop when `N|P%` rows ended without an answer: a number, or a share of the rows (default: when the first 50 all do)", func(s *jobs.Spec) *string { return &s.MaxFailures }),
		listSetting("fail-if", groupLimits, "`REGEX` (RE2) of texts that come as answers and are none, such as a notice about the balance; repeatable", func(s *jobs.Spec) *jobs.List { return &s.FailIf }),
		textSetting("on-daily-quota", groupLimits, "`WHAT` to do when the quota of the day is used up: stop (default) or wait", func(s *jobs.Spec) *string { return &s.OnDailyQuota }),
		textSetting("max-cost", groupLimits, "most `USD` that the job may cost, all its runs together; hard with --max-output-tokens, else soft", func(s *jobs.Spec) *string { return &s.MaxCost }),
		textSetting("quota-group", groupLimits, "`NAME` of what shares a quota, such as the keys of one project (default: each key has its own)", func(s *jobs.Spec) *string { return &s.QuotaGroup }),
		textSetting("quota-share", groupLimits, "`PART` of the limits, given or learned, that this run may use: 1/4, 0.25 or 25% (default: all, of --shard I/N 1/N)", func(s *jobs.Spec) *string { return &s.QuotaShare }),
		textSetting("prices", groupLimits, "`FILE` of prices that count before the built-in ones", func(s *jobs.Spec) *string { return &s.Prices }),

		textSetting("on-finish", groupEnd, "`COMMAND` of the shell to call when the run has ended, with the summary as JSON on its stdin", func(s *jobs.Spec) *string { return &s.OnFinish }),
		{
			&cli.DurationFlag{Name: "on-finish-timeout", Category: groupEnd, Usage: "`DURATION` after which that command is ended", DefaultText: "1m", EnvVars: env("on-finish-timeout")},
			func(c *cli.Context, s *jobs.Spec) { s.OnFinishTimeout = c.Duration("on-finish-timeout") },
		},
		textSetting("webhook", groupEnd, "`URL` to post the summary to when the run has ended", func(s *jobs.Spec) *string { return &s.Webhook.URL }),
		textSetting("webhook-secret-env", groupEnd, "`NAME` of the environment variable with the secret that signs it", func(s *jobs.Spec) *string { return &s.Webhook.SecretEnv }),
		textSetting("webhook-secret-file", groupEnd, "`PATH` of a file with that secret", func(s *jobs.Spec) *string { return &s.Webhook.SecretFile }),

		{
			&cli.StringSliceFlag{Name: "retry", Category: groupState, Usage: "`STATUS,...` of rows to ask again: blocked, truncated, empty, invalid, rejected (failed ones always are)", EnvVars: env("retry")},
			func(c *cli.Context, s *jobs.Spec) { s.Retry = args.CommaSeparated(c.StringSlice("retry")) },
		},
		textSetting("state", groupState, "`DIR` of the job's state, or the address to which it is copied, as s3://bucket/runs/one (default: OUTPUT.genbatch)", func(s *jobs.Spec) *string { return &s.State }),
		textSetting("metrics", groupTalk, "serve metrics for Prometheus while the run goes, at `ADDR`: a port, which this machine alone can reach, or HOST:PORT", func(s *jobs.Spec) *string { return &s.Metrics }),
	}
}

// describe notes LABEL=TEXT. A label may hold an equals sign itself, so that the pair is cut
// behind the longest label that it begins with. A pair without a label is refused by the job.
func describe(c *jobs.Classify, pair string) {
	name, text, _ := strings.Cut(pair, "=")
	for _, l := range c.Labels {
		if rest, ok := strings.CutPrefix(pair, l.Name+"="); ok && len(l.Name) > len(name) {
			name, text = l.Name, rest
		}
	}
	c.Descriptions[name] = text
}

// expect notes COLUMN, or NAME=COLUMN.
func expect(s *jobs.Spec, pair string) {
	name, column, ok := strings.Cut(pair, "=")
	if !ok {
		name, column = "", pair
	}
	if s.Expected == nil {
		s.Expected = make(jobs.Expected)
	}
	s.Expected[strings.TrimSpace(name)] = jobs.ExpectedColumn{Column: strings.TrimSpace(column)}
}

// setOverrides lays --set over what the job file sets, path by path. A value without "="
// becomes a path without a template, which the job refuses.
func setOverrides(c *cli.Context, s *jobs.Spec) {
	set := make(map[string]string)
	maps.Copy(set, s.Set)
	for _, pair := range c.StringSlice("set") {
		path, text, _ := strings.Cut(pair, "=")
		set[strings.TrimSpace(path)] = text
	}
	s.Set = set
}

// flagsOf returns the flags of settings, and more.
func flagsOf(all []setting, more ...cli.Flag) []cli.Flag {
	var flags []cli.Flag
	for _, s := range all {
		flags = append(flags, s.flag)
	}
	return append(flags, more...)
}

// talkFlags returns the flags that say how a command talks to its user.
func talkFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Category: groupTalk, Usage: "progress and summary as JSON lines on stderr", EnvVars: env("json")},
		&cli.BoolFlag{Name: "quiet", Category: groupTalk, Aliases: []string{"q"}, Usage: "no progress and no summary", EnvVars: env("quiet")},
		&cli.BoolFlag{Name: "no-color", Category: groupTalk, Usage: "no colours (also: NO_COLOR)", EnvVars: env("no-color")},
		&cli.StringFlag{Name: "log-level", Category: groupTalk, Value: "warn", Usage: "least `LEVEL` of messages to show: debug, info, warn or error", EnvVars: env("log-level")},
		&cli.StringFlag{Name: "log-format", Category: groupTalk, Usage: "`FORMAT` of messages: text, or json with time, level and msg (default: text, with --json json)", EnvVars: env("log-format")},
	}
}

// stateFlag and jsonFlag belong to the commands that look at a job that was run before.
func stateFlag() cli.Flag {
	return &cli.StringFlag{Name: "state", Category: groupState, Usage: "`DIR` of the job's state (default: OUTPUT.genbatch)", EnvVars: env("state")}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Category: groupTalk, Usage: "print JSON", EnvVars: env("json")}
}
