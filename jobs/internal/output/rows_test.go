package output

import (
	"fmt"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/record"
)

// TestRowsStayValid keeps rows of many chunks until all have been read.
func TestRowsStayValid(t *testing.T) {
	var texts []string
	for i := range 10 * chunkRows {
		texts = append(texts, fmt.Sprint("row ", i))
	}
	f := newFixture(t, "prompt: '{{.q}}'", texts...)
	f.answer(func(_ string, row int64) *answer {
		return &answer{spent: []batch.Spend{{At: at, Model: f.spec.Model, Usage: &batch.Usage{PromptTokenCount: row, TotalTokenCount: row}}}}
	})
	var rows []*record.Row
	for row, err := range f.deriver.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if len(rows) != len(texts) {
		t.Fatalf("%d rows, want %d", len(rows), len(texts))
	}
	for i, row := range rows {
		n := int64(i + 1)
		q, _ := row.Value("q")
		if q != texts[i] || row.Text != "re "+texts[i] || row.Request.Row != n || row.Result.Row != n || row.Result.Spent[0].Usage.PromptTokenCount != n {
			t.Fatalf("row %d is %v, answered with %s in result %+v", n, q, row.Text, row.Result)
		}
		if cap(row.Result.Response) > 2*len(row.Result.Response)+64 {
			t.Fatalf("the answer of row %d has %d bytes and keeps %d", n, len(row.Result.Response), cap(row.Result.Response))
		}
	}
}
