package checks

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file says what an expression can name, and what is wrong with one that names something
// else. Whatever is found here is found before anything is paid for.

// functions are the library's functions that expressions may call. Left out are the clock and
// dates, which depend on the machine's time zone, and what comes in an order drawn by lot, since an output must be the same each
// time; and what makes large values of small ones, which a condition has no need of.
var functions = []string{
	"all", "any", "none", "one", "count", "filter", "map", "find", "findIndex", "findLast", "findLastIndex",
	"sum", "mean", "median", "min", "max", "abs", "ceil", "floor", "round",
	"len", "first", "last", "take", "indexOf", "lastIndexOf",
	"int", "float", "string", "type",
	"trim", "trimPrefix", "trimSuffix", "lower", "upper", "split", "hasPrefix", "hasSuffix",
}

// names are what expressions can name.
type names struct {
	columns []string // of the input; nil where they are not known
	members []string // of the answer, those inside of others too
	env     types.Map
}

func newNames(columns []batch.Column, shape *schema.Shape) *names {
	n := &names{env: types.Map{
		"row": types.TypeOf(map[string]any{}), "answer": typeOf(shape), "response": types.String, "finish_reason": types.String,
		meterName: types.TypeOf((*meter)(nil)),
	}}
	if len(columns) > 0 {
		row := make(types.Map, len(columns))
		for _, c := range columns {
			row[c.Name] = types.Any
			if c.Type == batch.String {
				row[c.Name] = types.String
			}
			n.columns = append(n.columns, c.Name)
		}
		n.env["row"] = row
	}
	n.members = slices.Compact(slices.Sorted(slices.Values(membersOf(shape, nil))))
	return n
}

// typeOf returns the type of the values of a shape.
func typeOf(shape *schema.Shape) types.Type {
	switch {
	case shape == nil:
		return types.Any
	case shape.Members != nil:
		members := make(types.Map, len(shape.Members))
		for name, m := range shape.Members {
			members[name] = typeOf(m)
		}
		return members
	case shape.Items != nil:
		return types.Array(typeOf(shape.Items))
	}
	switch shape.Type {
	case batch.String:
		return types.String
	case batch.Int:
		return types.Int
	case batch.Float:
		return types.Float64
	case batch.Bool:
		return types.Bool
	}
	return types.Any
}

func membersOf(shape *schema.Shape, list []string) []string {
	if shape == nil {
		return list
	}
	for name, m := range shape.Members {
		list = membersOf(m, append(list, name))
	}
	return membersOf(shape.Items, list)
}

// options returns how expressions are compiled.
func options(n *names) []expr.Option {
	list := append(metering(), expr.Env(n.env), expr.AsBool(), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins())
	for _, name := range functions {
		list = append(list, expr.EnableBuiltin(name))
	}
	return list
}

// columns are those that an expression looks at.
type columns struct {
	named []string
	rows  int // how often the row is named, with a column or as a whole
}

func (c *columns) used() bool { return c.rows > 0 }

// has reports whether the column is one of them.
func (c *columns) has(name string) bool {
	return c.rows > len(c.named) || slices.Contains(c.named, name)
}

// A visitor looks through an expression, and puts the counting into it.
type visitor struct {
	row   columns
	fault error // something that may not stand there
}

// Visit implements ast.Visitor.
func (v *visitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		switch n.Value {
		case "row":
			v.row.rows++
		case "$env":
			v.fault = &file.Error{Location: n.Location(), Column: n.Location().From, Message: "$env is not known"}
		}
	case *ast.MemberNode:
		of, isName := n.Node.(*ast.IdentifierNode)
		member, isText := n.Property.(*ast.StringNode)
		if isText && isName && of.Value == "row" {
			v.row.named = append(v.row.named, member.Value)
		}
	}
	metered(node)
}

// refuse says what is wrong with an expression, and how to mend it.
func (n *names) refuse(c *spec.Check, err error) error {
	const language = "the language is that of https://expr-lang.org, and the names are row, answer, response and finish_reason"
	shown := message.OneLine(c.Expr, 120)
	fault, ok := errors.AsType[*file.Error](err)
	if !ok { // it is about the expression as a whole
		if strings.HasPrefix(err.Error(), "expected bool") {
			return spec.Errorf(`write what must hold, such as "answer.total > 0"`, "check %q is neither true nor false: %s", shown, err)
		}
		return spec.Errorf(language, "check %q cannot be read: %w", shown, err)
	}
	hint := language
	if name, found := strings.CutPrefix(fault.Message, "unknown name "); found {
		hint = n.meant(name)
	} else if name, found := strings.CutPrefix(fault.Message, "unknown field "); found {
		hint = n.meantField(name, before(c.Expr, fault.From))
	} else if strings.Contains(fault.Message, "mismatched types") && strings.Contains(fault.Message, "string") && strings.Contains(c.Expr, "row") {
		hint = "a cell of CSV and TSV is a text: float(row.NAME) and int(row.NAME) make a number of it"
	} else if strings.Contains(fault.Message, `Operator("=")`) {
		hint = "write == to compare"
	}
	place := fmt.Sprintf("at character %d", fault.Column+1)
	if fault.Line > 1 {
		place = fmt.Sprintf("at line %d, character %d", fault.Line, fault.Column+1)
	}
	if rest := message.OneLine(after(c.Expr, fault.From), 30); rest != "" {
		place += fmt.Sprintf(", %q", rest)
	}
	return spec.Errorf(hint, "check %q cannot be read: %s, %s", shown, message.OneLine(fault.Message, 160), place)
}

// before and after return the parts of an expression on either side of its n-th character.
func before(text string, n int) string {
	runes := []rune(text)
	return string(runes[:min(n, len(runes))])
}

func after(text string, n int) string {
	runes := []rune(text)
	return string(runes[min(n, len(runes)):])
}

// meant says what may have been meant by a name that stands alone.
func (n *names) meant(name string) string {
	switch {
	case name == "now":
		return "an output is the same whenever it is written, so that no check knows the time; give a date as a column of the input"
	case name == "date" || name == "duration" || name == "timezone":
		return `dates such as 2026-01-31 are in order as texts are: answer.due > "2026-01-31"`
	case slices.Contains(n.columns, name):
		return "a column is written " + member("row", name)
	case slices.Contains(n.members, name):
		return "a part of the answer is written " + member("answer", name)
	}
	known := append([]string{"row", "answer", "response", "finish_reason"}, functions...)
	if near := message.Nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "the names are row, answer, response and finish_reason, and the functions " + strings.Join(functions, ", ")
}

// meantField says what may have been meant by the name of a member, where text stands before it.
func (n *names) meantField(name, text string) string {
	of, known := "the answer has ", n.members
	if strings.HasSuffix(strings.TrimRight(text, ".?[ "), "row") {
		of, known = "the input has ", n.columns
	}
	if near := message.Nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return of + message.List(known)
}

// member writes a member as an expression does.
func member(of, name string) string {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return fmt.Sprintf("%s[%q]", of, name)
		}
	}
	return of + "." + name
}
