package parquettest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// A record is a table in memory.
type record struct{ arrow.RecordBatch }

// scalars are the types of scalars. Between them they have all physical types but INT96.
var scalars = []arrow.DataType{
	arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
	arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
	arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, &arrow.FixedSizeBinaryType{ByteWidth: 5},
	&arrow.Decimal128Type{Precision: 25, Scale: 3}, arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us,
	&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, &arrow.TimestampType{Unit: arrow.Nanosecond},
}

// patterns are what values of a column look like. Random ones cannot be compressed, and
// the others can in several ways.
var patterns = []string{"random", "constant", "runs", "alternating", "rising", "null"}

// newTable returns a table with a column for each type that is taken, in each nesting,
// nullability and pattern in turn.
func newTable(seed int64, rows int, coding string, takes func(arrow.Type) bool) *record {
	r := rand.New(rand.NewSource(seed))
	var fields []arrow.Field
	var columns []arrow.Array
	turn := int(seed)
	for _, scalar := range scalars {
		if !takes(scalar.ID()) {
			continue
		}
		item := arrow.Field{Name: "item", Type: scalar, Nullable: true}
		for _, t := range []struct {
			name string
			arrow.DataType
			nullable bool
		}{
			{"required", scalar, false},
			{"optional", scalar, true},
			{"list", arrow.ListOfField(item), true},
			{"required list", arrow.ListOfNonNullable(scalar), false},
			{"struct", arrow.StructOf(arrow.Field{Name: "a", Type: scalar}, arrow.Field{Name: "b", Type: scalar, Nullable: true}), true},
			{"map", arrow.MapOf(arrow.BinaryTypes.String, scalar), true},
			{"list of structs of lists", arrow.ListOf(arrow.StructOf(arrow.Field{Name: "l", Type: arrow.ListOfField(item), Nullable: true})), true},
		} {
			turn++
			v := values{r: r, pattern: patterns[turn%len(patterns)]}
			// Keys must be texts that are encoded as such.
			if t.ID() == arrow.MAP && !takes(arrow.STRING) {
				continue
			}
			// Apache's writer puts other booleans there, as its own reader agrees.
			if coding == "RLE" && t.name == "list of structs of lists" {
				continue
			}
			b := array.NewBuilder(memory.DefaultAllocator, t.DataType)
			for range rows {
				v.append(b, t.nullable)
				v.n++
			}
			fields = append(fields, arrow.Field{Name: fmt.Sprintf("%s %s %s %d", t.name, scalar.Name(), v.pattern, len(fields)), Type: t.DataType, Nullable: t.nullable})
			columns = append(columns, b.NewArray())
		}
	}
	return &record{array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(rows))}
}

// values makes the values of a column.
type values struct {
	r       *rand.Rand
	pattern string
	n       int // the row
}

// bits returns random bits as the pattern wants them for the row.
func (v *values) bits() uint64 {
	switch v.pattern {
	case "constant":
		return 0x4242424242424242
	case "runs":
		return rand.New(rand.NewSource(int64(v.n / 37))).Uint64()
	case "alternating":
		return [2]uint64{0, math.MaxUint64}[v.n%2]
	case "rising":
		return uint64(v.n) * 1001
	}
	return v.r.Uint64()
}

// append appends a value of the builder's type, or now and then null.
func (v *values) append(b array.Builder, nullable bool) {
	if nullable && (v.pattern == "null" || v.r.Intn(5) == 0) {
		b.AppendNull()
		return
	}
	x := v.bits()
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(x&1 == 1)
	case *array.Int8Builder:
		b.Append(int8(x))
	case *array.Int32Builder:
		b.Append(int32(x))
	case *array.Int64Builder:
		b.Append(int64(x))
	case *array.Uint32Builder:
		b.Append(uint32(x))
	case *array.Uint64Builder:
		b.Append(x)
	case *array.Float32Builder:
		b.Append(math.Float32frombits(uint32(x)))
	case *array.Float64Builder:
		b.Append(math.Float64frombits(x))
	case *array.StringBuilder:
		b.Append(v.text(x))
	case *array.BinaryBuilder:
		b.Append([]byte(v.text(x) + string([]byte{byte(x), 0xFF})))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte{byte(x), byte(x >> 8), byte(x >> 16), byte(x >> 24), 7})
	case *array.Decimal128Builder:
		b.Append(decimal128.New(int64(x)>>40, x))
	case *array.Date32Builder:
		b.Append(arrow.Date32(int32(x) % 100_000))
	case *array.Time32Builder:
		b.Append(arrow.Time32(x % 86_400_000))
	case *array.Time64Builder:
		b.Append(arrow.Time64(x % 86_400_000_000))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(int64(x) % 1e17))
	case *array.ListBuilder:
		b.Append(true)
		items := b.Type().(*arrow.ListType).ElemField()
		for range v.length() {
			v.append(b.ValueBuilder(), items.Nullable)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i, f := range b.Type().(*arrow.StructType).Fields() {
			v.append(b.FieldBuilder(i), f.Nullable)
		}
	case *array.MapBuilder:
		b.Append(true)
		for i := range v.length() {
			b.KeyBuilder().(*array.StringBuilder).Append(fmt.Sprint("k", i))
			v.append(b.ItemBuilder(), true)
		}
	default:
		panic(fmt.Sprintf("%T", b))
	}
}

