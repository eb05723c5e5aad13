package prompt

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
)

// noAnswers are the patterns of texts that come as answers and are none, such as the notice of
// a relay whose balance is used up.
type noAnswers []*regexp.Regexp

func newNoAnswers(s *spec.Spec) (noAnswers, error) {
	var list noAnswers
	for _, pattern := range s.FailIf {
		if pattern == "" {
			return nil, spec.Errorf(`write a pattern, such as --fail-if "balance is insufficient"`, "fail_if has an empty pattern, which every answer matches")
		}
		re, err := regexp.Compile(pattern)
		var fault *syntax.Error
		if errors.As(err, &fault) {
			return nil, spec.Errorf("patterns are RE2's: https://github.com/google/re2/wiki/Syntax; a backslash takes the character after it as it is",
				"fail_if %q cannot be read: %s, at %q", pattern, fault.Code, fault.Expr)
		}
		list = append(list, re)
	}
	return list, nil
}

// MayFail reports whether the job has patterns of texts that are no answers.
func (p *Prompt) MayFail() bool { return len(p.noAnswers) > 0 }

// Fails returns an error if the text of an answer matches a pattern by which it is none. The
// error quotes both. An answer that rows share is looked at row by row: see [pack.Parse].
func (p *Prompt) Fails(a *gemini.Answer) error {
	for _, re := range p.noAnswers {
		if re.MatchString(a.Text) {
			return fmt.Errorf("the answer matches fail_if %q: %q", re, message.OneLine(a.Text, 120))
		}
	}
	return nil
}
