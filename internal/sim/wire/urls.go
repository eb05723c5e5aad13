package wire

import (
	"regexp"
	"strings"
)

var urlInText = regexp.MustCompile(`https?://[^\s<>"'\])]+`)

// urlsLimit is how many addresses urlContext looks up in one request.
const urlsLimit = 20

// URLsIn returns the addresses that stand in a text, each once.
func URLsIn(s string) []string {
	var found []string
	seen := map[string]bool{}
	for _, u := range urlInText.FindAllString(s, -1) {
		u = strings.TrimRight(u, ".,;:!?")
		if !seen[u] {
			seen[u] = true
			found = append(found, u)
		}
	}
	return found
}

func (q *Request) checkURLs(Dialect, *Model) *Error {
	if !q.Tools.URLs {
		return nil
	}
	if n := len(URLsIn(q.Prompt().User)); n > urlsLimit {
		return Invalid("Number of urls to lookup exceeds the limit (%d > %d).", n, urlsLimit)
	}
	return nil
}
