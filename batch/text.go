package batch

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// Text returns a value of a row as the text that a cell of a CSV output has; null is empty.
// So what a prompt shows of a row is what its output shows.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return string(v)
	case json.RawMessage:
		if string(v) == "null" {
			return ""
		}
		return string(v)
	}
	return string(AppendText(nil, v))
}

// AppendText is [Text] for all values but those of [Money], appended to dst. What is no
// value of a row appends nothing.
func AppendText(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(dst, v...)
	case json.Number:
		return append(dst, v...)
	case json.RawMessage:
		return append(dst, v...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return appendFloat(dst, v)
	case []byte:
		return base64.StdEncoding.AppendEncode(dst, v)
	}
	return dst
}

// appendFloat appends f in the shortest form. Only a very large or small number has an
// exponent, of two digits at least: 1e-07, where encoding/json writes 1e-7.
func appendFloat(dst []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case abs != 0 && (abs < 1e-6 || abs >= 1e21):
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// TextOfBytes is [Text], but takes bytes that are UTF-8 for text. It is for columns that
// must hold text, because old Parquet files do not say which of their bytes are text.
func TextOfBytes(v any) string {
	if b, ok := v.([]byte); ok && utf8.Valid(b) {
		return string(b)
	}
	return Text(v)
}
