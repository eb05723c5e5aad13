package reader

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/genbatch/genbatch/internal/plainjson"
)

// This file says what the scalars of Parquet look like in a row, and in its JSON.

// appendScalar appends v, whose type is one of those of batch.Row's values, as JSON.
func appendScalar(dst []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case json.Number:
		return append(dst, v...)
	case json.RawMessage:
		return append(dst, v...)
	case float64:
		return appendFloat(dst, v, 64)
	case []byte:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v)
		return append(dst, '"')
	case string:
		return appendQuoted(dst, v)
	}
	return append(dst, "null"...)
}

// appendFloat appends f, a float of 32 or 64 bits, in the form of encoding/json: with no
// more digits than it needs. JSON has no form for NaN and the infinities; they become
// the strings of ProtoJSON, which lose nothing.
func appendFloat(dst []byte, f float64, bits int) []byte {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	case abs == 0, bits == 64 && 1e-6 <= abs && abs < 1e21, bits == 32 && 1e-6 <= float32(abs) && float32(abs) < 1e21:
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	if n := len(dst); dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // 1e-09 is 1e-9
		dst = dst[:n-1]
	}
	return dst
}

// appendQuoted appends s as a JSON string, as encoding/json's Encoder does with its
// escapes of HTML turned off. The writer's own function writes \b, \f, U+2028, U+2029 and
// bytes that are not UTF-8 in another way.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			i += plainjson.Run(s[i:])
			continue
		}
		size, escape := 1, ""
		switch c {
		case '"', '\\':
			escape = `\` + s[i:i+1]
		case '\b':
			escape = `\b`
		case '\f':
			escape = `\f`
		case '\n':
			escape = `\n`
		case '\r':
			escape = `\r`
		case '\t':
			escape = `\t`
		default:
			if c < 0x20 {
				escape = `\u00` + hex[c>>4:c>>4+1] + hex[c&0xF:c&0xF+1]
				break
			}
			var r rune
			switch r, size = utf8.DecodeRuneInString(s[i:]); {
			case r == utf8.RuneError && size == 1:
				escape = `\ufffd`
			case r == '\u2028':
				escape = `\u2028` // ends a line in JavaScript
			case r == '\u2029':
				escape = `\u2029`
			default:
				i += size
				continue
			}
		}
		dst = append(append(dst, s[from:i]...), escape...)
		i += size
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

// rawJSON returns text itself if it is JSON, else a JSON string that holds it.
func rawJSON(text []byte) json.RawMessage {
	if json.Valid(text) {
		return json.RawMessage(text)
	}
	return appendScalar(nil, string(text))
}

// float32Value returns f as a number with no more digits than it needs. The nearest
// float64 would have more.
func float32Value(f float32) any {
	if x := float64(f); math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	var room [32]byte
	return json.Number(appendFloat(room[:0], float64(f), 32))
}

// float16 decodes an IEEE 754 half-precision number, little endian.
func float16(b []byte) float64 {
	bits := binary.LittleEndian.Uint16(b)
	exponent, fraction := int(bits>>10&0x1F), float64(bits&0x3FF)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 0x1F:
		f = math.Inf(1)
		if fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+fraction, exponent-25)
	}
	if bits>>15 != 0 {
		f = -f
	}
	return f
}

// uintValue returns n as an int64, or as a json.Number if it is too large for one.
func uintValue(n uint64) any {
	if n <= math.MaxInt64 {
		return int64(n)
	}
	return json.Number(strconv.FormatUint(n, 10))
}

// decimalText puts the decimal point into an integer, in front of its last scale digits.
func decimalText(digits string, scale int) json.Number {
	if scale == 0 {
		return json.Number(digits)
	}
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - scale
	return json.Number(sign + digits[:point] + "." + digits[point:])
}

// bigEndian decodes an integer in two's complement.
func bigEndian(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

func uuidText(b []byte) string {
	h := hex.EncodeToString(b)
	if len(h) != 32 {
		return h
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// intervalText returns an interval by ISO 8601, such as P1M3DT0.5S. In Parquet it is months,
// days and milliseconds, of which each counts by itself.
func intervalText(b []byte) string {
	if len(b) != 12 {
		return hex.EncodeToString(b)
	}
	months, days, millis := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
	text := "P"
	if months > 0 {
		text += fmt.Sprintf("%dM", months)
	}
	if days > 0 {
		text += fmt.Sprintf("%dD", days)
	}
	if millis > 0 || text == "P" {
		text += "T" + strconv.FormatFloat(float64(millis)/1000, 'f', -1, 64) + "S"
	}
	return text
}

// dateText returns the date that is the given number of days after 1970-01-01.
func dateText(days int32) string {
	return time.Unix(int64(days)*86400, 0).UTC().Format(time.DateOnly)
}

// timeUnit returns the unit that Parquet calls by this name.
func timeUnit(name string) (time.Duration, error) {
	switch name {
	case "MILLIS":
		return time.Millisecond, nil
	case "MICROS":
		return time.Microsecond, nil
	case "NANOS":
		return time.Nanosecond, nil
	}
	return 0, fmt.Errorf("the unit of time %q is not known", name)
}

// timeText returns the time of day that is n units after midnight.
func timeText(n int64, unit time.Duration) string {
	return instant(n, unit).Format("15:04:05.999999999")
}

// timestampText returns the time n units after 1970 by RFC 3339. A local time, which
// is meant by the clock of whoever reads it, has no zone.
func timestampText(n int64, unit time.Duration, utc bool) string {
	if utc {
		return instant(n, unit).Format(time.RFC3339Nano)
	}
	return instant(n, unit).Format("2006-01-02T15:04:05.999999999")
}

// instant returns the time n units after 1970. It computes in seconds, because a
// time.Duration does not hold the units of all years.
func instant(n int64, unit time.Duration) time.Time {
	perSecond := int64(time.Second / unit)
	return time.Unix(n/perSecond, n%perSecond*int64(unit)).UTC()
}

// int96Text returns a timestamp in the form of old files: a Julian day, and the
// nanoseconds of that day.
func int96Text(day uint32, nanos uint64) string {
	const epoch = 2440588 // the Julian day of 1970-01-01
	return time.Unix((int64(day)-epoch)*86400, int64(nanos)).UTC().Format(time.RFC3339Nano)
}
