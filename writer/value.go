package writer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/plainjson"
)

// This file writes values as text, for CSV and JSON.

// appendText appends v, a value of a column of type t, as the text of a cell. It appends
// nothing for null.
func appendText(dst []byte, t batch.Type, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil, string, json.Number, json.RawMessage, bool, float64, []byte:
		return batch.AppendText(dst, v), nil
	case int64:
		if t == batch.Money {
			return appendMoney(dst, v), nil
		}
		return batch.AppendText(dst, v), nil
	}
	return dst, fmt.Errorf("a %T is no value of a column", v)
}

// appendJSON appends v, a value of a column of type t, as JSON on one line.
func appendJSON(dst []byte, t batch.Type, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return appendQuoted(dst, v), nil
	case json.RawMessage:
		// The input may have had line ends inside of the value.
		if bytes.IndexByte(v, '\n') >= 0 || bytes.IndexByte(v, '\r') >= 0 {
			var b bytes.Buffer
			if err := json.Compact(&b, v); err != nil {
				return dst, err
			}
			return append(dst, b.Bytes()...), nil
		}
		return append(dst, v...), nil
	case float64:
		// JSON has no form for these. ProtoJSON writes them as the same strings.
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return appendQuoted(dst, batch.Text(v)), nil
		}
	case []byte:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v)
		return append(dst, '"'), nil
	}
	return appendText(dst, t, v)
}

// appendMoney appends pico-dollars as dollars. The number is exact, and has neither an
// exponent nor zeros at its end.
func appendMoney(dst []byte, pico int64) []byte {
	u := uint64(pico)
	if pico < 0 {
		dst = append(dst, '-')
		u = -u
	}
	dst = strconv.AppendUint(dst, u/1e12, 10)
	if u %= 1e12; u == 0 {
		return dst
	}
	point := len(dst)
	dst = strconv.AppendUint(dst, 1e12+u, 10) // the 1 keeps the zeros that lead the fraction
	dst[point] = '.'
	return bytes.TrimRight(dst, "0")
}

// appendQuoted appends s as a JSON string. The characters of HTML stay as they are, and
// bytes that are not UTF-8 become U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += n
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			i += plainjson.Run(s[i:])
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
