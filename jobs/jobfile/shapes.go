package jobfile

import "github.com/genbatch/genbatch/jobs/spec"

// What is known of a key beyond the type of its field.

const (
	webhook = `https?://[^\s/?#]+(?:[/?#]\S*)?`
	address = `\s*https?://\S+\s*`

	number = `(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)`

	span     = `(?:0|(?:` + number + `(?:ns|us|µs|μs|ms|s|m|h))+)`
	duration = `\+?` + span

	clock = `(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?`
	date  = `[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])`
	zone  = ` ?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])`

	// A number above 0. RE2 has no lookahead, so that a digit other than 0 is spelled out.
	positive = `(?:[0-9]*[1-9][0-9]*(?:\.[0-9]*)?|[0-9]*\.0*[1-9][0-9]*)`
	percent  = `(?:100(?:\.0*)?|0*[1-9][0-9]?(?:\.[0-9]*)?|0*\.0*[1-9][0-9]*)`

	// A part of the path of an object. One of dots alone begins with three.
	bucketPart = `(?:[^/#*?\[\]\x00-\x1f\x7f.][^/#*?\[\]\x00-\x1f\x7f]*|\.[^/#*?\[\]\x00-\x1f\x7f.][^/#*?\[\]\x00-\x1f\x7f]*|\.\.[^/#*?\[\]\x00-\x1f\x7f]+)`

	batchTier = `[Bb][Aa][Tt][Cc][Hh]`
	tier      = `(?:[Ff][Ll][Ee][Xx]|[Ss][Tt][Aa][Nn][Dd][Aa][Rr][Dd]|[Pp][Rr][Ii][Oo][Rr][Ii][Tt][Yy])`
)

// shapes returns the schemas of the keys whose types do not say all.
func shapes() map[string]object {
	tables := []string{"jsonl", "csv", "tsv", "parquet"}
	delimiter := text().with("minLength", 1)
	return map[string]object{
		"input_format": inAnyCase(append(tables, "files")...), "output_format": inAnyCase(tables...),
		"delimiter": delimiter, "output_delimiter": delimiter,
		"null":                oneOrMany(object{{"type", []string{"string", "number", "null"}}}), // null: NULL names that text
		"endpoint":            anyOf(words("google", "vertex", "yescale", "gptproto", "sim"), pattern(address, "")),
		"base_url":            pattern(address, ""),
		"webhook.url":         pattern(webhook, "Write an address, such as https://example.com/hook."),
		"auth":                words("x-goog-api-key", "bearer", "raw", "query", "none", "oauth"),
		"header":              oneOrMany(pattern(`\s*[^\s:=]+\s*=[^\r\n]*`, "Write NAME=VALUE.")),
		"schema_field":        words("responseJsonSchema", "responseSchema"),
		"on_daily_quota":      words("stop", "wait"),
		"retry":               oneOrMany(words("blocked", "truncated", "empty", "invalid", "rejected", "failed")),
		"tier":                tiers(),
		"batch_bucket":        pattern(`gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](?:/(?:`+bucketPart+`/)*(?:`+bucketPart+`)?)?`, "Write a folder in a bucket, such as gs://my-bucket/genbatch."),
		"fail_if":             oneOrMany(text().with("minLength", 1)),
		"check.expr":          text().with("minLength", 1),
		"max_cost":            {{"type", []string{"number", "string"}}, {"exclusiveMinimum", 0}, {"maximum", 9223372}, {"errorMessage", "Write dollars above 0, such as 5.00."}, {"pattern", `^\s*\+?` + positive + `(?:[eE][+-]?[0-9]{1,2})?\s*$`}},
		"max_failures":        {{"type", []string{"integer", "string"}}, {"minimum", 1}, {"errorMessage", "Write a number of rows, such as 100, or a percentage, such as 5%."}, {"pattern", `^\s*(?:\+?0*[1-9][0-9]*|\+?` + percent + `\s*%)\s*$`}},
		"classify.confidence": anyOf(object{{"type", "boolean"}}, words("said", "logprobs")),
		"review_below":        {{"type", []string{"number", "string"}}, {"minimum", 0}, {"maximum", 1}, {"pattern", `^(?:0(?:\.[0-9]+)?|1(?:\.0+)?)$`}, {"errorMessage", "Write a confidence from 0 to 1, such as 0.8."}},
		"shard":               pattern(`\s*(?:`+spec.ShardForm+`)\s*`, "Write which part of how many, such as 3/8, or auto/8."),
		"quota_share":         {{"type", []string{"number", "string"}}, {"exclusiveMinimum", 0}, {"maximum", 1}, {"errorMessage", "Write a part above 0: 1/4, 0.25 or 25%."}, {"pattern", `^\s*(?:` + spec.ShareForm + `)\s*$`}},
		"deadline":            pattern(`\s*(?:[+-]?`+span+`|`+clock+`|`+date+`[Tt ]`+clock+`(?:`+zone+`)?)\s*`, "Write a length of time (6h), a time of the day (18:00), or a date with its time (2027-01-31T18:00)."),
		"metrics":             {{"type", []string{"integer", "string"}}, {"minimum", 0}, {"maximum", 65535}, {"errorMessage", "Write a port, such as 9090, or an address with one, such as 127.0.0.1:9090."}, {"pattern", "^(?:" + spec.MetricsForm + ")$"}},
		"media.resolution":    anyOf(words("low", "medium", "high", "ultra_high"), pattern(`(?:[Mm][Ee][Dd][Ii][Aa][_-][Rr][Ee][Ss][Oo][Ll][Uu][Tt][Ii][Oo][Nn][_-])?(?:`+foldCase("low", "medium", "high", "ultra_high", "ultra-high")+`)`, "")),
		"media.mime_type":     pattern(`\s*[^\s/;]+/[^\s/;]+\s*(?:;.*)?`, "Write a type, such as image/png."),
		"expected.as":         words(spec.Kinds...),
		"expected.tolerance":  {{"type", []string{"number", "string"}}, {"minimum", 0}, {"errorMessage", "Write how far off is right: 0.01, or 1% of the known number."}, {"pattern", "^(?:" + spec.Tolerance + ")$"}},
		"request":             request(),
	}
}

