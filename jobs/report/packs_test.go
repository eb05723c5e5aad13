package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A summary says how many rows shared how many calls. What a share cost stands where its row is,
// also if the call is counted with another one.
func TestPacks(t *testing.T) {
	run := cost.Totals{
		Rows: 3000, Status: map[batch.Status]int64{batch.OK: 2990, batch.Blocked: 10}, Attempts: 131, Retries: 11, Packed: 2987, Packs: 123,
		Models: []cost.ModelTotals{{Model: "m", Calls: 130, Cost: 5 * price.Dollar}},
		Bill: cost.Bill{
			Statuses: map[batch.Status]cost.Share{batch.OK: {Calls: 130, Cost: 4 * price.Dollar}, batch.Blocked: {Cost: price.Dollar}},
			Retries:  cost.Share{Cost: price.Dollar / 2},
		},
	}
	s := Summary{Summary: &jobs.Summary{Run: run, Job: &run, Elapsed: 10 * time.Second}}
	text := strings.Join(strings.Fields(s.String()), " ")
	for _, want := range []string{
		"this run 131 requests, 11 of them retries in 10.0 s, 300 rows/s shared 2,987 rows in 123 calls",
		"retries $0.50 for attempts that gave a row no final answer (10.0%)",
		"rows not ok blocked $1.00",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, s.String())
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var record struct {
		Run struct {
			Requests, Retries, Packs int64
			PackedRows               int64 `json:"packed_rows"`
		}
	}
	if err := json.Unmarshal(b, &record); err != nil || record.Run.Requests != 131 || record.Run.Retries != 11 || record.Run.Packs != 123 || record.Run.PackedRows != 2987 {
		t.Errorf("%+v, %v in %s", record, err, b)
	}
}
