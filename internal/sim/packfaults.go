package sim

import "github.com/genbatch/genbatch/internal/sim/answer"

// Packs says how much worse the answers to texts are that share a call.
type Packs = answer.Packs

// packFaults are what goes wrong with packs alone. They do nothing to an answer to one text.
var packFaults = []faultKind{
	{"leftout", "a pack: the row, or one by chance, is left out of the answer", nil, inPack(func(e *answer.RowEdits) { e.LeftOut = true })},
	{"twice", "a pack: the row, or one by chance, has two answers that differ", nil, inPack(func(e *answer.RowEdits) { e.Twice = true })},
	{"foreign", "a pack: an answer has an id that no row has", nil, inPack(func(e *answer.RowEdits) { e.Foreign = true })},
	{"noarray", "a pack: the answer is an object with the array in it", nil, func(x *exchange, _ string) bool {
		if rowEdits(x) != nil {
			x.damage.Rewrite = func(s string) string { return `{"answers":` + s + `}` }
		}
		return false
	}},
}

// inPack makes a fault of a change to a row: the one whose text asks for the fault, or else one
// by the body's hash.
func inPack(change func(*answer.RowEdits)) func(*exchange, string) bool {
	return func(x *exchange, _ string) bool {
		rows, row := rowEdits(x), x.damage.row
		if row == nil && len(rows) > 0 {
			row = &rows[x.bodyHash()%uint64(len(rows))]
		}
		if row != nil {
			change(row)
		}
		return false
	}
}

// rowEdits returns what is changed in the rows of a pack; nil for anything else.
func rowEdits(x *exchange) []answer.RowEdits {
	if x.damage.Rows == nil && x.request != nil {
		if p := x.request.Pack(); p != nil {
			x.damage.Rows = make([]answer.RowEdits, len(p.Rows))
		}
	}
	return x.damage.Rows
}

// text returns what is changed in the text that a fault is about: a row's answer, or all.
func (d *damage) text() *answer.TextEdit {
	if d.row != nil {
		return &d.row.TextEdit
	}
	return &d.TextEdit
}
