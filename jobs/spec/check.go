package spec

import (
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
)

// Check returns an [*Error] for the first setting that is missing, impossible or contradicts
// another. It looks at neither the input nor the files that the Spec names.
func (s *Spec) Check() error {
	switch {
	case len(s.Input) == 0:
		return Errorf("name the table with --input reviews.csv, or input: in the job file", "no input is given")
	case s.Output == "":
		return Errorf("name the file to write with --output labels.csv, or output: in the job file", "no output is given")
	case s.Model == "":
		return Errorf("say which with --model, for example --model gemini-3.5-flash-lite", "no model is given, and there is no default since models are retired")
	}
	if err := CheckText(s); err != nil {
		return err
	}
	if err := s.checkKind(); err != nil {
		return err
	}
	if s.Limit > 0 && s.Sample > 0 {
		return Errorf("keep one of them", "--limit and --sample contradict each other")
	}
	for name, n := range map[string]int{
		"limit": s.Limit, "sample": s.Sample, "concurrency": s.Concurrency, "rpm": s.RPM, "tpm": s.TPM, "rpd": s.RPD,
		"max_attempts": s.MaxAttempts, "max_output_tokens": s.MaxOutputTokens, "max_row_bytes": s.MaxRowBytes,
		"rows_per_call": s.RowsPerCall,
	} {
		if n < 0 {
			return Errorf("write a number above 0, or leave it out", "%s is %d; it cannot be negative", name, n)
		}
	}
	if err := checkShard(s); err != nil {
		return err
	}
	if s.Timeout < 0 {
		return Errorf("write --timeout 90s or 5m, or leave it out", "timeout is %v; it cannot be negative", s.Timeout)
	}
	if err := AllExpected(s).check(); err != nil {
		return err
	}
	if err := checkConfidence(s); err != nil {
		return err
	}
	if err := checkRowsPerCall(s); err != nil {
		return err
	}
	if s.OnDailyQuota != "" && s.OnDailyQuota != "stop" && s.OnDailyQuota != "wait" {
		return Errorf("use stop or wait", "on_daily_quota is %q", s.OnDailyQuota)
	}
	if err := s.checkTiers(); err != nil {
		return err
	}
	if _, _, err := MetricsAddress(s); err != nil {
		return err
	}
	if err := checkChecks(s.Checks); err != nil {
		return err
	}
	if err := checkHooks(s); err != nil {
		return err
	}
	return s.checkRequest()
}

// checkKind finds out whether the job has exactly one kind.
func (s *Spec) checkKind() error {
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
		if apijson.Field(s.Request, "contents") != nil { // somebody pasted a whole example of the API
			return Errorf("put the text into prompt:, or use raw: for whole requests", "request.contents is the same for every row, and the job does not say what to ask")
		}
		return Errorf(`say it with --prompt "Summarize: {{.text}}", with --label A --label B --text "{{.text}}", with --schema FILE --text "{{.text}}", or with prompt:, classify:, summarize:, extract: or raw: in a job file`,
			"the job does not say what to ask")
	case 1:
		return nil
	}
	return Errorf("keep one of them", "the job has %d kinds: %s", len(kinds), strings.Join(kinds, ", "))
}

// checkRequest finds contradictions between what stands under request: and other settings.
func (s *Spec) checkRequest() error {
	config := apijson.Config(s.Request)
	if s.MaxOutputTokens > 0 && apijson.Field(config, "maxOutputTokens") != nil {
		return Errorf("keep one of them", "max_output_tokens and request.generationConfig.maxOutputTokens are both given")
	}
	thinking, _ := apijson.Field(config, "thinkingConfig").(map[string]any)
	if apijson.Field(thinking, "thinkingBudget") != nil && apijson.Field(thinking, "thinkingLevel") != nil {
		return Errorf("keep thinkingLevel for Gemini 3 and later, thinkingBudget for 2.5",
			"request.generationConfig.thinkingConfig has thinkingBudget and thinkingLevel, and the API takes one of them")
	}
	if err := s.checkSchema(); err != nil {
		return err
	}
	if s.System != "" && apijson.Field(s.Request, "systemInstruction") != nil {
		return Errorf("keep one of them", "system and request.systemInstruction are both given")
	}
	if s.Raw == nil && apijson.Field(s.Request, "contents") != nil {
		return Errorf("put the text into prompt:, or use raw: for whole requests", "request.contents contradicts the job's kind, which makes the contents")
	}
	return nil
}
