package pack

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
)

// EstimateShare estimates the tokens of a row's share of a call that it has shared with so many
// rows: as many as if the others were like it. Of a whole pack these shares add up to about what
// its InputTokens say.
func (p *Packer) EstimateShare(r *batch.Request, rows int) int {
	_, text, f, err := p.takeApart(r)
	if err != nil || rows < 2 {
		return r.InputTokens
	}
	line := len(apijson.AppendString(nil, string(appendLine(nil, "bcd", text)))) // the quotes count for the line's end
	return (line + f.around/rows) * r.InputTokens / len(r.Body)
}
