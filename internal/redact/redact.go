// Package redact removes secrets from text that is stored or shown. An endpoint's error
// message may hold the key that was sent to it, and an address may hold one in its
// query.
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

// Mark replaces each secret.
const Mark = "[redacted]"

// minSecret is the length in bytes of the shortest secret that is searched for. A shorter
// one ("x", for a local server) would cut holes into ordinary words.
const minSecret = 5

// minBody is the length in bytes of the shortest secret that is searched for in answers,
// which are the user's data. The key of a local server may be a word of the answer; real
// keys are longer.
const minBody = 16

// patterns match what looks like a secret, even one that is not ours, such as a
// gateway's key for the provider behind it.
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

// A Redactor removes given secrets, and whatever looks like a secret, from text. The zero
// value, like nil, has no given secrets. A Redactor is safe for concurrent use.
type Redactor struct {
	given   *strings.Replacer
	long    []string // the given secrets that Body searches for, in all forms
	secrets []string // the given secrets themselves
}

// New returns a Redactor for the given secrets. It finds them as they are, in the forms that
// they take in addresses and in JSON, however many of their characters are escaped, and long
// ones in base64 and hexadecimal. It ignores secrets of fewer than five bytes.
func New(secrets ...string) *Redactor {
	var forms, found []string
	for _, s := range secrets {
		if len(s) >= minSecret {
			quoted, _ := json.Marshal(s) // a string always has a JSON form
			forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s),
				string(quoted[1:len(quoted)-1]), strings.ReplaceAll(s, "/", `\/`))
			forms = append(forms, encodings(s)...)
			found = append(found, s)
		}
	}
	if len(forms) == 0 {
		return &Redactor{}
	}
	// The longest comes first, because the replacer takes the first that matches, and
	// one form may be the beginning of another.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	forms = slices.Compact(forms)
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, Mark)
	}
	return &Redactor{
		given: strings.NewReplacer(pairs...),
		long:  slices.DeleteFunc(forms, func(f string) bool { return len(f) < minBody }),

		secrets: found,
	}
}

// Body returns an answer without those given secrets that have at least 16 bytes. Text
// that only looks like a secret stays, because an answer is the user's data. Body does
// not change the bytes of body itself.
func (r *Redactor) Body(body []byte) []byte {
	if r == nil {
		return body
	}
	for _, f := range r.long {
		if bytes.Contains(body, []byte(f)) {
			body = bytes.ReplaceAll(body, []byte(f), []byte(Mark))
		}
	}
	for _, s := range r.secrets {
		if len(s) >= minBody && isSpelled(body, s) {
			body = []byte(replace(string(body), newSpelling(string(body)).find([]string{s})))
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
	if mayHaveEscapes(s) {
		spelled := newSpelling(s)
		spans := spelled.findPatterns()
		if r != nil {
			spans = append(spans, spelled.find(r.secrets)...)
		}
		s = replace(s, spans)
	}
	return s
}

// ahead is how many bytes Line reads beyond its limit. So it sees a secret at the limit
// whole, and does not search a huge text to its end.
const ahead = 16 << 10

// Line returns s without secrets as one line of valid UTF-8, of at most limit bytes. A
// run of spaces, control characters and invisible formatting characters becomes one
// space. A text that is too long ends in "…"; if limit is below 4, it becomes empty.
func (r *Redactor) Line(s string, limit int) string {
	// Secrets are removed before the cut, because half a key matches nothing.
	return cut(r.String(oneLine(s, limit+ahead)), limit)
}

// oneLine returns about the first limit bytes of s as one line.
func oneLine(s string, limit int) string {
	var b strings.Builder
	gap := false
	for _, c := range s { // a byte that is not UTF-8 arrives as U+FFFD
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

// cut shortens s to at most limit bytes, with "…" at the end if anything is cut off.
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

// IsSecretHeader reports whether the values of a header are kept out of text.
func IsSecretHeader(name string) bool { return secretHeader.MatchString(name) }

// Header returns pair, which is NAME=VALUE, with the value replaced if it is a secret.
func Header(pair string) string {
	if name, _, ok := strings.Cut(pair, "="); ok && IsSecretHeader(name) {
		return name + "=" + Mark
	}
	return pair
}
