// Package redact takes secrets out of text that is stored or shown: error
// messages of an endpoint may hold the key that was sent to it, and an address
// may hold one in its query.
package redact

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mark stands where a secret was.
const Mark = "[redacted]"

// minSecret is the length from which a given secret is searched for. Shorter
// ones ("x", for a local server) would punch holes into ordinary words.
const minSecret = 5

// minBody is the length from which a secret is searched for in answers, which are
// the user's data: the key of a local server may be a word, real ones are longer.
const minBody = 16

// patterns match what looks like a secret even when it is not one of ours, such
// as the key of a gateway's own upstream.
var patterns = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`AIza[\w-]{8,}`), Mark},                       // Google, standard
	{regexp.MustCompile(`\bAQ\.[\w.-]{8,}`), Mark},                    // Google, since 2026
	{regexp.MustCompile(`\bsk-[\w*-]{6,}`), Mark},                     // gateways, also when starred out
	{regexp.MustCompile(`\bya29\.[\w./-]{6,}`), Mark},                 // OAuth access token
	{regexp.MustCompile(`\b1//0[\w-]{10,}`), Mark},                    // OAuth refresh token
	{regexp.MustCompile(`\bGOCSPX-[\w-]{8,}`), Mark},                  // OAuth client secret
	{regexp.MustCompile(`\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?`), Mark}, // JSON web token
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[\w.~+/=-]{16,}`), "$1 " + Mark},
	{regexp.MustCompile(`(?i)\b(key|token|access_token|refresh_token|client_secret|password)=[^&\s"'<>]+`), "$1=" + Mark},
	{regexp.MustCompile(`(?i)\b(x-goog-api-key|api[ _-]?key)(["']?\s*[:=]\s*["']?)[^\s"'&,;<>]+`), "$1$2" + Mark},
	{regexp.MustCompile(`://[^/\s:@]+:[^/\s@]+@`), "://" + Mark + "@"}, // user information of an address
}

// A Redactor takes given secrets, and whatever looks like one, out of text. The
// zero value knows no given secrets. It is safe for concurrent use.
type Redactor struct {
	given *strings.Replacer
	long  []string // the given ones, in all forms, that Body searches for
}

// New returns a Redactor for these secrets, as they are and in the forms they
// take in addresses and in JSON. Secrets of fewer than five bytes are ignored.
func New(secrets ...string) *Redactor {
	var forms []string
	for _, s := range secrets {
		if len(s) >= minSecret {
			quoted, _ := json.Marshal(s) // a string always has a JSON form
			forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s),
				string(quoted[1:len(quoted)-1]), strings.ReplaceAll(s, "/", `\/`))
		}
	}
	if len(forms) == 0 {
		return &Redactor{}
	}
	// The longest first: the replacer takes the first that matches, and a form
	// may be the beginning of another.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	forms = slices.Compact(forms)
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, Mark)
	}
	return &Redactor{
		given: strings.NewReplacer(pairs...),
		long:  slices.DeleteFunc(forms, func(f string) bool { return len(f) < minBody }),
	}
}

// Body returns an answer without the given secrets, if they have at least 16 bytes.
// What else looks like a secret stays: the text is the user's. It does not change
// body itself.
func (r *Redactor) Body(body []byte) []byte {
	if r == nil {
		return body
	}
	for _, f := range r.long {
		if bytes.Contains(body, []byte(f)) {
			body = bytes.ReplaceAll(body, []byte(f), []byte(Mark))
		}
	}
	return body
}

// String returns s without secrets.
func (r *Redactor) String(s string) string {
	if r != nil && r.given != nil {
		s = r.given.Replace(s)
	}
	for _, p := range patterns {
		s = p.re.ReplaceAllString(s, p.with)
	}
	return s
}

// ahead is how far beyond its limit Line reads, so that a secret is seen whole
// and a huge text is not searched to its end.
const ahead = 16 << 10

// Line returns s without secrets as one line of valid UTF-8 of at most limit
// bytes: runs of space, control and invisible formatting characters become one
// space, and a longer text ends in "…". A longer text than a limit below 4 leaves
// nothing.
func (r *Redactor) Line(s string, limit int) string {
	// Secrets go before the cut: half a key matches nothing.
	return cut(r.String(oneLine(s, limit+ahead)), limit)
}

// oneLine returns about the first limit bytes of s as one line.
func oneLine(s string, limit int) string {
	var b strings.Builder
	gap := false
	for _, c := range s { // a broken byte arrives as U+FFFD
		if unicode.IsSpace(c) || unicode.IsControl(c) || unicode.Is(unicode.Cf, c) {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(c)
		if b.Len() > limit {
			break
		}
	}
	return b.String()
}

func cut(s string, limit int) string {
	const tail = "…"
	if len(s) <= limit {
		return s
	}
	n := limit - len(tail)
	if n <= 0 {
		return ""
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimRight(s[:n], " ") + tail
}

// secretHeader matches the names of headers whose values are secrets.
var secretHeader = regexp.MustCompile(`(?i)auth|key|token|secret|cookie|password`)

// IsSecretHeader reports whether the values of a header are kept out of texts.
func IsSecretHeader(name string) bool { return secretHeader.MatchString(name) }

// Header returns NAME=VALUE without the value if that is a secret.
func Header(pair string) string {
	if name, _, ok := strings.Cut(pair, "="); ok && IsSecretHeader(name) {
		return name + "=" + Mark
	}
	return pair
}
