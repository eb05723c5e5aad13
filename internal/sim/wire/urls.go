package wire

import (
	"regexp"
	"strings"
)

var urlPattern = regexp.MustCompile(`https?://[^\s<>"'\])]+`)

// urlsLimit is the most addresses that urlContext looks up in one request.
const urlsLimit = 20

// URLsIn returns the web addresses in a text, each of them once.
func URLsIn(s string) []string {
	var found []string
	seen := map[string]bool{}
	for _, u := range urlPattern.FindAllString(s, -1) {
		u = strings.TrimRight(u, ".,;:!?")
		if !seen[u] {
			seen[u] = true
			found = append(found, u)
		}
	}
	return found
}

// checkURLs refuses more addresses than urlContext looks up.
func (q *Request) checkURLs(Dialect, *Model) *Error {
	if !q.Tools.URLs {
		return nil
	}
	if n := len(URLsIn(q.Prompt().User)); n > urlsLimit {
		return Invalid("Number of urls to lookup exceeds the limit (%d > %d).", n, urlsLimit)
	}
	return nil
}
