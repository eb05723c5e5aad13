package reader

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
)

// This file checks a line of JSONL and finds the members of its object.

// maxDepth is how deep arrays and objects may nest. encoding/json has the same limit,
// so that it can later decode all that is read here.
const maxDepth = 10000

// A syntaxError says why a line is not JSON, and at which of its bytes.
type syntaxError struct {
	offset int // from 0
	msg    string
}

func (e *syntaxError) Error() string { return e.msg }

// A member says where the parts of one member of a JSON object stand in the text.
type member struct {
	key, keyEnd int // the key with its quotes
	keyEscaped  bool
	val, valEnd int
	typ         batch.Type // of the value; String for null
	escaped     bool       // the value is a string with an escape
}

// An objectScanner walks over the members of one JSON object. It checks the whole text,
// nested values included, and decodes nothing. encoding/json's Valid followed by its
// Decoder takes about five times as long for each byte.
type objectScanner struct {
	b []byte
	i int
}

// begin enters the object.
func (s *objectScanner) begin() *syntaxError {
	s.space()
	if s.i == len(s.b) || s.b[s.i] != '{' {
		if end, err := s.value(s.i, 0); err == nil && end > s.i {
			return &syntaxError{s.i, "the line is JSON but not an object: a row is {\"name\": value, ...}"}
		}
		return s.unexpected(s.i, "an object")
	}
	s.i++
	return nil
}

// next returns the next member. At the end of the object ok is false; the text must
// end there too.
func (s *objectScanner) next(first bool) (m member, ok bool, err *syntaxError) {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == '}' {
		s.i++
		s.space()
		if s.i < len(s.b) {
			return m, false, &syntaxError{s.i, "text after the end of the object; a line holds one row"}
		}
		return m, false, nil
	}
	if !first {
		if s.i == len(s.b) || s.b[s.i] != ',' {
			return m, false, s.unexpected(s.i, "a comma or } after a member")
		}
		s.i++
		s.space()
	}
	if s.i == len(s.b) || s.b[s.i] != '"' {
		return m, false, s.unexpected(s.i, "a name in quotes")
	}
	m.key = s.i
	if m.keyEnd, m.keyEscaped, err = s.str(s.i); err != nil {
		return m, false, err
	}
	s.i = m.keyEnd
	s.space()
	if s.i == len(s.b) || s.b[s.i] != ':' {
		return m, false, s.unexpected(s.i, "a colon after the name")
	}
	s.i++
	s.space()
	m.val = s.i
	if s.i == len(s.b) {
		return m, false, s.unexpected(s.i, "a value")
	}
	switch c := s.b[s.i]; {
	case c == '"':
		m.valEnd, m.escaped, err = s.str(s.i)
	case c == '{' || c == '[':
		m.typ = batch.JSON
		m.valEnd, err = s.value(s.i, 1)
	case c == 't' || c == 'f':
		m.typ = batch.Bool
		m.valEnd, err = s.value(s.i, 1)
	case c == '-' || '0' <= c && c <= '9':
		var integer bool
		m.typ = batch.Float
		if m.valEnd, integer, err = s.number(s.i); integer {
			m.typ = batch.Int
		}
	default:
		m.valEnd, err = s.value(s.i, 1)
	}
	s.i = m.valEnd
	return m, err == nil, err
}

func (s *objectScanner) space() { s.i = s.skipSpace(s.i) }

func (s *objectScanner) skipSpace(i int) int {
	for i < len(s.b) && (s.b[i] == ' ' || s.b[i] == '\t' || s.b[i] == '\r' || s.b[i] == '\n') {
		i++
	}
	return i
}

// value returns the end of the value that begins at i, nested in depth containers.
func (s *objectScanner) value(i, depth int) (int, *syntaxError) {
	if i == len(s.b) {
		return i, s.unexpected(i, "a value")
	}
	switch c := s.b[i]; c {
	case '"':
		end, _, err := s.str(i)
		return end, err
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	case '{', '[':
		if depth >= maxDepth {
			return i, &syntaxError{i, fmt.Sprintf("more than %d arrays and objects inside each other", maxDepth)}
		}
		return s.container(i, depth+1, c == '{')
	}
	end, _, err := s.number(i)
	return end, err
}

// container returns the end of the array or object that begins at i.
func (s *objectScanner) container(i, depth int, object bool) (int, *syntaxError) {
	closing := byte(']')
	if object {
		closing = '}'
	}
	i = s.skipSpace(i + 1)
	if i < len(s.b) && s.b[i] == closing {
		return i + 1, nil
	}
	for {
		var err *syntaxError
		if object {
			if i == len(s.b) || s.b[i] != '"' {
				return i, s.unexpected(i, "a name in quotes")
			}
			if i, _, err = s.str(i); err != nil {
				return i, err
			}
			if i = s.skipSpace(i); i == len(s.b) || s.b[i] != ':' {
				return i, s.unexpected(i, "a colon after the name")
			}
			i = s.skipSpace(i + 1)
		}
		if i, err = s.value(i, depth); err != nil {
			return i, err
		}
		i = s.skipSpace(i)
		if i < len(s.b) && s.b[i] == closing {
			return i + 1, nil
		}
		if i == len(s.b) || s.b[i] != ',' {
			return i, s.unexpected(i, "a comma or "+string(closing))
		}
		i = s.skipSpace(i + 1)
	}
}

