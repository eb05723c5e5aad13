package complete

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/internal/textfile"
	"github.com/genbatch/genbatch/jobs"
)

// kinds returns what completes values: by a command and its flag, by a flag, by what stands
// for a value in the help, or by a command for its arguments. A flag that is in none of them
// has a value that only its user knows.
func kinds() map[string]func(*line) []Candidate {
	return map[string]func(*line) []Candidate{
		// What stands for a value.
		"PATH":               files(anyName),
		"FILE":               files(anyName),
		"DIR":                files(noName),
		"INPUT":              inputs,
		"JOB.yaml":           files(args.IsJobFile),
		"OUTPUT":             (*line).outputArgument,
		"JOB.yaml or OUTPUT": (*line).jobArgument,
		"COLUMN":             (*line).columns,
		"MODEL":              (*line).models,
		"FORMAT":             fixed(formats),
		"LEVEL":              fixed(levels),
		"STATUS,...":         list(statuses(batch.Statuses)),
		"STATUS":             fixed(statuses(batch.Statuses)),
		"TEMPLATE":           (*line).template,
		"SHELL":              fixed(shells),
		"COMMAND":            func(l *line) []Candidate { return l.commands() },
		"KIND=SHARE,...":     (*line).faults,
		"LABEL=TEXT":         (*line).descriptions,
		"PATH=TEMPLATE":      (*line).settings,

		"--input":            inputs,
		"--input-format":     fixed(inputFormats),
		"--output":           files(isTable),
		"--examples":         files(isTable),
		"--schema":           files(ending(".json")),
		"--prices":           files(ending(".json")),
		"--state":            (*line).states,
		"--prompt":           fromFile(anyName, (*line).template),
		"--system":           fromFile(anyName, (*line).template),
		"--label":            fromFile(anyName, (*line).labels),
		"show --label":       givenLabels,
		"show --key":         none,
		"COLUMN=VALUE":       conditions,
		"--columns":          (*line).outputColumns,
		"--endpoint":         fixed(endpoints),
		"--auth":             fixed(authStyles),
		"--api-key-env":      (*line).keyVariables,
		"--schema-field":     fixed(schemaFields),
		"--tier":             (*line).tiers,
		"--retry":            list(statuses([]batch.Status{batch.Blocked, batch.Truncated, batch.Empty, batch.Invalid, batch.Rejected, batch.Failed})),
		"--on-daily-quota":   fixed(onDailyQuota),
		"--delimiter":        fixed(delimiters),
		"--output-delimiter": fixed(delimiters),
		"--encoding":         encodings,
		"--escape":           fixed(escapes),
		"--null":             fixed(nulls),
		"--path-prefix":      none,
		"init --job":         files(args.IsJobFile),
		"simulate --listen":  none,
		"--dialect":          fixed(dialects),

		"compare --field": answers,

		"compare":    compareArguments,
		"report":     compareArguments,
		"ctl":        ctlArguments,
		"limits":     (*line).limitsArguments,
		"help":       (*line).commandArgument,
		"man":        files(noName),
		"completion": (*line).shellArgument,
	}
}

func none(*line) []Candidate { return nil }

