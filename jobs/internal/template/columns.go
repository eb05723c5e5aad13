package template

import (
	"slices"
	"text/template/parse"
)

// A columnFinder notes the columns that a template names: fields of the row, and index with
// a constant. Where dot is false, below range and with, the dot is something else than the
// row, so that only $ leads to it.
type columnFinder struct {
	uses     []string
	fallback []string // those that are given to default
	all      bool     // the whole row is used
}

// add notes a column.
func (f *columnFinder) add(name string) {
	if !slices.Contains(f.uses, name) {
		f.uses = append(f.uses, name)
	}
}

// list looks at all nodes of a list, which may be nil.
func (f *columnFinder) list(l *parse.ListNode, dot bool) {
	if l != nil {
		for _, n := range l.Nodes {
			f.node(n, dot)
		}
	}
}

// pipe looks at the commands of a pipeline, which may be nil.
func (f *columnFinder) pipe(p *parse.PipeNode, dot bool) {
	if p == nil {
		return
	}
	var inside columnFinder
	for _, cmd := range p.Cmds {
		inside.command(cmd, dot)
		if name, is := cmd.Args[0].(*parse.IdentifierNode); is && name.Ident == "default" {
			inside.fallback = inside.uses
		}
	}
	for _, name := range inside.uses {
		f.add(name)
	}
	f.fallback = append(f.fallback, inside.fallback...)
	f.all = f.all || inside.all
}

// branch looks at an if, a range or a with, in which inner says what the dot is.
func (f *columnFinder) branch(n *parse.BranchNode, dot, inner bool) {
	f.pipe(n.Pipe, dot)
	f.list(n.List, inner)
	f.list(n.ElseList, dot)
}

// command looks at the function and the arguments of a command.
func (f *columnFinder) command(n *parse.CommandNode, dot bool) {
	args := n.Args
	if name, ok := indexedColumn(n, dot); ok {
		f.add(name)
		args = args[3:]
	}
	for _, arg := range args {
		f.node(arg, dot)
	}
}

// node looks at any other node.
func (f *columnFinder) node(n parse.Node, dot bool) {
	switch n := n.(type) {
	case *parse.ActionNode:
		f.pipe(n.Pipe, dot)
	case *parse.TemplateNode:
		f.pipe(n.Pipe, dot)
	case *parse.PipeNode:
		f.pipe(n, dot)
	case *parse.IfNode:
		f.branch(&n.BranchNode, dot, dot)
	case *parse.RangeNode:
		f.branch(&n.BranchNode, dot, false)
	case *parse.WithNode:
		f.branch(&n.BranchNode, dot, false)
	case *parse.ChainNode:
		if isRow(n.Node, dot) {
			f.add(n.Field[0])
		} else {
			f.node(n.Node, dot)
		}
	case *parse.FieldNode:
		if dot {
			f.add(n.Ident[0])
		}
	case *parse.DotNode:
		f.all = f.all || dot
	case *parse.VariableNode:
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			f.add(n.Ident[1])
		}
		f.all = f.all || isRow(n, dot)
	}
}

// indexedColumn returns the column that a command names as in index . "odd name".
func indexedColumn(n *parse.CommandNode, dot bool) (name string, ok bool) {
	if len(n.Args) < 3 || !isRow(n.Args[1], dot) {
		return "", false
	}
	f, isFunc := n.Args[0].(*parse.IdentifierNode)
	key, isText := n.Args[2].(*parse.StringNode)
	if !isFunc || !isText || f.Ident != "index" {
		return "", false
	}
	return key.Text, true
}

// isRow reports whether a node is the row itself.
func isRow(n parse.Node, dot bool) bool {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.VariableNode:
		return len(n.Ident) == 1 && n.Ident[0] == "$"
	}
	return false
}
