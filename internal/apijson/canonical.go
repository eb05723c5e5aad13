package apijson

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendCanonical appends the canonical form of a generateContent body to dst and
// returns it: object members in the order of RFC 8785, numbers as written, the API's
// own field names in camelCase, and inline media by the SHA-256 of its bytes. What
// stands where names and values are the user's (function arguments, JSON Schemas,
// labels) stays as it is.
//
// It returns an error when body is not one JSON object, or when an object gives a
// field twice: the API would take one of the two, and which is not said. It is safe
// for concurrent use.
func AppendCanonical(dst, body []byte) ([]byte, error) {
	c := canonicalizers.Get().(*canonicalizer)
	defer canonicalizers.Put(c)
	c.out = dst
	err := c.canonical(body)
	dst, c.in, c.out = c.out, nil, nil
	return dst, err
}

// canonical appends the canonical form of a body.
func (c *canonicalizer) canonical(body []byte) error {
	if t := bytes.TrimLeft(body, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return errors.New("a request body is a JSON object")
	}
	c.in, c.at, c.depth, c.members = body, 0, 0, c.members[:0]
	err := c.value(apiFields, false)
	if err == nil && c.next() != end {
		err = errSyntax
	}
	if err == errSyntax {
		var v any
		return fmt.Errorf("the request body is not valid JSON: %w", cmp.Or(json.Unmarshal(body, &v), err))
	}
	return err
}

// scope says whose the member names of an object are.
type scope uint8

const (
	apiFields scope = iota // the API's
	userNames              // the user's, with API objects as values: a schema's properties
	userData               // the user's, all the way down
)

// userScopes lists the API fields below which names are not the API's.
var userScopes = map[string]scope{
	"args":                 userData,
	"response":             userData,
	"responseJsonSchema":   userData,
	"_responseJsonSchema":  userData,
	"parametersJsonSchema": userData,
	"labels":               userData,
	"partMetadata":         userData,
	"default":              userData,
	"example":              userData,
	"enum":                 userData,
	"properties":           userNames,
	"defs":                 userNames,
}

// A canonicalizer writes the canonical form of in to out. It checks that in is
// JSON on its way: encoding/json's Valid would take as long as all the rest, for
// each row of each run.
type canonicalizer struct {
	in      []byte
	at      int
	depth   int
	out     []byte
	members []member // of the objects that are open, innermost last
}

// errSyntax says that the body is not JSON; encoding/json says why.
var errSyntax = errors.New("it is not JSON")

const (
	maxDepth = 10000 // of arrays and objects, as in encoding/json
	end      = 0     // what next returns at the end
)

// canonicalizers saves the buffers: there is a fingerprint for each row.
var canonicalizers = sync.Pool{New: func() any { return new(canonicalizer) }}

// A member is one of an object's, as it stands in out: "name":value. out may move,
// so it is known by offsets.
type member struct{ start, nameEnd, end int }

// name returns a member's name, without quotes.
func (c *canonicalizer) name(m member) []byte { return c.out[m.start+1 : m.nameEnd-1] }

// next returns the next byte that is no white space, without taking it.
func (c *canonicalizer) next() byte {
	for ; c.at < len(c.in); c.at++ {
		switch b := c.in[c.at]; b {
		case ' ', '\t', '\r', '\n':
		case 0:
			return 1 // a NUL is no JSON, and is not the end
		default:
			return b
		}
	}
	return end
}

// value appends the next value in canonical form; media says that it is the data of
// inline media, which is replaced by its hash.
func (c *canonicalizer) value(s scope, media bool) (err error) {
	switch b := c.next(); b {
	case '{':
		return c.object(s, false)
	case '[':
		return c.array(s)
	case '"':
		start := len(c.out)
		c.out, err = c.text(c.out)
		if media && err == nil {
			c.out = appendMedia(c.out[:start], c.out[start:])
		}
		return err
	}
	// A number or a word, as written.
	start := c.at
	if n := bytes.IndexAny(c.in[start:], " \t\r\n,]}"); n >= 0 {
		c.at += n
	} else {
		c.at = len(c.in)
	}
	word := c.in[start:c.at]
	if !json.Valid(word) {
		return errSyntax
	}
	c.out = append(c.out, word...)
	return nil
}

// text takes a string and appends it to dst in canonical form.
func (c *canonicalizer) text(dst []byte) ([]byte, error) {
	start := c.at
	canonical, ascii := true, true
	for c.at++; ; c.at++ {
		if c.at == len(c.in) {
			return dst, errSyntax
		}
		b := c.in[c.at]
		if b == '"' {
			break
		}
		switch {
		case b == '\\':
			c.at++
			if c.at == len(c.in) {
				return dst, errSyntax
			}
			if strings.IndexByte(`"\bfnrt`, c.in[c.at]) < 0 {
				canonical = false // there is a shorter form
			}
		case b < 0x20:
			return dst, errSyntax
		case b >= 0x80:
			ascii = false
		}
	}
	c.at++
	quoted := c.in[start:c.at]
	if canonical && (ascii || utf8.Valid(quoted)) {
		return append(dst, quoted...), nil
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return dst, errSyntax
	}
	return AppendString(dst, s), nil
}

