package jobfile

import "github.com/genbatch/genbatch/jobs/spec"

// What a job file must not have beside a key. Each rule forbids members rather than the whole
// file, so that editors mark the key that is too much, with the message of the rule.

// forbid returns the schema of an object that has none of some members.
func forbid(message string, names ...string) object {
	var members object
	for _, name := range names {
		members = members.with(name, false)
	}
	return object{{"properties", members}, {"errorMessage", message}}
}

// inMember returns the schema of an object in whose member, if it has it, a schema holds. The
// API writes its names in two ways.
func inMember(of object, names ...string) object {
	var members object
	for _, name := range names {
		members = members.with(name, of)
	}
	return object{{"properties", members}}
}

// when returns the schema that holds only where a member is of a form.
func when(member string, is, then object) object {
	return object{{"if", inMember(is, member)}, {"then", then}}
}

func all(of ...object) object { return object{{"allOf", of}} }

// contradictions returns the members of the job's schema that say which keys exclude each
// other.
func contradictions() object {
	inRequest := func(of object) object { return inMember(of, "request") }
	inConfig := func(message string, names ...string) object {
		return inRequest(inMember(forbid(message, names...), "generationConfig", "generation_config"))
	}
	schemaGiven := inConfig("A schema is given already, and stands for this field.", "responseSchema", "response_schema",
		"responseJsonSchema", "response_json_schema", "_responseJsonSchema", "responseFormat", "response_format")
	first := pattern(`\s*`+batchTier+`\s*(?:,.*)?`, "")
	byBatch := anyOf(first, object{{"type", "array"}, {"items", []object{first}}, {"minItems", 1}})
	alone := pattern(`\s*`+batchTier+`\s*`, "")
	byBatchAlone := anyOf(alone, object{{"type", "array"}, {"items", []object{alone}}, {"minItems", 1}, {"maxItems", 1}})
	const notByBatch = "This is for jobs whose first tier is batch."
	zero, notZero := object{{"enum", []any{0, "0"}}}, object{{"not", object{{"enum", []any{0, "0"}}}}}

	var beside object
	kinds := []string{"prompt", "classify", "summarize", "extract", "raw"}
	for i, kind := range kinds {
		rules := []object{forbid("A job has one kind, and this one has "+kind+" already.", kinds[i+1:]...)}
		switch kind {
		case "classify":
			rules = append(rules, forbid("classify has no schema: its labels are one.", "schema", "schema_field"))
		default:
			rules = append(rules, inMember(object{{"enum", []int{0}}, {"errorMessage", "review_below goes with classify, and this job has " + kind + "."}}, "review_below"))
		}
		switch kind {
		case "extract":
			rules = append(rules, when("extract", object{{"required", []string{"schema"}}},
				all(forbid("extract has a schema already.", "schema"), schemaGiven)))
		case "raw":
			rules = append(rules, forbid("raw takes whole requests: put systemInstruction into request.", "system"))
		}
		beside = beside.with(kind, all(rules...))
	}
	beside = append(beside, object{
		{"limit", when("limit", notZero, inMember(zero.with("errorMessage", "Keep limit or sample."), "sample"))},
		{"shard", inMember(zero.with("errorMessage", "A shard takes all rows of its part: leave it out."), "limit", "sample")},
		{"rows_per_call", when("rows_per_call", object{{"not", object{{"enum", []any{0, 1, "0", "1"}}}}}, all(
			forbid("Rows share calls with classify, extract and summarize.", "prompt", "raw"),
			inMember(inMember(object{{"not", words("logprobs")}, {"errorMessage", "Log probabilities are told of an answer as a whole: use said, or leave rows_per_call out."}}, "confidence"), "classify"),
			inMember(object{{"maximum", spec.MaxRowsPerCall}, {"errorMessage", "No more rows can share a call."}}, "rows_per_call"),
		))},
		{"schema", schemaGiven},
		{"review_below", when("review_below", notZero, forbid("review_below goes with classify, which has no schema.", "schema", "schema_field"))},
		{"max_output_tokens", inConfig("max_output_tokens says this already.", "maxOutputTokens", "max_output_tokens")},
		{"system", inRequest(forbid("system says this already.", "systemInstruction", "system_instruction"))},
		{"tier", all(
			inRequest(forbid("tier says this already.", "serviceTier", "service_tier")),
			when("tier", byBatchAlone, forbid("Batches do not wait for room, as flex does: deadline says when rows leave them.", "tier_wait")),
			when("tier", object{{"not", byBatch}}, all(forbid(notByBatch, "batch_bucket"), inMember(object{{"enum", []any{false}}, {"errorMessage", notByBatch}}, "batch_cleanup"))),
		)},
		{"batch_cleanup", when("batch_cleanup", object{{"enum", []any{true}}}, inRequest(forbid("This is for the tier batch, and request names another.", "serviceTier", "service_tier")))},
		{"endpoint", all(
			when("endpoint", words("yescale", "gptproto"), forbid("This gateway is not known to sell service tiers.", "tier", "tier_wait")),
			when("endpoint", object{{"not", words("vertex")}}, forbid("Only Vertex AI keeps batches in a bucket.", "batch_bucket")),
		)},
	}...)
	oneControl := forbid("The API takes thinkingLevel (Gemini 3 and later) or thinkingBudget (2.5), not both.", "thinkingBudget", "thinking_budget")
	thinking := object{{"dependencies", object{{"thinkingLevel", oneControl}, {"thinking_level", oneControl}}}}
	return object{{"dependencies", beside}, {"allOf", []object{
		{
			{"if", object{{"not", object{{"required", []string{"raw"}}}}}},
			{"then", inRequest(forbid("The job's kind makes the contents; raw takes whole requests.", "contents"))},
		},
		inRequest(inMember(inMember(thinking, "thinkingConfig", "thinking_config"), "generationConfig", "generation_config")),
	}}}
}
