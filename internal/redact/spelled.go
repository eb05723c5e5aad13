package redact

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file finds secrets that are spelled another way: by escapes, of which each character
// can be written as one (\u0041, \x41, %41, %2541, &#65;), and in base64 or hexadecimal.

// A spelling is a text without its escapes.
type spelling struct {
	plain []byte
	at    []int // where each byte of plain begins in the text; at the end, the text's length
}

// mayHaveEscapes reports whether a text can hold escapes that [newSpelling] undoes.
func mayHaveEscapes(text string) bool {
	return strings.Contains(text, `\`) && strings.ContainsAny(text, "uUx/") || strings.Contains(text, "%") || strings.Contains(text, "&#")
}

// newSpelling undoes the escapes of a text.
func newSpelling(text string) *spelling {
	s := &spelling{plain: make([]byte, 0, len(text)), at: make([]int, 0, len(text)+1)}
	for i := 0; i < len(text); {
		c, size := unescape(text[i:])
		if size == 0 {
			s.plain, s.at = append(s.plain, text[i]), append(s.at, i)
			i++
			continue
		}
		for range len(c) {
			s.at = append(s.at, i)
		}
		s.plain = append(s.plain, c...)
		i += size
	}
	s.at = append(s.at, len(text))
	return s
}

// unescape returns the bytes that the escape at the beginning of a text stands for, and how
// long the escape is; 0 if there is none.
func unescape(text string) (c []byte, size int) {
	switch text[0] {
	case '\\':
		n := len(text) - len(strings.TrimLeft(text, `\`)) // JSON within JSON doubles them
		if n == len(text) {
			return nil, 0
		}
		digits := map[byte]int{'u': 4, 'U': 8, 'x': 2}[text[n]]
		switch {
		case text[n] == '/':
			return []byte{'/'}, n + 1
		case digits == 0 || len(text) < n+1+digits:
			return nil, 0
		}
		return character(text[n+1:n+1+digits], 16), n + 1 + digits
	case '%':
		n := 1
		for strings.HasPrefix(text[n:], "25") { // the sign itself, escaped
			n += 2
		}
		if len(text) < n+2 {
			return nil, 0
		}
		b, err := hex.DecodeString(text[n : n+2])
		if err != nil {
			return nil, 0
		}
		return b, n + 2
	case '&':
		end := strings.IndexByte(text[:min(len(text), 12)], ';')
		if end < 3 || text[1] != '#' {
			return nil, 0
		}
		if text[2] == 'x' || text[2] == 'X' {
			return character(text[3:end], 16), end + 1
		}
		return character(text[2:end], 10), end + 1
	}
	return nil, 0
}

// character returns the UTF-8 of a character's number.
func character(digits string, base int) []byte {
	n, err := strconv.ParseUint(digits, base, 31)
	if err != nil {
		return []byte(string(utf8.RuneError))
	}
	return []byte(string(rune(n)))
}

// isSpelled reports whether a secret stands in a body with any of its characters escaped.
// It needs little memory for a long body, most of which escape only line ends and quotes.
func isSpelled(body []byte, secret string) bool {
	if !bytes.Contains(body, []byte(`\u`)) && !bytes.Contains(body, []byte(`\x`)) && !bytes.Contains(body, []byte(`\U`)) &&
		bytes.IndexByte(body, '%') < 0 && !bytes.Contains(body, []byte("&#")) {
		return false
	}
	text := string(body)
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		if c, size := unescape(text[i:]); size > 0 {
			plain = append(plain, c...)
			i += size
			continue
		}
		plain = append(plain, text[i])
		i++
	}
	return bytes.Contains(plain, []byte(secret))
}

// A span is a part of a text, and what takes its place.
type span struct {
	from, to int
	with     string
}

// span returns the part of the text that bytes of the plain text stand for. It reports
// false if there is no escape in it.
func (s *spelling) span(from, to int, with string) (span, bool) {
	x := span{s.at[from], s.at[to], with}
	return x, x.to-x.from > to-from
}

// find returns where the secrets stand that are spelled with escapes.
func (s *spelling) find(secrets []string) (found []span) {
	plain := string(s.plain)
	for _, secret := range secrets {
		for from := 0; ; {
			i := strings.Index(plain[from:], secret)
			if i < 0 {
				break
			}
			if x, ok := s.span(from+i, from+i+len(secret), Mark); ok {
				found = append(found, x)
			}
			from += i + len(secret)
		}
	}
	return found
}

// findPatterns returns where there is what looks like a secret, spelled with escapes.
func (s *spelling) findPatterns() (found []span) {
	for _, p := range patterns {
		for _, m := range p.re.FindAllIndex(s.plain, -1) {
			with := p.re.ReplaceAllString(string(s.plain[m[0]:m[1]]), p.with)
			if x, ok := s.span(m[0], m[1], with); ok {
				found = append(found, x)
			}
		}
	}
	return found
}

// replace returns the text with the spans replaced.
func replace(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	var b strings.Builder
	end := 0
	for _, x := range spans {
		if x.from < end { // a part of what is replaced already, or more of it
			end = max(end, x.to)
			continue
		}
		b.WriteString(text[end:x.from])
		b.WriteString(x.with)
		end = x.to
	}
	b.WriteString(text[end:])
	return b.String()
}

// encodings returns what a secret looks like in hexadecimal, and in base64 wherever it stands
// in the bytes that were encoded. They are of no use for short secrets, since base64 does
// not keep the characters at either end.
func encodings(secret string) (forms []string) {
	if len(secret) < minBody {
		return nil
	}
	forms = append(forms, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))))
	for before := range 3 {
		padded := append(make([]byte, before), secret...)
		first := (before*8 + 5) / 6 // the first character that holds nothing of what stands before
		last := len(padded) * 8 / 6 // the last one may hold some of what follows
		forms = append(forms, base64.RawStdEncoding.EncodeToString(padded)[first:last], base64.RawURLEncoding.EncodeToString(padded)[first:last])
	}
	return forms
}