// open goes into an array or object.
func (c *canonicalizer) open() error {
	c.at++
	c.depth++
	if c.depth > maxDepth {
		return errSyntax
	}
	return nil
}

// close goes out of an array or object.
func (c *canonicalizer) close() {
	c.at++
	c.depth--
}

// more goes to the next item of an array or object that ends with last, and
// reports whether there is one.
func (c *canonicalizer) more(first bool, last byte) (bool, error) {
	switch b := c.next(); {
	case b == last:
		return false, nil
	case first:
		return true, nil
	case b != ',':
		return false, errSyntax
	}
	c.at++
	c.out = append(c.out, ',')
	return true, nil
}

// array appends an array in canonical form.
func (c *canonicalizer) array(s scope) error {
	if err := c.open(); err != nil {
		return err
	}
	c.out = append(c.out, '[')
	for first := true; ; first = false {
		if more, err := c.more(first, ']'); err != nil {
			return err
		} else if !more {
			break
		}
		if err := c.value(s, false); err != nil {
			return err
		}
	}
	c.close()
	c.out = append(c.out, ']')
	return nil
}

// object appends an object in canonical form; inlineData says that it is inline media.
func (c *canonicalizer) object(s scope, inlineData bool) error {
	if err := c.open(); err != nil {
		return err
	}
	base, start, sorted := len(c.members), len(c.out), true
	c.out = append(c.out, '{')
	for first := true; ; first = false {
		more, err := c.more(first, '}')
		if err == nil && more && c.next() != '"' {
			err = errSyntax
		}
		if err != nil {
			return err
		}
		if !more {
			break
		}
		m := member{start: len(c.out)}
		if c.out, err = c.text(c.out); err != nil {
			return err
		}
		m.nameEnd = len(c.out)
		inner := s
		switch s {
		case apiFields:
			if camel, ok := snakeFields[string(c.name(m))]; ok {
				c.out = AppendString(c.out[:m.start], camel)
				m.nameEnd = len(c.out)
			}
			inner = userScopes[string(c.name(m))]
		case userNames:
			inner = apiFields
		}
		isData := inlineData && string(c.name(m)) == "data"
		isInline := s == apiFields && string(c.name(m)) == "inlineData"
		if n := len(c.members); n > base && compareNames(c.name(c.members[n-1]), c.name(m)) >= 0 {
			sorted = false
		}
		if c.next() != ':' {
			return errSyntax
		}
		c.at++
		c.out = append(c.out, ':')
		if c.next() == '{' {
			err = c.object(inner, isInline)
		} else {
			err = c.value(inner, isData)
		}
		if err != nil {
			return err
		}
		m.end = len(c.out)
		c.members = append(c.members, m)
	}
	c.close()
	c.out = append(c.out, '}')
	members := c.members[base:]
	c.members = c.members[:base]
	if sorted {
		return nil
	}
	slices.SortFunc(members, func(a, b member) int { return compareNames(c.name(a), c.name(b)) })
	object := make([]byte, 0, len(c.out)-start)
	for i, m := range members {
		if i > 0 && bytes.Equal(c.name(m), c.name(members[i-1])) {
			return fmt.Errorf("the request gives the field %q twice", c.name(m))
		}
		object = append(append(object, ','), c.out[m.start:m.end]...)
	}
	c.out = append(append(c.out[:start+1], object[1:]...), '}')
	return nil
}

// compareNames orders names as RFC 8785 section 3.2.3 does, by UTF-16 code units.
// The names are in canonical form, in which escapes stand for less than U+0020,
// the quote and the backslash alone: that keeps the order a total one.
func compareNames(a, b []byte) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] >= 0x80 || b[i] >= 0x80 {
			return slices.Compare(utf16.Encode([]rune(string(a))), utf16.Encode([]rune(string(b))))
		}
		if a[i] != b[i] {
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// appendMedia replaces the base64 text of inline media, quoted as it stands in
// the body, by the hash of its bytes: the API takes both alphabets of base64, with
// and without padding. Text that is not base64 stays as it is.
func appendMedia(dst, quoted []byte) []byte {
	text := strings.Trim(string(quoted), `"`)
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	media, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return append(dst, quoted...)
	}
	sum := sha256.Sum256(media)
	return fmt.Appendf(dst, `{"sha256":"%x"}`, sum)
}
