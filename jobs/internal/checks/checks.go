// Package checks evaluates the conditions that a user sets for answers. They are expressions
// in the language of github.com/expr-lang/expr over the row and its answer.
//
// An output is a pure function of input, job and journal, and it is derived again at any
// time. So an expression sees nothing but its [Facts]: no clock, no time zone, and nothing
// whose order is drawn by lot. What it may take is bounded; see meter.go.
package checks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Set is the checks of a job. It is safe for concurrent use. A nil Set has no checks.
type Set struct {
	list  []compiled
	shape *schema.Shape // of the answers
}

// A compiled is a check that is ready to be evaluated.
type compiled struct {
	spec.Check
	program *vm.Program
	row     columns // those that it looks at
}

// Facts are what checks look at.
type Facts struct {
	Row          *batch.Row // nil where it is not at hand
	Answer       any        // of the shape that the checks were compiled for; numbers may be json.Number
	Response     string     // the text of the answer
	FinishReason string
}

// bytes is about how much text there is.
func (f *Facts) bytes() int {
	n := len(f.Response)
	if f.Row != nil {
		for _, v := range f.Row.Values {
			switch v := v.(type) {
			case string:
				n += len(v)
			case json.RawMessage:
				n += len(v)
			}
		}
	}
	return n
}

// A Verdict says which checks an answer fails. The zero value is that of a good answer.
type Verdict struct {
	Failed []string // the names of the failed checks, also of those that only flag
	Err    error    // why the answer does not count, in words for the model; nil if it does
}

// Compile reads the checks of a job. They see the columns of the input, and answers of the
// shape. Without columns, nothing is known of them. The errors are of type [spec.Error].
func Compile(list spec.Checks, columns []batch.Column, shape *schema.Shape) (*Set, error) {
	if len(list) == 0 {
		return nil, nil
	}
	known := newNames(columns, shape)
	s := &Set{shape: shape}
	for _, c := range list {
		v := &visitor{}
		program, err := expr.Compile(c.Expr, append(options(known), expr.Patch(v))...)
		if err == nil {
			err = v.fault
		}
		if err != nil {
			return nil, known.refuse(&c, err)
		}
		s.list = append(s.list, compiled{c, program, v.row})
	}
	return s, nil
}

// UsesRow reports whether a check looks at the row.
func (s *Set) UsesRow() bool {
	return s != nil && slices.ContainsFunc(s.list, func(c compiled) bool { return c.row.used() })
}

// Trim returns the row with the columns alone that checks look at, so that it can be kept at
// little cost.
func (s *Set) Trim(row *batch.Row) *batch.Row {
	own := &batch.Row{Number: row.Number}
	for i, c := range row.Columns {
		if i < len(row.Values) && slices.ContainsFunc(s.list, func(check compiled) bool { return check.row.has(c.Name) }) {
			own.Columns, own.Values = append(own.Columns, c), append(own.Values, row.Values[i])
		}
	}
	return own
}

// Judge evaluates the checks. Those that look at a row which is not at hand are left out.
// A check that cannot be evaluated, for example because a value is null, does not hold.
func (s *Set) Judge(f Facts) (v Verdict) {
	if s == nil {
		return v
	}
	answer := valueOf(f.Answer, s.shape)
	var faults []string
	for i := range s.list {
		c := &s.list[i]
		if f.Row == nil && c.row.used() {
			continue
		}
		fault := c.evaluate(&f, answer)
		if fault == "" {
			continue
		}
		v.Failed = append(v.Failed, c.Label())
		if !c.Flag {
			faults = append(faults, fault)
		}
	}
	if len(faults) > 0 {
		v.Err = errors.New(strings.Join(faults, "; "))
	}
	return v
}

// evaluate returns how an answer fails the check. It is empty if it does not.
func (c *compiled) evaluate(f *Facts, answer any) string {
	holds, err := expr.Run(c.program, map[string]any{
		"row": rowOf(f.Row, c.row), "answer": answer, "response": f.Response, "finish_reason": f.FinishReason,
		meterName: newMeter(f),
	})
	name := message.OneLine(c.Label(), 120)
	if err != nil {
		return fmt.Sprintf("the check %s cannot be evaluated: %s", name, runtimeFault(err))
	}
	if holds == true {
		return ""
	}
	why := c.Message
	if why == "" && c.Name != "" {
		why = c.Expr
	}
	if why == "" {
		return fmt.Sprintf("the check %s does not hold", name)
	}
	return fmt.Sprintf("the check %s does not hold: %s", name, message.OneLine(strings.TrimRight(why, ". "), 300))
}

// runtimeFault says why an expression cannot be evaluated. What the library recovers from is
// said in Go's words, which mostly mean a null.
func runtimeFault(err error) string {
	fault, ok := errors.AsType[*file.Error](err)
	switch {
	case errors.Is(err, errSteps), errors.Is(err, errText):
		return errors.Unwrap(err).Error()
	case !ok:
		return message.OneLine(err.Error(), 120)
	case strings.Contains(fault.Message, "bool("):
		return "its value is neither true nor false"
	case strings.Contains(fault.Message, "nil") || strings.Contains(fault.Message, "zero Value"):
		return fmt.Sprintf("a value is null, at character %d", fault.Column+1)
	}
	return fmt.Sprintf("%s, at character %d", message.OneLine(fault.Message, 120), fault.Column+1)
}

// rowOf returns the columns of a row as values. Columns that the row lacks are null.
func rowOf(row *batch.Row, used columns) map[string]any {
	values := make(map[string]any)
	if row == nil || !used.used() {
		return values
	}
	for i, c := range row.Columns {
		if i < len(row.Values) && used.has(c.Name) {
			values[c.Name] = valueOf(row.Values[i], nil)
		}
	}
	return values
}

// valueOf returns a value as expressions have it. Numbers are int where they are whole and
// not too large, and otherwise float64, unless the shape says which of them they are.
func valueOf(v any, shape *schema.Shape) any {
	switch v := v.(type) {
	case int64:
		return int(v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case json.Number:
		return numberOf(v, shape)
	case json.RawMessage:
		d := json.NewDecoder(bytes.NewReader(v))
		d.UseNumber()
		var document any
		if err := d.Decode(&document); err != nil {
			return string(v)
		}
		return valueOf(document, shape)
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, m := range v {
			members[name] = valueOf(m, memberOf(shape, name))
		}
		return members
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = valueOf(v[i], itemsOf(shape))
		}
		return items
	}
	return v
}

func memberOf(shape *schema.Shape, name string) *schema.Shape {
	if shape == nil {
		return nil
	}
	return shape.Members[name]
}

func itemsOf(shape *schema.Shape) *schema.Shape {
	if shape == nil {
		return nil
	}
	return shape.Items
}

func numberOf(n json.Number, shape *schema.Shape) any {
	whole, err := n.Int64()
	isFloat := shape != nil && shape.Type == batch.Float
	if err == nil && !isFloat {
		return int(whole)
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	if shape != nil && shape.Type == batch.Int && f == float64(int(f)) { // 1.0 and 1e3
		return int(f)
	}
	return f
}
