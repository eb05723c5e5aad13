package report

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/jobs"
)

// A line says what is known of a job in its state, in units that people count in.
func TestBatchLine(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		b    jobs.Batch
		want string
	}{
		{jobs.Batch{ID: "5da34383-ca44b8b7", State: "submitting", Rows: 1}, "5da34383-ca44b8b7  submitting  1 row"},
		{
			jobs.Batch{Name: "batches/x", State: "pending", Rows: 2980, Created: now, Expires: now.Add(48 * time.Hour)},
			"batches/x  pending  2,980 rows  for 0 s, expires in 48 h",
		},
		{
			jobs.Batch{Name: "batches/x", State: "running", Rows: 20, Created: now.Add(-34 * time.Second), Expires: now.Add(48*time.Hour - 34*time.Second)},
			"batches/x  running  20 rows  for 34 s, expires in 48 h",
		},
		{
			jobs.Batch{Name: "batches/x", State: "running", Rows: 20, Created: now.Add(-47*time.Hour - 20*time.Minute), Expires: now.Add(40 * time.Minute)},
			"batches/x  running  20 rows  for 47 h, expires in 40 min",
		},
		{
			jobs.Batch{Name: "batches/x", State: "collecting", Rows: 20, Keeps: time.Date(2026, 12, 1, 9, 7, 0, 0, time.Local)},
			"batches/x  collecting  20 rows  results are sure until Tue 1 Dec 09:07",
		},
		{
			jobs.Batch{Name: "batches/x", State: "collecting", Rows: 20, Keeps: now, Why: "the endpoint does not know it any more"},
			"batches/x  collecting  20 rows: the endpoint does not know it any more", // it keeps no results
		},
	} {
		if got := (Batch{tt.b, now}).String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// What could not be read is not said to be empty.
func TestCancelled(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Cancelled
		want string
	}{
		{"none", Cancelled{Summary: &jobs.Summary{}}, "this job has no batch jobs\n"},
		{"the record is damaged", Cancelled{Summary: &jobs.Summary{}, Err: errors.New("damaged")}, ""},
		{
			"all are over", Cancelled{Summary: &jobs.Summary{Batches: []jobs.Batch{{State: "dropped", Rows: 60}}}},
			"no batch job is at work any more; rows without an answer stay pending\nbatch jobs  1 over, which answered 0 rows\n",
		},
	} {
		if got := tt.c.String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A job that was made by mistake is named, whatever has become of the one that was kept.
func TestBatchesMadeTwice(t *testing.T) {
	for _, live := range []bool{true, false} {
		var b strings.Builder
		writeBatches(&b, []jobs.Batch{{Name: "batches/kept", State: "pending", Live: live, Rows: 12, Others: []string{"batches/younger"}}}, "")
		if want := "made twice\tbatches/younger of the same 12 rows as batches/kept was cancelled, and may have been billed as well\n"; !strings.HasSuffix(b.String(), want) {
			t.Errorf("%q", b.String())
		}
	}
}
