package pack

import (
	"fmt"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// The shares of the rows of a call add up to what the call is estimated at.
func TestEstimateShare(t *testing.T) {
	p := newPacker(t, 100)
	for _, n := range []int{2, 10, 100} {
		var rows []*batch.Request
		for i := range n {
			rows = append(rows, single(t, classify, i, fmt.Sprintf("%03d %s", i, strings.Repeat("as \"long\" as\nthe others, ", 20))))
		}
		call, err := p.Join(rows)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, r := range rows {
			sum += p.EstimateShare(r, n)
		}
		if diff := call.InputTokens - sum; diff < -n || diff > n { // each share is rounded
			t.Errorf("%d rows: shares of %d tokens in all, of a call of %d", n, sum, call.InputTokens)
		}
	}
}
