package jobfile

// A meaning says what a key of a job file is for.
type meaning struct {
	text     string // plain sentences; the first one says it all
	none     string // what holds without the key, in words; empty if nothing needs to be said
	fallback any    // what holds without the key, if it is a value that the file could have
	examples []any  // values as a file has them
}

// Meaning returns what a key means, in plain sentences. A key below a group is written with a
// dot, such as classify.text. It is empty for what is no key.
func Meaning(key string) string { return meanings[key].text }

// meanings are those of all keys.
var meanings = map[string]meaning{
	"input": {text: `The table to read: a path, a folder, a glob, the address of an object such as s3://bucket/in.csv, or a list of these. "-" is stdin. JSONL, CSV, TSV and Parquet are read, also through .gz and .zst.`,
		examples: []any{"reviews.csv", []string{"2026-*.jsonl.gz", "extra.parquet"}, "lake/"}},
	"input_format": {text: "The format of the input, where its extension does not say it. With files, each file is a row.", none: "by the extension"},
	"quotes":       {text: "Fields of a TSV file are in quotes, as in CSV.", none: "only if its column names are", fallback: false},
	"delimiter":    {text: "The character between the fields of CSV and TSV inputs, or its name.", none: "what the files show", examples: []any{";", "tab", "|"}},
	"encoding":     {text: "The encoding of text inputs.", none: "UTF-8, or what a byte order mark says", examples: []any{"windows-1252", "utf-16le", "shift_jis"}},
	"escape":       {text: "The character in CSV and TSV inputs that makes text of the quote, the separator or the line end after it.", none: "none", examples: []any{"backslash"}},
	"no_quotes":    {text: "A quote in CSV and TSV inputs is a part of the text.", fallback: false},
	"null":         {text: "What stands for null in CSV and TSV, outside of quotes. The first of several is written, too.", none: "an empty cell is an empty text", examples: []any{"NULL", `\N`}},
	"output": {text: `The table to write: every row with its answer. The extension says the format: .jsonl, .csv or .tsv (also with .gz or .zst), or .parquet. It can be the address of an object. "-" is stdout.`,
		examples: []any{"labels.csv", "answers.parquet"}},
	"output_format":    {text: "The format of the output, where its extension does not say it.", none: "by the extension"},
	"output_delimiter": {text: "The character between the fields of a CSV output, such as a semicolon for Excel where the comma is the decimal point.", none: "the comma", examples: []any{";"}},
	"bom":              {text: "Begin CSV and TSV outputs with a byte order mark, by which Excel knows UTF-8.", fallback: false},
	"state":            {text: "The folder of the job's state, which holds every answer that was paid for; or an address such as s3://bucket/runs/one, to which it is copied.", none: "the output's name with .genbatch behind it; if the output is an object, a folder below ~/.local/state"},
	"max_row_bytes":    {text: "The longest row that is read, in bytes. A longer one is skipped.", none: "256 MiB", fallback: 268435456},
	"key":              {text: "The column that names a row in messages. Its values must be unique.", none: "rows are named by file and line", examples: []any{"id"}},
	"limit":            {text: "Take only the first rows, so many of them.", none: "all rows", examples: []any{100}},
	"sample":           {text: "Take only so many rows, chosen by their content, so that the choice is the same each time.", none: "all rows", examples: []any{100}},
	"shard":            {text: "Take only one of several equal parts of the rows, such as 3/8, with a state of its own; genbatch merge joins them. auto/8 takes the number from an array job of Kubernetes, Slurm, AWS Batch or Cloud Run, and auto also how many there are.", none: "all rows", examples: []any{"3/8", "auto/8"}},
	"strict":           {text: "Read the whole input first, and send nothing if any row is bad.", none: "a bad row is skipped", fallback: false},
	"dedupe":           {text: "Ask once for rows whose requests are identical, and copy the answer to the others.", fallback: false},
	"expected":         {text: "The column with the right answers, or for each column of the answers the column that has the right ones. The summary compares them; they are never sent.", examples: []any{"section", map[string]any{"topic": "topic_true", "total": map[string]any{"column": "total_true", "tolerance": 0.01}}}},

	"model": {text: "The model to ask. There is no default, since models are retired; genbatch prices lists them.",
		examples: []any{"gemini-3.5-flash-lite"}},
	"endpoint": {text: "Where requests are sent: google, vertex, yescale, gptproto, sim (the simulator, which makes answers up), or a base URL.",
		fallback: "google", examples: []any{"vertex", "sim", "https://gateway.example.com/gemini"}},
	"base_url":     {text: "Another address for a named endpoint, whose manners are kept. Its key goes to this address.", examples: []any{"https://gateway.example.com"}},
	"auth":         {text: "How the key is sent.", none: "the endpoint's own way"},
	"api_key_env":  {text: "The name of the environment variable that holds the key. The key itself never stands in a job file.", none: "the endpoint's own, such as GEMINI_API_KEY", examples: []any{"TEAM_GEMINI_KEY"}},
	"api_key_file": {text: "The path of a file that holds the key.", examples: []any{"~/.config/gemini.key"}},
	"project":      {text: "The Google Cloud project of Vertex AI.", none: "GOOGLE_CLOUD_PROJECT"},
	"location":     {text: "The location of Vertex AI.", none: "GOOGLE_CLOUD_LOCATION, or else global", examples: []any{"global", "europe-west4"}},
	"header":       {text: "Header fields to send with each call, each as NAME=VALUE.", examples: []any{"X-Team=search"}},

	"prompt": {text: "What to ask about each row: a Go template over its columns, or @FILE to read it from a file.",
		examples: []any{"Translate into German: {{.text}}", "@prompt.txt"}},
	"classify":  {text: "Give each row one label of a list, or several."},
	"summarize": {text: "Summarise a text of each row."},
	"raw":       {text: "Each row is a request already: a line of a Gemini batch file (key, request), of a Vertex AI batch file (request), or a column with a request body. Write {} for lines of batch files."},
	"extract":   {text: "Take data out of a text of each row, in the form of a JSON Schema. Its properties become columns."},

	"schema":       {text: "The JSON Schema of the answers: the schema itself, or the path of a file that holds it. Answers are checked by it, and its properties become columns. It goes with every kind but classify.", examples: []any{"invoice.schema.json"}},
	"schema_field": {text: "The field of the API in which the schema is sent.", fallback: "responseJsonSchema"},

	"check": {text: "What must hold of each answer: expressions over row, answer, response and finish_reason. A row whose answer fails one is asked once more, with the reason, and is invalid if it fails again.",
		examples: []any{"answer.total > 0", []any{map[string]any{"name": "sum", "expr": "answer.total == sum(answer.items, .price)", "message": "total must be the sum of the prices"}}}},

	"system":            {text: "The system instruction: a template over the columns, or @FILE.", examples: []any{"You work for a bookshop.", "@system.txt"}},
	"request":           {text: "Fields of the API's own request, merged into each request as they are. Whatever Google's documentation shows can stand here.", examples: []any{map[string]any{"generationConfig": map[string]any{"temperature": 0}}}},
	"max_output_tokens": {text: "The most tokens of an answer, thinking included. It makes max_cost a hard limit.", none: "the model's own limit", examples: []any{1024}},
	"media":             {text: "The columns with images, audio, video or PDF files to send along: paths, addresses, base64, or lists of these.", examples: []any{"photo"}},
	"media_root":        {text: "The folder that media paths are below, or the beginning of the addresses of objects. Nothing outside it is read.", none: "the folder of the row's input"},
	"media_delete":      {text: "Delete uploaded media when the job has finished.", none: "the Files API keeps them for 48 hours", fallback: false},
	"stream":            {text: "Have answers streamed, for long answers behind proxies that cut idle connections.", fallback: false},
	"rows_per_call":     {text: "How many rows share a call, for classify, extract and summarize. It saves the instructions of all but one of them, and may cost quality: genbatch plan --pilot measures how much.", fallback: 1, examples: []any{10, 25}},
	"set":               {text: "Fields that each row sets in its own request: a template by the path of the field.", examples: []any{map[string]any{"generationConfig.temperature": "{{.temperature}}"}}},
	"no_preflight":      {text: "Send also what the API is known to refuse.", fallback: false},
	"allow_same_prompt": {text: "Ask also if the prompt is the same for every row.", none: "it is refused, as a template that lacks its column", fallback: false},
	"allow_empty_text":  {text: "Ask also about rows whose text is empty.", none: "they are skipped", fallback: false},

	"concurrency":    {text: "The most calls in flight.", fallback: 64},
	"rpm":            {text: "The most requests a minute.", none: "learned from the endpoint's answers", examples: []any{1000}},
	"tpm":            {text: "The most input tokens a minute.", none: "learned from the endpoint's answers", examples: []any{1000000}},
	"rpd":            {text: "The most requests a day.", none: "learned from the endpoint's answers", examples: []any{10000}},
	"max_attempts":   {text: "The most attempts for a row in one run.", fallback: 6},
	"timeout":        {text: "How long one attempt may take.", none: "5m, for flex calls 15m", fallback: "5m", examples: []any{"90s"}},
	"max_failures":   {text: "Stop when so many rows have ended without an answer: a number, or a percentage.", none: "stop when the first 50 rows all do", examples: []any{100, "5%"}},
	"retry":          {text: "Ask rows again that ended in these statuses. Failed rows always are.", examples: []any{[]string{"blocked", "invalid"}}},
	"fail_if":        {text: "Patterns (RE2) of texts that come as answers and are none, such as a gateway's notice about the balance. Such a row is asked again.", examples: []any{"balance is insufficient"}},
	"on_daily_quota": {text: "What to do when the quota of the day is used up.", fallback: "stop"},
	"quota_share":    {text: "The part of all limits, given and learned, that this run may use, as where several machines share a quota.", none: "all, and of a shard the same as its part of the rows", examples: []any{"1/4", "25%"}},
	"quota_group":    {text: "A name for what shares a quota, such as the keys of one Google project.", none: "each key has a quota of its own"},
	"tier":           {text: "The service tiers to try, in this order. Flex costs half, and may have no room. Batch is the Batch API, which costs half and may take a day; it can only come first.", none: "the API's standard tier", examples: []any{"flex", []string{"flex", "standard"}, []string{"batch", "standard"}}},
	"tier_wait":      {text: "How long a row tries a tier that has no room before it asks for the next one. It is about flex: batches take their time.", none: "15m, with a deadline up to 1h", fallback: "15m"},
	"deadline":       {text: "When a run must end: after a while (6h), at a time of the day (18:00), or at a date. Later rows are left for the next run.", examples: []any{"6h", "18:00", "2027-01-31T18:00:00Z"}},

	"batch_bucket":  {text: "Where Vertex AI reads and writes batches: a folder in a bucket of Cloud Storage. It is required for the tier batch there, and only there.", examples: []any{"gs://my-bucket/genbatch"}},
	"batch_cleanup": {text: "Delete each batch at the endpoint once all its rows are safe on disk.", none: "it stays until the endpoint removes it", fallback: false},

	"metrics": {text: "Where a run serves its metrics for Prometheus: a port, which this machine alone can reach, or an address with a port.", none: "nowhere", examples: []any{9090, "127.0.0.1:9090"}},

	"max_cost":     {text: "The most that the job may cost in dollars, all its runs together. It is a hard limit with max_output_tokens, and else a soft one.", none: "no limit", examples: []any{5}},
	"prices":       {text: "The path or address of a file with your own prices, which count before the built-in ones.", examples: []any{"prices.json"}},
	"prefix":       {text: "A text before the names of the result columns, which keeps them apart from the input's own.", examples: []any{"ai_"}},
	"columns":      {text: "The columns of the output, in this order.", none: "all columns", examples: []any{[]string{"id", "label", "status"}}},
	"raw_response": {text: "Add a column with the API's whole response.", fallback: false},
	"csv_safe":     {text: "Guard CSV cells that a spreadsheet would take for a formula.", fallback: false},
	"force":        {text: "Replace an output that this job did not write.", fallback: false},
	"review_below": {text: "Mark the rows in a column whose confidence is below this, and those without labels. It asks nothing anew.", none: "there is no such column", examples: []any{0.8}},

	"on_finish":         {text: "A command of the shell that is called when a run has ended, however it ended. It gets the summary as JSON on its stdin, and the exit code as GENBATCH_RUN_EXIT_CODE.", examples: []any{"mail -s 'labels are done' me@example.com"}},
	"on_finish_timeout": {text: "How long the command of on_finish may take before it is killed.", none: "1m", fallback: "1m"},
	"webhook":           {text: "Where the summary is posted when a run has ended, however it ended: an address, or a group with a secret that signs it as Standard Webhooks has it.", examples: []any{"https://example.com/hook", map[string]any{"url": "https://example.com/hook", "secret_env": "HOOK_SECRET"}}},

	"webhook.url":         {text: "The address, which may hold a secret itself: it is not stored and not shown.", examples: []any{"https://example.com/hook"}},
	"webhook.secret_env":  {text: "The name of the environment variable with the secret that signs: whsec_ and base64. Several, with spaces between them, sign all.", examples: []any{"HOOK_SECRET"}},
	"webhook.secret_file": {text: "The path of a file with the secret, or with several.", examples: []any{"~/.config/genbatch/hook.secret"}},
	"webhook.timeout":     {text: "How long all attempts to post may take together.", none: "30s", fallback: "30s"},

	"classify.text": {text: "The text to label: a template over the columns, or @FILE.", examples: []any{"{{.body}}", "{{.title}}\n\n{{.body}}"}},
	"classify.labels": {text: "The labels, at least two: a list, or a map of each label to a description that tells the model what it means. @FILE has one label a line.",
		examples: []any{[]string{"spam", "other"}, map[string]any{"billing": "invoices and refunds", "shipping": "parcels and delays"}}},
	"classify.questions": {text: "Several questions about each row, asked in one call, instead of labels: a map of names to questions. Each has labels of its own, and a column of its name.",
		examples: []any{map[string]any{"topic": map[string]any{"labels": []string{"billing", "other"}}, "urgency": map[string]any{"labels": []string{"high", "low"}}}}},
	"classify.multi":        {text: "A row may have any number of labels, or none.", none: "each row has one label", fallback: false},
	"classify.min_labels":   {text: "The fewest labels of a row, with multi.", fallback: 0},
	"classify.max_labels":   {text: "The most labels of a row, with multi.", none: "all of them"},
	"classify.rationale":    {text: "Have the model say why before it decides, in a column.", fallback: false},
	"classify.confidence":   {text: "How sure the model is, from 0 to 1, in a column: said (or true) asks it, logprobs takes the probability of the label's tokens, which few models serve.", fallback: false},
	"classify.examples":     {text: "Texts with their right labels, which the model is shown: a list, or the path of a table with the columns text and label.", examples: []any{"shots.csv"}},
	"classify.descriptions": {text: "Descriptions of labels that are given elsewhere, by their names."},

	"questions.name":       {text: "The name of the question, in a list of questions. In a map it stands before the colon."},
	"questions.ask":        {text: "What the question is, in words for the model.", none: "the model goes by the name and the labels", examples: []any{"What does the customer want?"}},
	"questions.labels":     {text: "The labels of the question, at least two: a list, or a map of each label to a description. @FILE has one label a line."},
	"questions.multi":      {text: "A row may have any number of the labels, or none.", none: "each row has one label", fallback: false},
	"questions.min_labels": {text: "The fewest labels of a row, with multi.", fallback: 0},
	"questions.max_labels": {text: "The most labels of a row, with multi.", none: "all of them"},

	"questions.expected": {text: "The input's column with the right labels of the question. They are never sent.", examples: []any{"topic_true"}},

	"expected.column":    {text: "The input's column with the right values."},
	"expected.as":        {text: "What the values are compared as.", none: "by the question, or by the type in the schema"},
	"expected.tolerance": {text: "How far off a number may be: 0.01, or 1% of the right one.", none: "not at all", examples: []any{0.01, "1%"}},
	"expected.normalize": {text: "Texts that differ in case, white space and Unicode form alone are the same.", fallback: false},

	"examples.file":  {text: "The path of the table with the examples."},
	"examples.text":  {text: "The table's column with the texts.", fallback: "text"},
	"examples.label": {text: "The table's column with the labels.", none: "label, or else labels", fallback: "label"},
	"examples.list":  {text: "The examples themselves, which the file's take the place of."},
	"example.text":   {text: "The text of the example."},
	"example.label":  {text: "Its right label, or a list of them."},
	"example.labels": {text: "Its right labels by the names of the questions, where there are questions."},

	"summarize.text":      {text: "The text to summarise: a template over the columns, or @FILE.", examples: []any{"{{.body}}"}},
	"summarize.words":     {text: "The most words of a summary. It takes the place of sentences.", examples: []any{50}},
	"summarize.sentences": {text: "The most sentences of a summary.", fallback: 3},
	"summarize.language":  {text: "The language of the summary.", none: "that of the text", examples: []any{"English"}},
	"summarize.style":     {text: "The style: paragraph, bullets, headline, or words of your own.", fallback: "paragraph", examples: []any{"bullets", "headline", "as for a child of ten"}},

	"extract.text":   {text: "The text to take data from: a template over the columns, or @FILE.", examples: []any{"{{.body}}"}},
	"extract.schema": {text: "The form of the data: a JSON Schema, or the path of a file that holds it. Each property becomes a column.", examples: []any{"invoice.schema.json"}},

	"raw.column": {text: "The column that holds the request body.", fallback: "request"},

	"check.expr":    {text: "The expression, in the language of expr-lang.org. It is true for a good answer.", examples: []any{"answer.total > 0"}},
	"check.name":    {text: "What messages and the column failed_checks call the check.", none: "the expression", examples: []any{"positive"}},
	"check.message": {text: "What is wrong with an answer that fails the check, in words for the model.", none: "the expression", examples: []any{"total must be above 0"}},
	"check.flag":    {text: "A failure only stands in the column failed_checks: the row stays ok, and is not asked again.", fallback: false},

	"media.column":     {text: "The column with the media.", examples: []any{"photo"}},
	"media.mime_type":  {text: "The type of the media.", none: "by their content, or else by the extension", examples: []any{"image/png"}},
	"media.resolution": {text: "How closely the model looks, which decides the tokens that a picture costs.", none: "that of the request"},
	"media.max_bytes":  {text: "The largest size of one medium, in bytes.", none: "what the API takes"},
}
