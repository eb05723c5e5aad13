package pack_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/pack"
)

// BenchmarkParse reads the answers of all rows of a call, as an output does.
func BenchmarkParse(b *testing.B) {
	for _, rows := range []int{1, 10, 25, 100} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			var elements []string
			for i := range rows {
				elements = append(elements, fmt.Sprintf(`{"id":"b%d","answer":"neutral"}`, i))
			}
			text := "[" + strings.Join(elements, ",") + "]"
			var results []*batch.Result
			for i := range rows {
				results = append(results, shared(text, fmt.Sprintf("b%d", i), i%3, "STOP"))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := pack.Parse(results[i%rows]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
