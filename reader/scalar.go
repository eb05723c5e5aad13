package reader

import (
	"bytes"
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
)

// What the scalars of Parquet look like in a row.

// appendScalar appends v, one of the types of batch.Row's values, as JSON.
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
		// JSON has no word for these three; ProtoJSON's strings lose nothing.
		switch {
		case math.IsNaN(v):
			return append(dst, `"NaN"`...)
		case math.IsInf(v, 1):
			return append(dst, `"Infinity"`...)
		case math.IsInf(v, -1):
			return append(dst, `"-Infinity"`...)
		}
		number, _ := json.Marshal(v)
		return append(dst, number...)
	case []byte:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v)
		return append(dst, '"')
	case string:
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.Encode(v) // a string and a bytes.Buffer cannot fail
		return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
	}
	return append(dst, "null"...)
}

// rawJSON returns text as JSON: itself, or a string where it is none.
func rawJSON(text []byte) json.RawMessage {
	if json.Valid(text) {
		return json.RawMessage(text)
	}
	return appendScalar(nil, string(text))
}

// float32Value returns f with no more digits than it needs, which the nearest
// float64 would have.
func float32Value(f float32) any {
	if x := float64(f); math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	number, _ := json.Marshal(f)
	return json.Number(number)
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

func uintValue(n uint64) any {
	if n <= math.MaxInt64 {
		return int64(n)
	}
	return json.Number(strconv.FormatUint(n, 10))
}

// decimalText puts the decimal point into an integer, scale digits from its end.
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

// dateText returns the day so many days after 1970-01-01.
func dateText(days int32) string {
	return time.Unix(int64(days)*86400, 0).UTC().Format(time.DateOnly)
}

// timeUnit returns the unit of Parquet's name for it.
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

// timeText returns the time of day so many units after midnight.
func timeText(n int64, unit time.Duration) string {
	return instant(n, unit).Format("15:04:05.999999999")
}

// timestampText returns RFC 3339; a local time, which is the same on every clock,
// has no zone.
func timestampText(n int64, unit time.Duration, utc bool) string {
	if utc {
		return instant(n, unit).Format(time.RFC3339Nano)
	}
	return instant(n, unit).Format("2006-01-02T15:04:05.999999999")
}

// instant returns the time so many units after 1970. It goes by way of seconds,
// since the units of all years do not fit a time.Duration.
func instant(n int64, unit time.Duration) time.Time {
	perSecond := int64(time.Second / unit)
	return time.Unix(n/perSecond, n%perSecond*int64(unit)).UTC()
}

// int96Text returns the timestamp that old files write as a Julian day and the
// nanoseconds in it.
func int96Text(day uint32, nanos uint64) string {
	const epoch = 2440588 // the Julian day of 1970-01-01
	return time.Unix((int64(day)-epoch)*86400, int64(nanos)).UTC().Format(time.RFC3339Nano)
}