var (
	formats = []Candidate{
		{Value: "jsonl", Note: "one JSON object a line"}, {Value: "csv", Note: "values with commas between"},
		{Value: "tsv", Note: "values with tabs between"}, {Value: "parquet", Note: "Apache Parquet"},
	}
	inputFormats = append(slices.Clone(formats), Candidate{Value: "files", Note: "each file is a row"})

	levels = []Candidate{
		{Value: "debug", Note: "everything"}, {Value: "info", Note: "what happens"},
		{Value: "warn", Note: "what may be wrong"}, {Value: "error", Note: "what is wrong"},
	}
	endpoints = slices.Concat(dialects, []Candidate{
		{Value: "sim", Note: "simulated answers, without a key"},
		{Value: "https://", Note: "a base URL", Open: true},
	})
	dialects = []Candidate{
		{Value: "google", Note: "Google's own API"}, {Value: "vertex", Note: "Vertex AI"},
		{Value: "yescale", Note: "YEScale's gateway"}, {Value: "gptproto", Note: "GPTProto's gateway"},
	}
	authStyles = []Candidate{
		{Value: "x-goog-api-key", Note: "x-goog-api-key: KEY"}, {Value: "bearer", Note: "Authorization: Bearer KEY"},
		{Value: "raw", Note: "Authorization: KEY"}, {Value: "query", Note: "?key=KEY"}, {Value: "none", Note: "no key is sent"},
	}
	schemaFields = []Candidate{
		{Value: "responseJsonSchema", Note: "JSON Schema"}, {Value: "responseSchema", Note: "the older OpenAPI form"},
	}
	tiers = []Candidate{
		{Value: "batch", Note: "half the price, within a day"}, {Value: "flex", Note: "half the price, and slower"}, {Value: "standard", Note: "the list price"}, {Value: "priority", Note: "dearer, and first in line"},
	}
	onDailyQuota = []Candidate{
		{Value: "stop", Note: "end with exit code 5"}, {Value: "wait", Note: "go on when the next day begins"},
	}
	delimiters = []Candidate{ // by their names, which no shell takes for anything else
		{Value: "comma", Note: ","}, {Value: "semicolon", Note: ";"}, {Value: "tab", Note: "tabulator"}, {Value: "pipe", Note: "|"}, {Value: "space", Note: "a blank"},
	}
	escapes = []Candidate{{Value: "backslash", Note: `\`}}
	nulls   = []Candidate{{Value: "NULL", Note: "SQL Server, Spark"}, {Value: `\N`, Note: "MySQL, PostgreSQL, Hive"}, {Value: "NA", Note: "R"}}
	shells  = []Candidate{{Value: "bash"}, {Value: "zsh"}, {Value: "fish"}, {Value: "powershell"}}
)

// encodings returns the names of encodings, with where the files are from that have them.
func encodings(*line) (candidates []Candidate) {
	notes := map[string]string{
		"windows-1252": "Excel in western Europe and America", "windows-1250": "Windows in central Europe", "windows-1251": "Windows, Cyrillic",
		"windows-1253": "Windows, Greek", "windows-1254": "Windows, Turkish", "windows-1255": "Windows, Hebrew", "windows-1256": "Windows, Arabic",
		"windows-1257": "Windows, Baltic", "windows-1258": "Windows, Vietnamese", "windows-874": "Windows, Thai",
		"shift_jis": "Excel in Japan", "gbk": "Excel in China", "big5": "Excel in Taiwan", "euc-kr": "Excel in Korea",
		"utf-16le": "Windows, without a byte order mark", "macintosh": "old files of a Mac", "ibm437": "DOS", "ibm850": "DOS in western Europe",
	}
	for _, name := range textfile.Encodings() {
		candidates = append(candidates, Candidate{Value: name, Note: notes[name]})
	}
	return candidates
}

// statuses returns statuses with what they mean.
func statuses(all []batch.Status) (candidates []Candidate) {
	notes := map[batch.Status]string{
		batch.OK: "answered", batch.Truncated: "the answer was cut at a token limit", batch.Blocked: "a filter held back the prompt or the answer",
		batch.Empty: "answered without content, every time", batch.Invalid: "the answer failed the label or schema check",
		batch.Rejected: "the API refuses this row", batch.Failed: "the retries are used up", batch.Skipped: "the row could not be read or rendered",
		batch.Pending: "no outcome yet",
	}
	for _, s := range all {
		candidates = append(candidates, Candidate{Value: string(s), Note: notes[s]})
	}
	return candidates
}

// fixed returns a kind with always the same values.
func fixed(values []Candidate) func(*line) []Candidate {
	return func(*line) []Candidate { return slices.Clone(values) }
}

// list returns a kind of values with commas between: the last one is completed, by what is
// not in the list yet.
func list(values []Candidate) func(*line) []Candidate {
	return func(l *line) (candidates []Candidate) {
		before := l.current[:strings.LastIndexByte(l.current, ',')+1]
		given := strings.Split(before, ",")
		for _, c := range values {
			if !slices.Contains(given, c.Value) {
				c.Value = before + c.Value
				candidates = append(candidates, c)
			}
		}
		return candidates
	}
}

// tiers returns service tiers. The Batch API comes before all others.
func (l *line) tiers() []Candidate {
	return slices.DeleteFunc(list(tiers)(l), func(c Candidate) bool { return strings.HasSuffix(c.Value, ",batch") })
}

// faults returns the kinds of faults, of which the last in the list is completed.
func (l *line) faults() (candidates []Candidate) {
	before := l.current[:strings.LastIndexByte(l.current, ',')+1]
	for _, k := range sim.FaultKinds() {
		candidates = append(candidates, Candidate{Value: before + k.Name + "=", Note: k.Help, Open: true})
	}
	return candidates
}

// models returns the models that have a price today, by the file that --prices names too.
func (l *line) models() (candidates []Candidate) {
	table := price.Default()
	file := l.Env("GENBATCH_PRICES")
	if given := l.given["prices"]; len(given) > 0 {
		file = given[len(given)-1]
	}
	if file != "" && !fileformat.IsAddress(file) { // a store may be slow to answer
		if t, err := price.LoadFile(file); err == nil {
			table = t
		}
	}
	now := time.Now()
	for _, m := range table.Models() {
		if p := m.At(now); p.Priced() {
			candidates = append(candidates, Candidate{Value: m.ID, Note: priceNote(p)})
		}
	}
	return candidates
}

// priceNote says in a few words what a model costs.
func priceNote(p *price.Period) string {
	rates := p.Quoted()
	if rates == nil {
		return ""
	}
	in, hasIn := rates.PerMillion(price.InputText)
	out, hasOut := rates.PerMillion(price.OutputText)
	switch {
	case hasIn && hasOut:
		return fmt.Sprintf("$%s in, $%s out per million tokens", in, out)
	case hasIn:
		return fmt.Sprintf("$%s in per million tokens", in)
	}
	return ""
}

// ctlArguments returns jobs, then what they can be told, and then limits to set.
func ctlArguments(l *line) []Candidate {
	told := l.args
	if len(l.given["state"]) == 0 {
		if len(told) == 0 {
			return l.jobArgument()
		}
		told = told[1:]
	}
	switch {
	case len(told) == 0:
		return []Candidate{
			{Value: "pause", Note: "send nothing new until resume"}, {Value: "resume", Note: "go on"},
			{Value: "set", Note: "change limits"}, {Value: "retry", Note: "ask failed rows again, in the end"},
			{Value: "stop", Note: "end as Ctrl-C does"}, {Value: "state", Note: "show how the run is"},
		}
	case told[0] == "set":
		return []Candidate{
			{Value: "rpm=", Note: "requests a minute", Open: true}, {Value: "tpm=", Note: "input tokens a minute", Open: true},
			{Value: "rpd=", Note: "requests a day", Open: true}, {Value: "concurrency=", Note: "calls at a time", Open: true},
			{Value: "max_cost=", Note: "dollars", Open: true},
		}
	}
	return nil
}

// limitsArguments returns "forget", and the models of which runs have left something.
func (l *line) limitsArguments() (candidates []Candidate) {
	if len(l.args) == 0 {
		candidates = append(candidates, Candidate{Value: "forget", Note: "forget what was learned"})
	} else if len(l.args) > 1 || l.args[0] != "forget" {
		return nil
	}
	kept, _ := quota.List(jobs.QuotaDir(l.Env))
	seen := make(map[string]bool)
	for _, k := range kept {
		if !seen[k.Model] {
			seen[k.Model] = true
			candidates = append(candidates, Candidate{Value: k.Model, Note: "asked at " + k.Endpoint})
		}
	}
	return candidates
}

func (l *line) commandArgument() []Candidate {
	if len(l.args) > 0 {
		return nil
	}
	return l.commands()
}

func (l *line) shellArgument() []Candidate {
	if len(l.args) > 0 {
		return nil
	}
	return slices.Clone(shells)
}

// jobArgument returns job files, and the outputs of runs.
func (l *line) jobArgument() []Candidate {
	return append(l.outputs(), l.list(l.current, args.IsJobFile)...)
}

// compareArguments returns runs, and the tables that runs may have left.
func compareArguments(l *line) []Candidate {
	if len(l.args) > 1 {
		return nil
	}
	list := l.jobArgument()
	for _, c := range l.list(l.current, isTable) {
		if !slices.ContainsFunc(list, func(other Candidate) bool { return other.Value == c.Value }) {
			list = append(list, c)
		}
	}
	return list
}

func (l *line) outputArgument() []Candidate {
	return append(l.outputs(), l.list(l.current, noName)...)
}

// keyVariables returns the variables of the environment that may hold a key. Their values are
// not shown.
func (l *line) keyVariables() (candidates []Candidate) {
	for _, pair := range l.Environ {
		name, _, _ := strings.Cut(pair, "=")
		if upper := strings.ToUpper(name); strings.Contains(upper, "KEY") || strings.Contains(upper, "TOKEN") {
			candidates = append(candidates, Candidate{Value: name})
		}
	}
	return candidates
}
