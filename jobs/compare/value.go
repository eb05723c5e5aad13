package compare

import (
	"encoding/json"
	"strings"
)

// sameAnswer reports whether an answer is the one that a person wrote down as right. Case and
// spaces around it do not count, and neither does the order of a list.
func sameAnswer(answer, expected string) bool {
	return strings.EqualFold(strings.TrimSpace(answer), strings.TrimSpace(expected)) || sameSet(answer, expected)
}

// sameSet reports whether two canonical texts are JSON lists of the same texts.
func sameSet(a, b string) bool {
	if !strings.HasPrefix(a, "[") || !strings.HasPrefix(b, "[") {
		return false
	}
	var x, y []string
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	has := make(map[string]bool, len(x))
	for _, s := range x {
		has[strings.ToLower(strings.TrimSpace(s))] = true
	}
	wanted := make(map[string]bool, len(y))
	for _, s := range y {
		s = strings.ToLower(strings.TrimSpace(s))
		if !has[s] {
			return false
		}
		wanted[s] = true
	}
	return len(has) == len(wanted)
}
