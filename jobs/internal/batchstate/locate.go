package batchstate

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/record"
)

// Locate says of rows in which batch job they are, or were answered, by the record of a state
// folder.
func Locate(stateDir string, rows []*record.Detail) error {
	waiting := make(map[batch.ID]*record.Detail)
	answered := make(map[string][]*record.Detail) // by the id of the batch job
	for _, d := range rows {
		if d.Status == batch.Pending && d.Request != nil {
			waiting[d.Request.ID()] = d
		}
		if d.Result == nil {
			continue
		}
		if n := len(d.Result.Spent); n > 0 && d.Result.Spent[n-1].Batch != "" {
			id := d.Result.Spent[n-1].Batch
			answered[id] = append(answered[id], d)
		}
	}
	if len(waiting)+len(answered) == 0 {
		return nil
	}
	s, err := View(stateDir)
	if err != nil {
		return err
	}
	for _, j := range s.Jobs() {
		r := j.Record()
		for _, d := range answered[j.ID] {
			d.Batch = &r
		}
		if len(waiting) == 0 || !j.Live() {
			continue
		}
		for id, err := range s.IDs(j) {
			if err != nil {
				break // a run may have collected the job meanwhile
			}
			if d := waiting[id]; d != nil {
				d.Batch = &r
			}
		}
	}
	return nil
}
