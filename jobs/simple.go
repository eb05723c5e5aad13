package jobs

import (
	"encoding/json"
	"strings"
	"text/template/parse"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
)

// A piece of a simple template: words, or a column.
type piece struct{ words, column string }

// pieces returns what a template is made of that only puts columns between words, as
// nearly all do: "Summarize: {{.body}}". nil: it does more. To join the pieces takes a
// tenth of what text/template takes (BenchmarkTemplate), for each row of each run.
func pieces(root *parse.ListNode) []piece {
	var list []piece
	for _, n := range root.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			list = append(list, piece{words: string(n.Text)})
		case *parse.ActionNode:
			if len(n.Pipe.Decl) > 0 || len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 1 {
				return nil
			}
			field, ok := n.Pipe.Cmds[0].Args[0].(*parse.FieldNode)
			if !ok || len(field.Ident) != 1 {
				return nil
			}
			list = append(list, piece{column: field.Ident[0]})
		default:
			return nil
		}
	}
	return list
}

// join returns the text of the pieces for a row; ok is false where text/template is to
// say what that is: a column is missing, or is no plain text or number.
func join(pieces []piece, row *batch.Row) (text string, ok bool) {
	if len(pieces) == 0 {
		return "", false
	}
	var b strings.Builder
	for _, p := range pieces {
		if p.column == "" {
			b.WriteString(p.words)
			continue
		}
		v, _ := row.Value(p.column)
		switch v := v.(type) {
		case string:
			b.Grow(len(v) + len(p.words))
			b.WriteString(v)
		case json.Number:
			b.WriteString(string(v))
		default:
			return "", false
		}
	}
	return b.String(), utf8.ValidString(b.String())
}
