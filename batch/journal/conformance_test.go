package journal_test

import (
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/batchtest"
	"github.com/genbatch/genbatch/batch/journal"
)

func TestConformance(t *testing.T) {
	dir := t.TempDir()
	var j *journal.Journal
	open := func() batch.Sink {
		var err error
		if j, err = journal.Open(journal.Config{Dir: dir}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { j.Close() })
		return j
	}
	batchtest.TestSink(t, open, func() (all []*batch.Result) {
		for r, err := range j.All() {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		return all
	})
}
