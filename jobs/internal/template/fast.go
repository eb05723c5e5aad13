package template

import (
	"text/template/parse"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
)

// A segment of a template is words or a column, of which the other is empty.
type segment struct{ words, column string }

// segmentsOf returns the segments of a template that only puts columns between words, as
// nearly all do: "Summarize: {{.body}}". It returns nil when the template does more. To
// join segments takes a tenth of what text/template takes (BenchmarkTemplate), for each
// row of each run.
func segmentsOf(root *parse.ListNode) []segment {
	var list []segment
	for _, n := range root.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			list = append(list, segment{words: string(n.Text)})
		case *parse.ActionNode:
			if len(n.Pipe.Decl) > 0 || len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 1 {
				return nil
			}
			field, ok := n.Pipe.Cmds[0].Args[0].(*parse.FieldNode)
			if !ok || len(field.Ident) != 1 {
				return nil
			}
			list = append(list, segment{column: field.Ident[0]})
		default:
			return nil
		}
	}
	return list
}

// joinSegments appends the text of the segments for a row, each of them by add. ok is
// false when text/template has to say what the text is: there are no segments, a column is
// missing, or textOf does not know the text of its value.
func joinSegments(dst []byte, segments []segment, row *batch.Row, textOf func(v any) (string, bool), add func(dst []byte, s string) []byte) (joined []byte, ok bool) {
	joined = dst
	for _, s := range segments {
		words := s.words
		if s.column != "" {
			v, has := row.Value(s.column)
			text, known := textOf(v)
			if !has || !known || !utf8.ValidString(text) {
				return dst, false
			}
			words = text
		}
		joined = add(joined, words)
	}
	return joined, len(segments) > 0
}

// cellText returns the text of a column's value, which is that of a CSV output.
func cellText(v any) (string, bool) { return batch.Text(v), true }
