package journal_test

import (
	"fmt"
	"log"
	"os"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// What the journal holds is not asked again, in this run or in a later one.
func Example() {
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	j, err := journal.Open(journal.Config{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()

	yes := batch.Fingerprint{1}
	err = j.Write([]*batch.Result{{Fingerprint: yes, Row: 1, Status: batch.OK, Response: []byte(`{"text":"yes"}`)}})
	if err != nil {
		log.Fatal(err) // disk full: nothing that was written counts
	}

	// The input has the same question twice: only its first occurrence is answered.
	pass := j.Pass()
	for range 2 {
		occurrence, entry, known := pass.Next(yes)
		if !known {
			fmt.Println(occurrence, "must be asked")
			continue
		}
		r, err := j.Read(entry)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(occurrence, r.Status, string(r.Response))
	}
	// Output:
	// 0 ok {"text":"yes"}
	// 1 must be asked
}
