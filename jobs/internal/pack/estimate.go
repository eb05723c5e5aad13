package pack

import "github.com/genbatch/genbatch/batch"

// EstimateShare estimates the tokens of a row's share of a call that it has shared with so many
// rows: as many as if the others were like it. Of a whole pack these shares add up to about what
// its InputTokens say.
func (p *Packer) EstimateShare(r *batch.Request, rows int) int {
	key, text, err := take(r)
	if err != nil || rows < 2 || len(r.Body) == 0 {
		return r.InputTokens
	}
	f, err := p.frameOf(key, r)
	if err != nil {
		return r.InputTokens
	}
	var bytes [2]int
	for i := range bytes {
		like := make([]row, 2+i)
		for k := range like {
			like[k] = row{r, text}
		}
		call, err := f.join(like, p.outputLimit(r.Model))
		if err != nil {
			return r.InputTokens
		}
		bytes[i] = len(call.Body)
	}
	line := bytes[1] - bytes[0]
	own := line + (bytes[0]-2*line)/rows
	return own * r.InputTokens / len(r.Body)
}
