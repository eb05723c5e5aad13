package reader

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch"
)

// A Union collects the columns of rows, or of several files, in order of appearance. An
// output in CSV or Parquet needs them before its first row.
//
// A column that has integers and floats becomes one of floats. A number that fits neither
// int64 nor float64 makes it one of strings, so that no digit is lost. Any other two
// types make it one of JSON. Nulls change nothing. A column of Parquet keeps its Native
// node if all rows have the same; that becomes optional if some rows lack the column.
//
// The zero value is an empty union. It is not safe for concurrent use.
type Union struct {
	columns []unionColumn
	index   map[string]int
	begun   bool

	last  []batch.Column // the slice that was added last
	watch []watched      // the columns of last whose values can still change a type
}

type unionColumn struct {
	batch.Column
	typed   bool // a value or a header has set the type
	missing bool // some rows lack the column
	huge    bool // some number fits neither int64 nor float64
	mixed   bool // the rows disagree about Native, which is therefore nil
}

// A watched column has the place from in the row and the place to in the union.
type watched struct{ from, to int }

// Add adds the columns of a row. It takes next to no time for a row that shares its
// Columns slice with the row before.
func (u *Union) Add(r *batch.Row) {
	if !u.begun || !sameSlice(r.Columns, u.last) {
		u.addColumns(r.Columns, r.Values, false)
	}
	for _, w := range u.watch {
		if w.from < len(r.Values) && r.Values[w.from] != nil {
			u.addValue(&u.columns[w.to], r.Columns[w.from], r.Values[w.from])
		}
	}
}

// addHeader adds columns whose types are known without a value.
func (u *Union) addHeader(columns []batch.Column) { u.addColumns(columns, nil, true) }

// Columns returns the columns collected so far.
func (u *Union) Columns() []batch.Column {
	columns := make([]batch.Column, len(u.columns))
	for i, c := range u.columns {
		if c.huge && (c.Type == batch.Int || c.Type == batch.Float) {
			c.Type = batch.String
		}
		if c.missing && c.Native != nil {
			c.Native = optionalNative(c.Native)
		}
		columns[i] = c.Column
	}
	return columns
}

func (u *Union) addColumns(columns []batch.Column, values []any, header bool) {
	if u.index == nil {
		u.index = make(map[string]int)
	}
	had := make([]bool, len(u.columns), len(u.columns)+len(columns))
	u.last, u.watch = columns, u.watch[:0]
	for i, c := range columns {
		at, ok := u.index[c.Name]
		if !ok {
			at = len(u.columns)
			u.index[c.Name] = at
			u.columns = append(u.columns, unionColumn{Column: batch.Column{Name: c.Name, Native: c.Native}, missing: u.begun})
			had = append(had, true)
		}
		had[at] = true
		to := &u.columns[at]
		if to.Native != nil && (c.Native == nil || !sameNative(to.Native, c.Native)) || to.Native == nil && c.Native != nil {
			to.mixed = true
		}
		if to.mixed {
			to.Native = nil
		}
		if header || c.Native != nil {
			to.meet(c.Type)
		} else {
			u.watch = append(u.watch, watched{i, at})
		}
	}
	for at := range had {
		if !had[at] {
			u.columns[at].missing = true
		}
	}
	u.begun = true
	if values == nil {
		return
	}
	// Of later rows with the same columns two kinds of values matter: numbers, and those
	// of a column that has had none so far.
	kept := u.watch[:0]
	for _, w := range u.watch {
		c := columns[w.from]
		null := w.from >= len(values) || values[w.from] == nil
		if !null {
			u.addValue(&u.columns[w.to], c, values[w.from])
		}
		if null || c.Type == batch.Int || c.Type == batch.Float {
			kept = append(kept, w)
		}
	}
	u.watch = kept
}

func (u *Union) addValue(to *unionColumn, c batch.Column, value any) {
	to.meet(c.Type)
	if n, ok := value.(json.Number); ok && isHuge(string(n)) {
		to.huge = true
	}
}

// meet widens the column's type so that it can also hold values of type t.
func (c *unionColumn) meet(t batch.Type) {
	number := func(t batch.Type) bool { return t == batch.Int || t == batch.Float }
	switch {
	case !c.typed:
		c.Type, c.typed = t, true
	case c.Type == t:
	case number(c.Type) && number(t):
		c.Type = batch.Float
	default:
		c.Type = batch.JSON
	}
}

// isHuge reports whether a JSON number is an integer beyond int64 or a float
// beyond float64.
func isHuge(n string) bool {
	if strings.ContainsAny(n, ".eE") {
		if len(n) < 300 && !strings.ContainsAny(n, "eE") {
			return false
		}
		_, err := strconv.ParseFloat(n, 64)
		return err != nil
	}
	if len(n) < 19 {
		return false
	}
	_, err := strconv.ParseInt(n, 10, 64)
	return err != nil
}

// sameSlice reports whether a and b are the same slice and not merely equal.
func sameSlice(a, b []batch.Column) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// sameColumns reports whether a and b have the same names and types.
func sameColumns(a, b []batch.Column) bool {
	return slices.EqualFunc(a, b, func(a, b batch.Column) bool {
		return a.Name == b.Name && a.Type == b.Type && (a.Native == nil) == (b.Native == nil) &&
			(a.Native == nil || sameNative(a.Native, b.Native))
	})
}
