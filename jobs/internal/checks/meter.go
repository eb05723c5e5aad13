package checks

import (
	"errors"
	"reflect"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// This file bounds what one evaluation takes. The library bounds the lists that an
// expression makes, and every expression comes to an end. But what an answer brings can make
// that take hours: two loops over 100,000 items are 10 billion steps. So steps are counted,
// and not timed, since an output must be the same on every machine.

const (
	maxSteps = 10_000_000 // about a second
	stepText = 4 << 10    // bytes of row and answer by which each step counts once more, as loops may search them
	maxText  = 64 << 20   // bytes of the texts that + makes
	maxNodes = 1000       // parts of an expression
)

var (
	errSteps = errors.New("it takes more than 10,000,000 steps")
	errText  = errors.New("it makes texts of more than 64 MiB")
)

// A meter counts what an evaluation takes.
type meter struct {
	step  int // what a step counts
	steps int
	text  int
}

func newMeter(f *Facts) *meter { return &meter{step: 1 + f.bytes()/stepText} }

// pass counts n steps.
func (m *meter) pass(n int) error {
	if m.steps += n * m.step; m.steps > maxSteps {
		return errSteps
	}
	return nil
}

// The names of the meter and of what counts on it. No expression can have such names itself.
const (
	meterName = "check.meter"
	stepName  = "check.step"
	addName   = "check.add"
	inName    = "check.in"
)

// metering returns the functions that count.
func metering() []expr.Option {
	return []expr.Option{
		expr.Function(stepName, func(params ...any) (any, error) {
			return true, params[0].(*meter).pass(1)
		}, new(func(*meter) bool)),
		expr.Function(addName, func(params ...any) (any, error) {
			m, sum := params[0].(*meter), runtime.Add(params[1], params[2])
			if text, ok := sum.(string); ok {
				if m.text += len(text); m.text > maxText {
					return nil, errText
				}
			}
			return sum, nil
		}, new(func(*meter, any, any) any)),
		expr.Function(inName, func(params ...any) (any, error) {
			if list := reflect.ValueOf(params[2]); list.Kind() == reflect.Slice {
				if err := params[0].(*meter).pass(list.Len()); err != nil {
					return nil, err
				}
			}
			return runtime.In(params[1], params[2]), nil
		}, new(func(*meter, any, any) bool)),
	}
}

// metered puts the counting into an expression: into each loop, and in the place of the
// operators that may take long by themselves.
func metered(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		n.Node = &ast.SequenceNode{Nodes: []ast.Node{call(stepName), n.Node}}
	case *ast.BinaryNode:
		_, written := n.Right.(*ast.ArrayNode)
		switch {
		case n.Operator == "+" && mayBe(n.Left, reflect.String) && mayBe(n.Right, reflect.String):
			ast.Patch(node, call(addName, n.Left, n.Right))
		case n.Operator == "in" && !written && mayBe(n.Right, reflect.Slice):
			ast.Patch(node, call(inName, n.Left, n.Right))
		}
	}
}

func call(name string, arguments ...ast.Node) ast.Node {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: append([]ast.Node{&ast.IdentifierNode{Value: meterName}}, arguments...)}
}

// mayBe reports whether the value of a part can be of a kind.
func mayBe(n ast.Node, kind reflect.Kind) bool {
	t := n.Type()
	return t == nil || t.Kind() == reflect.Interface || t.Kind() == kind
}
