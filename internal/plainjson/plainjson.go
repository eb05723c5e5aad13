// Package plainjson reads JSON whose shape is known, such as an answer of the API. It is
// about five times as fast as encoding/json and uses no reflection.
//
// It is not a second decoder. A [Scanner] gives up at anything unusual: a null, a value
// of another type, a name that comes twice or in other case, bad UTF-8, an odd number.
// The caller then lets encoding/json say what the text means. So whatever a Scanner does
// return is what encoding/json would have returned.
package plainjson

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Scanner reads one JSON value. Its methods take the value that comes next. Once it has
// given up, they do nothing and return zero values. [New] makes a Scanner; it is for one
// goroutine.
type Scanner struct {
	b     []byte
	i     int // the place of the next byte
	depth int
	bad   bool // it has given up

	compact []byte // b up to from, without the space between tokens
	from    int
}

const maxDepth = 100 // at a greater depth recursion costs more than it saves

// New returns a Scanner that reads b. The Scanner keeps a reference to b.
func New(b []byte) *Scanner {
	if !utf8.Valid(b) {
		return &Scanner{bad: true}
	}
	return &Scanner{b: b}
}

// GiveUp leaves the value to encoding/json.
func (s *Scanner) GiveUp() { s.bad, s.i = true, len(s.b) }

// Plain reports whether the whole text has been read and was valid.
func (s *Scanner) Plain() bool {
	s.space()
	return !s.bad && s.i == len(s.b)
}

// Compact returns the text without the space between its tokens. It may be called once
// the whole text has been read. The result is a copy, unless there was no space.
func (s *Scanner) Compact() json.RawMessage {
	if s.compact == nil {
		return s.b
	}
	return append(s.compact, s.b[s.from:]...)
}

// space moves to the next token.
func (s *Scanner) space() {
	b, i := s.b, s.i
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	if i > s.i {
		if s.compact == nil {
			s.compact = make([]byte, 0, len(b))
		}
		s.compact = append(s.compact, b[s.from:s.i]...)
		s.i, s.from = i, i
	}
}

// take takes the next token if it is c. It finds none once the Scanner has given up.
func (s *Scanner) take(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] <= ' ' {
		s.space()
	}
	found := s.i < len(s.b) && s.b[s.i] == c
	if found {
		s.i++
	}
	return found
}

// need takes the token c, or gives up.
func (s *Scanner) need(c byte) {
	if !s.take(c) {
		s.GiveUp()
	}
}

// Object takes an object. For each member whose name is among names it calls member with
// the place of the name, and member must take the value. Other members are passed over.
// fields counts all members. There may be up to 64 names.
func (s *Scanner) Object(names []string, member func(name int)) (fields int) {
	s.need('{')
	if s.depth++; s.depth > maxDepth {
		s.GiveUp()
	}
	var seen uint64
	likely := 0 // the place of the next name, if the members come in the order of names
	for !s.bad && !s.take('}') {
		if fields++; fields > 1 {
			s.need(',')
		}
		s.space()
		var key []byte
		at := likely
		if at == len(names) || !s.is(names[at]) {
			key = s.word()
			at = slices.Index(names, string(key))
		}
		s.need(':')
		likely = at + 1
		switch {
		case s.bad:
		case at < 0:
			if mayMatch(key, names) {
				s.GiveUp()
			}
			s.Skip()
		case seen&(1<<at) != 0:
			s.GiveUp()
		default:
			seen |= 1 << at
			member(at)
		}
	}
	s.depth--
	return fields
}

// mayMatch reports whether encoding/json, which ignores case, might take key for one of
// the names.
func mayMatch(key []byte, names []string) bool {
	for _, c := range key {
		if c >= utf8.RuneSelf { // some such characters match a letter, as the Kelvin sign matches k
			return true
		}
	}
	for _, name := range names {
		if len(name) == len(key) && strings.EqualFold(name, string(key)) {
			return true
		}
	}
	return false
}

// Array takes an array. It calls element for each value, and element must take it.
func (s *Scanner) Array(element func()) {
	s.need('[')
	if s.depth++; s.depth > maxDepth {
		s.GiveUp()
	}
	for first := true; !s.bad && !s.take(']'); first = false {
		if !first {
			s.need(',')
		}
		if !s.bad {
			element()
		}
	}
	s.depth--
}

// String takes a string.
func (s *Scanner) String() string {
	start, escaped := s.str()
	if s.bad {
		return ""
	}
	text := s.b[start+1 : s.i-1]
	if escaped {
		return Unescape(text)
	}
	return string(text)
}

// OneOf takes a string. It allocates no memory if the string is one of the likely ones.
func (s *Scanner) OneOf(likely ...string) string {
	s.space()
	for _, text := range likely {
		if s.is(text) {
			return text
		}
	}
	return s.String()
}