// tiers returns the schema of service tiers, of which batch can only be the first.
func tiers() object {
	later := anyOf(words("flex", "standard", "priority"), pattern(`\s*`+tier+`\s*(?:,\s*`+tier+`\s*)*`, ""))
	first := anyOf(words("batch", "flex", "standard", "priority"), pattern(`\s*(?:`+batchTier+`|`+tier+`)\s*(?:,\s*`+tier+`\s*)*`, "Name batch first, then flex, standard or priority."))
	return anyOf(first, object{{"type", "array"}, {"items", []object{first}}, {"additionalItems", later}})
}

// request returns the schema of what stands under request:. It names the fields that people
// set most, and lets the API's others through.
func request() object {
	field := func(name, text string, shape ...member) member {
		return member{name, annotated(shape, meaning{text: text})}
	}
	thinking := object{{"type", "object"}, {"properties", object{
		field("thinkingLevel", "How much the model thinks: Gemini 3 and later.", member{"examples", []string{"minimal", "low", "medium", "high"}}),
		field("thinkingBudget", "The most tokens of thinking, 0 for none, -1 for as many as it likes: Gemini 2.5.", member{"examples", []int{0, 1024, -1}}),
		field("includeThoughts", "Have the thoughts summarised, in a column."),
	}}}
	config := object{{"type", "object"}, {"properties", object{
		field("temperature", "How much chance there is in the answer: 0 for the likeliest words.", member{"examples", []any{0, 0.7, 1}}),
		field("topP", "The share of likelihood that words are chosen from."),
		field("topK", "The number of words that each is chosen from."),
		field("seed", "The start of the chance: the same seed gives mostly the same answer."),
		field("maxOutputTokens", "The most tokens of an answer; max_output_tokens says the same."),
		field("stopSequences", "Texts at which the answer ends."),
		field("mediaResolution", "How closely the model looks at media.", member{"examples", []string{"MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH"}}),
		field("responseModalities", "What the answer is made of.", member{"examples", [][]string{{"TEXT"}, {"IMAGE"}, {"AUDIO"}}}),
		field("responseMimeType", "The type of the answer.", member{"examples", []string{"application/json", "text/x.enum"}}),
		field("thinkingConfig", "How the model thinks before it answers.", thinking...),
		field("speechConfig", "The voices of spoken answers."),
		field("imageConfig", "The form of pictures."),
	}}}
	return object{{"type", "object"}, {"properties", object{
		field("generationConfig", "How the answer is made.", config...),
		field("systemInstruction", "The system instruction, the same for all rows; system: takes a template."),
		field("tools", "What the model may use: Google Search, URL context, code, functions."),
		field("toolConfig", "When it uses the tools."),
		field("safetySettings", "From which probability of harm on an answer is blocked."),
		field("cachedContent", "The name of a context cache that all rows share."),
		field("serviceTier", "The service tier of every call; tier: tries several."),
		field("labels", "Labels of the calls for the bill of Vertex AI."),
	}}}
}
