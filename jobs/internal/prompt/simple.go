package prompt

import (
	"encoding/json"
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

// join appends the text of the pieces for a row, each of them by add. ok is false where
// text/template is to say what that is: a column is missing, or is no plain text or
// number.
func join(dst []byte, pieces []piece, row *batch.Row, add func(dst []byte, s string) []byte) (joined []byte, ok bool) {
	joined = dst
	for _, p := range pieces {
		words := p.words
		if p.column != "" {
			v, _ := row.Value(p.column)
			switch v := v.(type) {
			case string:
				words = v
			case json.Number:
				words = string(v)
			default:
				return dst, false
			}
			if !utf8.ValidString(words) {
				return dst, false
			}
		}
		joined = add(joined, words)
	}
	return joined, len(pieces) > 0
}