// str returns the end of the string that begins at i, and whether it has escapes.
func (s *objectScanner) str(i int) (end int, escaped bool, err *syntaxError) {
	b := s.b
	for j := i + 1; j < len(b); j++ {
		switch c := b[j]; {
		case c > '\\' || c > '"' && c < '\\': // most bytes
		case c == '"':
			return j + 1, escaped, nil
		case c < 0x20:
			return j, false, &syntaxError{j, fmt.Sprintf("the control character %U stands in a string without an escape", c)}
		case c == '\\':
			escaped = true
			j++
			if j == len(b) {
				return j, false, s.unexpected(j, "an escape")
			}
			switch b[j] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					j++
					if j == len(b) || !isHex(b[j]) {
						return j, false, s.unexpected(j, "four hexadecimal digits after \\u")
					}
				}
			default:
				return j, false, s.unexpected(j, `an escape: one of "\/bfnrtu`)
			}
		}
	}
	return len(b), false, s.unexpected(len(b), "the closing quote of a string")
}

// number returns the end of the number that begins at i. integer says that it is written
// without fraction and exponent.
func (s *objectScanner) number(i int) (end int, integer bool, err *syntaxError) {
	b := s.b
	j := i
	if j < len(b) && b[j] == '-' {
		j++
	}
	digits := func() bool {
		from := j
		for j < len(b) && '0' <= b[j] && b[j] <= '9' {
			j++
		}
		return j > from
	}
	if j < len(b) && b[j] == '0' {
		j++
	} else if !digits() {
		return j, false, s.unexpected(i, "a value")
	}
	integer = true
	if j < len(b) && b[j] == '.' {
		integer = false
		j++
		if !digits() {
			return j, false, s.unexpected(j, "a digit after the decimal point")
		}
	}
	if j < len(b) && (b[j] == 'e' || b[j] == 'E') {
		integer = false
		j++
		if j < len(b) && (b[j] == '+' || b[j] == '-') {
			j++
		}
		if !digits() {
			return j, false, s.unexpected(j, "a digit in the exponent")
		}
	}
	return j, integer, nil
}

func (s *objectScanner) literal(i int, word string) (int, *syntaxError) {
	if end := i + len(word); end <= len(s.b) && string(s.b[i:end]) == word {
		return end, nil
	}
	return i, s.unexpected(i, "a value")
}

func (s *objectScanner) unexpected(i int, want string) *syntaxError {
	if i >= len(s.b) {
		return &syntaxError{len(s.b), "the line ends where " + want + " should stand"}
	}
	if foreign := s.foreign(i); foreign != "" {
		return &syntaxError{i, foreign}
	}
	r, _ := utf8.DecodeRune(s.b[i:])
	return &syntaxError{i, "not JSON: " + strconv.QuoteRune(r) + " where " + want + " should stand"}
}

// foreign says what stands at i if other languages write it where JSON does not have it.
// Otherwise it returns "".
func (s *objectScanner) foreign(i int) string {
	rest := s.b[i:]
	word := rest[:len(rest)-len(bytes.TrimLeft(rest, "+-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_."))]
	before := bytes.TrimRight(s.b[:i], " \t\r")
	switch strings.ToLower(strings.TrimLeft(string(word), "+-")) {
	case "nan", "infinity", "inf":
		return string(word) + ` is no JSON number; write null, or "` + string(word) + `" as a text (Python: json.dumps(..., allow_nan=False) finds them, and pandas' to_json writes null)`
	case "none", "true", "false":
		return string(word) + " is Python's, not JSON's; write the line with json.dumps rather than str or repr"
	case "undefined":
		return string(word) + " is JavaScript's, not JSON's; write null, or the line with JSON.stringify"
	case "null":
		return string(word) + " is not JSON's null, which is written in lower case"
	}
	switch c := rest[0]; {
	case c == '\'':
		return "single quotes are not JSON's; write the line with json.dumps (Python) or JSON.stringify (JavaScript)"
	case c == '#', bytes.HasPrefix(rest, []byte("//")), bytes.HasPrefix(rest, []byte("/*")):
		return "JSON has no comments; remove it"
	case (c == '}' || c == ']') && bytes.HasSuffix(before, []byte(",")):
		return "a comma stands before " + string(c) + ", where JSON has none; remove it"
	}
	return ""
}

// pass goes to the end of a value that is not JSON, so that the members after it can be
// read. It reports whether there is a place to go on. Only a word in place of a value
// lets what follows be trusted.
func (s *objectScanner) pass(m *member) bool {
	depth := 0
	for i := m.val; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			end, _, err := s.str(i)
			if err != nil {
				return false
			}
			i = end - 1
		case c == '{' || c == '[':
			depth++
		case (c == ',' || c == '}') && depth == 0:
			s.i = i
			return true
		case c == '}' || c == ']':
			depth--
		case c == '\'' || c == '#' || c == '/':
			return false
		}
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
