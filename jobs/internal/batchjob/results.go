package batchjob

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
)

// results are what a job's results say of its rows. It is a model that answers with them.
type results struct {
	*os.File
	service *batches.Service
	job     *batchstate.Job
	lines   map[batch.ID]span
	batchstate.Counts
}

// A span is where a line stands, and for how many rows.
type span struct {
	offset int64
	length int
	rows   int64
}

// readResults reads where the lines of a job's results are. It returns nil if the last one
// broke off.
func (c *collector) readResults(j *batchstate.Job) (res *results, err error) {
	f, err := os.Open(c.Store.Results(j))
	if err != nil {
		return nil, fmt.Errorf("the results of the batch job %s cannot be read: %w", j.ID, err)
	}
	res = &results{File: f, service: c.Service, job: j, lines: make(map[batch.ID]span, j.Rows)}
	defer func() {
		if err != nil || res == nil {
			f.Close()
		}
	}()
	for l, err := range c.Store.EachLine(j) {
		if err != nil {
			return nil, err
		}
		res.lines[l.ID] = span{rows: 1 + int64(len(l.With))}
	}
	var offset int64
	lines := bufio.NewReaderSize(f, 1<<20)
	broken := 0
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if len(text) > 0 {
			if !res.add(text, offset) {
				broken++
			} else {
				broken = 0
			}
			offset += int64(len(text))
		}
		if err != nil {
			break
		}
	}
	for _, s := range res.lines {
		if s.length == 0 {
			res.Missing += s.rows
		}
	}
	w := c.watchOf(j)
	if broken > 0 && res.Missing > 0 && w.faults < 3 {
		w.faults++
		c.Log.Warn(fmt.Sprintf("the results of the batch job %s broke off, and are downloaded again", j.Name))
		return nil, nil
	}
	if j.State == batches.Succeeded && j.Results != "" && res.Missing > 0 && !w.reread {
		w.reread = true // a download can also break off between two lines
		return nil, nil
	}
	return res, nil
}

// add notes where a line stands. It returns false if the text is no line.
func (res *results) add(text []byte, offset int64) bool {
	line, err := batches.ParseLine(text)
	if err != nil {
		return false
	}
	id, ours := batchstate.ParseKey(line.Key)
	at, known := res.lines[id]
	switch {
	case !ours || !known:
		res.Foreign++
	case at.length > 0:
		res.Doubled++
	default:
		res.lines[id] = span{offset, len(text), at.rows}
		if line.Response != nil {
			res.Answered += at.rows
		}
	}
	return true
}

// Attempt answers with the line of a row.
func (res *results) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	at := res.lines[r.ID()]
	if at.length == 0 {
		return res.unanswered()
	}
	text := make([]byte, at.length)
	if _, err := res.ReadAt(text, at.offset); err != nil {
		return batch.Outcome{Err: &batch.Error{Kind: batch.KindTransport, Message: "the downloaded results cannot be read: " + err.Error()}}
	}
	line, err := batches.ParseLine(text)
	if err != nil {
		return res.unanswered()
	}
	return res.service.Outcome(&line)
}

// unanswered is the outcome of a row without a line.
func (res *results) unanswered() batch.Outcome {
	j := res.job
	o := batch.Outcome{MaybeBilled: j.Worked, Err: &batch.Error{Kind: batch.KindServer, Message: "the results of the batch job have no line for this row"}}
	if j.State != batches.Succeeded {
		o.Uncounted = true
		o.Err.Message = fmt.Sprintf("the batch job ended (%s) without an answer to this row", j.State)
	}
	return o
}