// is takes the next string if it is text and is written without escapes.
func (s *Scanner) is(text string) bool {
	start, end := s.i+1, s.i+1+len(text)
	if end < len(s.b) && s.b[s.i] == '"' && s.b[end] == '"' && string(s.b[start:end]) == text {
		s.i = end + 1
		return true
	}
	return false
}

// word takes a string and returns what is between its quotes. It gives up at an escape.
func (s *Scanner) word() []byte {
	start, escaped := s.str()
	if s.bad || escaped {
		s.GiveUp()
		return nil
	}
	return s.b[start+1 : s.i-1]
}

// str takes a string. It returns where the string begins and whether it has escapes.
func (s *Scanner) str() (start int, escaped bool) {
	if s.need('"'); s.bad {
		return s.i, false
	}
	start = s.i - 1
	b := s.b
	for i := s.i; i < len(b); i++ {
		for i+8 <= len(b) && marks(binary.LittleEndian.Uint64(b[i:])) == 0 {
			i += 8
		}
		if i == len(b) {
			break
		}
		switch c := b[i]; {
		case c > '\\' || c > '"' && c < '\\': // most bytes
		case c == '"':
			s.i = i + 1
			return start, escaped
		case c == '\\':
			escaped = true
			i++
			if i < len(b) && b[i] == 'u' {
				for range 4 {
					if i++; i == len(b) || !hex(b[i]) {
						s.GiveUp()
						return start, false
					}
				}
			} else if i == len(b) || strings.IndexByte(`"\/bfnrt`, b[i]) < 0 {
				s.GiveUp()
				return start, false
			}
		case c < ' ':
			s.GiveUp()
			return start, false
		}
	}
	s.GiveUp()
	return start, false
}

// marks sets the top bit of each of eight bytes that is a quote, a backslash or a control
// character. The lowest bit that is set is always right; only a byte above a true one can
// be marked wrongly. Text has few of these characters, and testing eight bytes at a time
// is three times as fast as one by one.
// https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord
func marks(x uint64) uint64 {
	quote, backslash := x^each*'"', x^each*'\\'
	return ((x-each*' ')&^x | (quote-each)&^quote | (backslash-each)&^backslash) & tops
}

const each, tops = 0x0101010101010101, 0x8080808080808080

func hex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// Int takes an integer that is not negative, of at most 15 digits. Every kind of number
// holds such an integer exactly.
func (s *Scanner) Int() (n int64) {
	s.space()
	start := s.i
	for ; s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' && s.i-start < 16; s.i++ {
		n = 10*n + int64(s.b[s.i]-'0')
	}
	switch digits := s.i - start; {
	case digits == 0, digits > 15, digits > 1 && s.b[start] == '0', s.i < len(s.b) && strings.IndexByte(".eE", s.b[s.i]) >= 0:
		s.GiveUp()
		return 0
	}
	return n
}

// Bool takes true or false.
func (s *Scanner) Bool() bool {
	s.space()
	if s.literal("true") {
		return true
	}
	if !s.literal("false") {
		s.GiveUp()
	}
	return false
}

// literal takes word if it comes next.
func (s *Scanner) literal(word string) bool {
	if !s.bad && len(s.b)-s.i >= len(word) && string(s.b[s.i:s.i+len(word)]) == word {
		s.i += len(word)
		return true
	}
	return false
}

// Skip takes any value and returns its text, which the caller must not change.
func (s *Scanner) Skip() json.RawMessage {
	s.space()
	if s.bad || s.i == len(s.b) {
		s.GiveUp()
		return nil
	}
	start := s.i
	switch c := s.b[s.i]; c {
	case '"':
		s.str()
	case '{':
		s.need('{')
		s.container('}', true)
	case '[':
		s.need('[')
		s.container(']', false)
	case 't', 'f':
		s.Bool()
	case 'n':
		if !s.literal("null") {
			s.GiveUp()
		}
	default:
		s.number()
	}
	if s.bad {
		return nil
	}
	return s.b[start:s.i:s.i]
}

// container takes the rest of an array or object whose first byte has been taken.
func (s *Scanner) container(end byte, object bool) {
	if s.depth++; s.depth > maxDepth {
		s.GiveUp()
	}
	for first := true; !s.bad && !s.take(end); first = false {
		if !first {
			s.need(',')
		}
		if object {
			s.str()
			s.need(':')
		}
		s.Skip()
	}
	s.depth--
}

// number takes a number.
func (s *Scanner) number() {
	b, i := s.b, s.i
	digits := func() bool {
		from := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		s.GiveUp()
		return
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			s.GiveUp()
			return
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			s.GiveUp()
			return
		}
	}
	s.i = i
}
