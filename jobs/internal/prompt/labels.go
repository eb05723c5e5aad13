package prompt

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A labelSet holds the labels of a classification, in their order. It says which
// of them a text means.
type labelSet []string

// find returns the label that a text names, in whatever case and Unicode form. If there is none, quotes and
// marks around it do not count. A text that may name two labels names none.
func (s labelSet) find(text string) (label string, ok bool) {
	const dress = " \t\r\n\u00a0\u200b\ufeff\"'`*.!,:;()“”„‘’‚«»「」『』。！，：；（）"
	text = norm.NFC.String(strings.TrimSpace(text))
	for _, undress := range []string{"", dress} { // a label may itself end in a full stop
		bare := strings.Trim(text, undress)
		if bare == "" {
			return "", false
		}
		named := 0
		for _, l := range s {
			if strings.EqualFold(strings.Trim(norm.NFC.String(l), undress), bare) {
				label = l
				named++
			}
		}
		if named > 0 {
			return label, named == 1
		}
	}
	return "", false
}

// numbered returns the label that is the same whole number as a text, one of them with a
// decimal point and zeros. Any other text stays as it is.
func (s labelSet) numbered(text string) string {
	if _, ok := s.find(text); ok {
		return text
	}
	want, ok := wholeNumber(text)
	same := ""
	for _, l := range s {
		if n, isNumber := wholeNumber(l); ok && isNumber && n == want {
			if same != "" {
				return text
			}
			same = l
		}
	}
	if same == "" {
		return text
	}
	return same
}

var decimalZeros = regexp.MustCompile(`^([+-]?\d+)(?:\.0*)?$`)

// wholeNumber returns the digits of a whole number, without a point and zeros behind it.
// Zeros before it stay: they are a code's.
func wholeNumber(text string) (digits string, ok bool) {
	m := decimalZeros.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return "", false
	}
	return m[1], true
}

// list returns the labels that a text lists, each once and in the set's order. The text is
// a JSON list, or has line breaks, semicolons, bars or commas between the labels, which may
// hold these themselves. An empty list has no labels, and an empty text is an error.
func (s labelSet) list(text string) ([]string, error) {
	text = strings.TrimSpace(text)
	var items []string
	if strings.HasPrefix(text, "[") && json.Unmarshal([]byte(text), &items) == nil {
		return s.all(items)
	}
	text = unquoted(text)
	labels, err := s.all([]string{text})
	for _, separator := range []string{"\n", ";", "|", ","} {
		if err == nil {
			return labels, nil
		}
		if !strings.Contains(text, separator) {
			continue
		}
		items = items[:0]
		for item := range strings.SplitSeq(text, separator) {
			item = strings.TrimSpace(item)
			if separator == "\n" { // a list as Markdown has it
				item = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(item, "- "), "* "))
			}
			if item != "" {
				items = append(items, item)
			}
		}
		if len(items) > 0 {
			labels, err = s.all(items)
		}
	}
	return labels, err
}

// all returns the labels that the items name, each once and in the set's order.
func (s labelSet) all(items []string) ([]string, error) {
	named := make(map[string]bool, len(items))
	for _, item := range items {
		label, ok := s.find(item)
		if !ok {
			return nil, fmt.Errorf("%q is none of the labels %s", message.OneLine(item, 60), message.List(s))
		}
		named[label] = true
	}
	labels := make([]string, 0, len(named))
	for _, l := range s {
		if named[l] {
			labels = append(labels, l)
		}
	}
	return labels, nil
}

// describing returns the first label that looks like a label with its description: spam:
// unsolicited. It returns "" if there is none. Type: A and Type: B are labels of one family.
func (s labelSet) describing(given []spec.Label) string {
	first, heads := "", make(map[string]bool)
	for i, l := range s {
		head, _, ok := strings.Cut(l, ": ")
		if !ok || given[i].Description != "" {
			continue
		}
		if heads[head] {
			return ""
		}
		heads[head] = true
		first = cmp.Or(first, l)
	}
	return first
}

// hint returns a hint for a name that is no label.
func (s labelSet) hint(name string) string {
	if near := message.Nearest(name, s); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "the labels are " + message.OneLine(strings.Join(s, ", "), 200)
}

// unquoted takes the quotes from a JSON string.
func unquoted(text string) string {
	text = strings.TrimSpace(text)
	var s string
	if json.Unmarshal([]byte(text), &s) == nil && text != "null" {
		return strings.TrimSpace(s)
	}
	return text
}

// withoutFence takes the fence from a text that is one block of Markdown code.
func withoutFence(text string) (content string, fenced bool) {
	const fence = "```"
	text = strings.TrimSpace(text)
	inner, ok := strings.CutPrefix(text, fence)
	if !ok {
		return text, false
	}
	inner, ok = strings.CutSuffix(inner, fence)
	if !ok || strings.Contains(inner, fence) {
		return text, false
	}
	language, rest, ok := strings.Cut(inner, "\n")
	if !ok { // in one line, where the first word may be the answer
		return text, false
	}
	if strings.ContainsAny(language, " \t\"[{") {
		return text, false
	}
	return strings.TrimSpace(rest), true
}