// text returns a text of up to 60 bytes, or rarely of many more than a page is meant to have.
func (v *values) text(x uint64) string {
	s := fmt.Sprintf("ä %x", x)
	if v.pattern == "random" {
		var b strings.Builder
		for range x % 60 {
			b.WriteRune(rune(33 + v.r.Intn(500)))
		}
		s = b.String()
		if x%97 == 0 {
			s = strings.Repeat(s, 100)
		}
	}
	return s
}

// length returns how many items a list has.
func (v *values) length() int { return v.r.Intn(4) * (1 + 60*(v.n%50/49)) }

// cell returns a value of an array as text: as the JSON of it, written without our code.
func cell(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "null"
	}
	instant := func(n int64, u arrow.TimeUnit) time.Time {
		per := int64(time.Second / u.Multiplier())
		return time.Unix(n/per, n%per*int64(u.Multiplier())).UTC()
	}
	switch a := a.(type) {
	case *array.Boolean:
		return strconv.FormatBool(a.Value(i))
	case *array.Int8:
		return fmt.Sprint(a.Value(i))
	case *array.Int32:
		return fmt.Sprint(a.Value(i))
	case *array.Int64:
		return fmt.Sprint(a.Value(i))
	case *array.Uint32:
		return fmt.Sprint(a.Value(i))
	case *array.Uint64:
		return fmt.Sprint(a.Value(i))
	case *array.Float32:
		return float(float64(a.Value(i)), 32)
	case *array.Float64:
		return float(a.Value(i), 64)
	case *array.String:
		return quoted(a.Value(i))
	case *array.Binary:
		return quoted(base64.StdEncoding.EncodeToString(a.Value(i)))
	case *array.FixedSizeBinary:
		return quoted(base64.StdEncoding.EncodeToString(a.Value(i)))
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return new(big.Rat).SetFrac(a.Value(i).BigInt(), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(int(scale))
	case *array.Date32:
		return quoted(a.Value(i).ToTime().Format(time.DateOnly))
	case *array.Time32:
		return quoted(instant(int64(a.Value(i)), arrow.Millisecond).Format("15:04:05.999999999"))
	case *array.Time64:
		return quoted(instant(int64(a.Value(i)), arrow.Microsecond).Format("15:04:05.999999999"))
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		layout := "2006-01-02T15:04:05.999999999"
		if t.TimeZone != "" {
			layout += "Z07:00"
		}
		return quoted(instant(int64(a.Value(i)), t.Unit).Format(layout))
	case *array.Map:
		var b strings.Builder
		from, to := a.ValueOffsets(i)
		for j := int(from); j < int(to); j++ {
			fmt.Fprintf(&b, ",%s:%s", cell(a.Keys(), j), cell(a.Items(), j))
		}
		return "{" + strings.TrimPrefix(b.String(), ",") + "}"
	case *array.List:
		var b strings.Builder
		from, to := a.ValueOffsets(i)
		for j := int(from); j < int(to); j++ {
			b.WriteString("," + cell(a.ListValues(), j))
		}
		return "[" + strings.TrimPrefix(b.String(), ",") + "]"
	case *array.Struct:
		var b strings.Builder
		for f, field := range a.DataType().(*arrow.StructType).Fields() {
			fmt.Fprintf(&b, ",%s:%s", quoted(field.Name), cell(a.Field(f), i))
		}
		return "{" + strings.TrimPrefix(b.String(), ",") + "}"
	}
	panic(fmt.Sprintf("%T", a))
}

// ours returns a value of our reader as text, in the same form.
func ours(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return float(v, 64)
	case json.Number:
		return plainNumber(string(v))
	case string:
		return quoted(v)
	case []byte:
		return quoted(base64.StdEncoding.EncodeToString(v))
	case json.RawMessage:
		return plainNumbers(v)
	}
	panic(fmt.Sprintf("%T", v))
}

// plainNumbers returns JSON with its numbers as float writes them.
func plainNumbers(b []byte) string {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var out strings.Builder
	var walk func()
	walk = func() {
		token, err := d.Token()
		if err != nil {
			panic(err)
		}
		switch token := token.(type) {
		case json.Delim:
			out.WriteRune(rune(token))
			for i := 0; d.More(); i++ {
				if i > 0 {
					out.WriteByte(',')
				}
				if token == '{' {
					walk()
					out.WriteByte(':')
				}
				walk()
			}
			end, _ := d.Token()
			out.WriteRune(rune(end.(json.Delim)))
		case json.Number:
			out.WriteString(plainNumber(string(token)))
		case string:
			out.WriteString(quoted(token))
		case bool:
			out.WriteString(strconv.FormatBool(token))
		case nil:
			out.WriteString("null")
		}
	}
	walk()
	return out.String()
}

// plainNumber returns a number without an exponent.
func plainNumber(n string) string {
	mantissa, exponent, ok := strings.Cut(n, "e")
	if !ok {
		return n
	}
	shift, err := strconv.Atoi(exponent)
	if err != nil {
		panic(n)
	}
	sign := ""
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	switch point := len(whole) + shift; {
	case point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		return sign + digits + strings.Repeat("0", point-len(digits))
	default:
		return sign + digits[:point] + "." + digits[point:]
	}
}

func float(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return `"NaN"`
	case math.IsInf(f, 1):
		return `"Infinity"`
	case math.IsInf(f, -1):
		return `"-Infinity"`
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

func quoted(s string) string { return strconv.Quote(s) }

// read reads a file as Apache's implementation does.
func read(path string) (arrow.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return pqarrow.ReadTable(context.Background(), f, parquet.NewReaderProperties(nil), pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
}
