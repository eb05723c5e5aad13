package template

import (
	"strconv"
	"text/template/parse"

	"github.com/genbatch/genbatch/jobs/spec"
)

// A rewriter changes a parsed template so that functions of ours decide what text/template
// decides otherwise, as html/template does for escaping: what a name means (_get), what is
// printed of a value (_out), what counts as true (_true), and what range goes over (_items,
// _pairs). So {{.a.b}} becomes {{_get . "a" "b" | _out}}.
type rewriter struct {
	option string // for messages
	err    error  // the first mistake
}

// list rewrites all nodes of a list, which may be nil.
func (w *rewriter) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			w.pipe(n.Pipe)
			if len(n.Pipe.Decl) == 0 {
				pipeTo(n.Pipe, "_out")
			}
		case *parse.TemplateNode:
			w.pipe(n.Pipe)
		case *parse.IfNode:
			w.branch(&n.BranchNode, "_true")
		case *parse.WithNode:
			w.branch(&n.BranchNode, "_true")
		case *parse.RangeNode:
			if len(n.Pipe.Decl) > 1 {
				w.branch(&n.BranchNode, "_pairs")
			} else {
				w.branch(&n.BranchNode, "_items")
			}
		}
	}
}

// branch rewrites an if, a with or a range, whose value goes through the function.
func (w *rewriter) branch(n *parse.BranchNode, function string) {
	w.pipe(n.Pipe)
	pipeTo(n.Pipe, function)
	w.list(n.List)
	w.list(n.ElseList)
}

// pipeTo adds a function to the end of a pipeline.
func pipeTo(p *parse.PipeNode, function string) {
	p.Cmds = append(p.Cmds, command(p.Pos, parse.NewIdentifier(function)))
}

// pipe rewrites the commands of a pipeline, which may be nil.
func (w *rewriter) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for i, cmd := range p.Cmds {
		w.command(cmd, i > 0)
	}
}

// command rewrites a function with its arguments, or a value. piped means that the value of
// the command before it comes as its last argument.
func (w *rewriter) command(cmd *parse.CommandNode, piped bool) {
	name, isFunction := cmd.Args[0].(*parse.IdentifierNode)
	if !isFunction && (piped || len(cmd.Args) > 1) && w.err == nil {
		w.err = spec.Errorf("a function comes first, as in {{upper .body}} or {{.body | upper}}", "%s: {{%s}} is no function, and can be given nothing", w.option, cmd.Args[0])
		return
	}
	for i, arg := range cmd.Args {
		cmd.Args[i] = w.argument(arg)
	}
	if isFunction && (name.Ident == "and" || name.Ident == "or") {
		// They look at all their arguments but the last one.
		last := len(cmd.Args)
		if !piped {
			last--
		}
		for i := 1; i < last; i++ {
			cmd.Args[i] = pipeline(command(cmd.Pos, cmd.Args[i]), command(cmd.Pos, parse.NewIdentifier("_true")))
		}
	}
}

// argument returns what takes the place of a value.
func (w *rewriter) argument(n parse.Node) parse.Node {
	switch n := n.(type) {
	case *parse.PipeNode:
		w.pipe(n)
	case *parse.FieldNode:
		return lookUp(n.Pos, &parse.DotNode{NodeType: parse.NodeDot, Pos: n.Pos}, n.Ident)
	case *parse.VariableNode:
		if len(n.Ident) > 1 {
			of := &parse.VariableNode{NodeType: parse.NodeVariable, Pos: n.Pos, Ident: n.Ident[:1]}
			return lookUp(n.Pos, of, n.Ident[1:])
		}
	case *parse.ChainNode:
		return lookUp(n.Pos, w.argument(n.Node), n.Field)
	}
	return n
}

// lookUp returns the call of _get that looks up names in a value.
func lookUp(pos parse.Pos, of parse.Node, names []string) parse.Node {
	args := []parse.Node{parse.NewIdentifier("_get").SetPos(pos), of}
	for _, name := range names {
		args = append(args, &parse.StringNode{NodeType: parse.NodeString, Pos: pos, Quoted: strconv.Quote(name), Text: name})
	}
	return pipeline(command(pos, args...))
}

func command(pos parse.Pos, args ...parse.Node) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: args}
}

func pipeline(cmds ...*parse.CommandNode) *parse.PipeNode {
	return &parse.PipeNode{NodeType: parse.NodePipe, Pos: cmds[0].Pos, Cmds: cmds}
}
