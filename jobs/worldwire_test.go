package jobs

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"

	"github.com/genbatch/genbatch/batch/price"
)

// This file reads what a world's processes and its endpoint say to each other. It knows the API
// and the form of calls that rows share, and nothing of the product.

// A wireRow is the prompt of a row in a request.
type wireRow struct {
	id   string // by which its answer is known; empty if it has the request for itself
	text string
}

// rowsIn returns the prompts of a request: its text, or those in the lines of its text.
func rowsIn(body []byte) (rows []wireRow) {
	var req struct {
		Contents []struct{ Parts []struct{ Text string } }
	}
	if json.Unmarshal(body, &req) != nil || len(req.Contents) == 0 || len(req.Contents[0].Parts) == 0 {
		return nil
	}
	return rowsOf(req.Contents[0].Parts[0].Text)
}

// rowsOf returns the prompts in the text of a request.
func rowsOf(text string) (rows []wireRow) {
	for line := range strings.Lines(text) {
		var row struct{ ID, Text string }
		if json.Unmarshal([]byte(line), &row) != nil || row.ID == "" {
			return []wireRow{{text: text}}
		}
		rows = append(rows, wireRow{row.ID, row.Text})
	}
	return rows
}

// readReply returns what a reply costs, by the price list of 2026-11, and which rows of the
// request it answers. gemini-2.5-flash-lite is $0.10 for a million tokens of input and $0.40 for
// one of output.
func readReply(rows []wireRow, reply []byte) (cost price.USD, answered []bool) {
	answered = make([]bool, len(rows))
	text, finish := "", ""
	for event := range bytes.SplitSeq(reply, []byte("data: ")) { // of a stream, or all of it
		var resp struct {
			Candidates []struct {
				Content      struct{ Parts []struct{ Text string } }
				FinishReason string
			}
			UsageMetadata *struct {
				PromptTokenCount, CandidatesTokenCount, ThoughtsTokenCount int64
			}
		}
		if json.Unmarshal(event, &resp) != nil {
			continue
		}
		if u := resp.UsageMetadata; u != nil { // the last event has that of all
			const picoUSD = 1_000_000 // a dollar for a million tokens is a millionth of a dollar for one
			cost = price.USD(u.PromptTokenCount*picoUSD/10 + (u.CandidatesTokenCount+u.ThoughtsTokenCount)*picoUSD*4/10)
		}
		for _, c := range resp.Candidates {
			for _, p := range c.Content.Parts {
				text += p.Text
			}
			finish = c.FinishReason
		}
	}
	if finish != "STOP" {
		return cost, answered
	}
	if len(rows) == 1 && rows[0].id == "" {
		answered[0] = text != ""
		return cost, answered
	}
	times := make(map[string]int)
	var list []struct{ ID, Answer string }
	if from, to := strings.Index(text, "["), strings.LastIndex(text, "]"); from >= 0 && from < to { // there may be an object around it
		if json.Unmarshal([]byte(text[from:to+1]), &list) != nil {
			return cost, answered
		}
	}
	for _, a := range list {
		times[a.ID]++
	}
	for i, r := range rows {
		answered[i] = times[r.id] == 1
	}
	return cost, answered
}

// A wireLine is a request of a batch job.
type wireLine struct {
	key  string
	rows []wireRow
}

// uploads is told of requests that were uploaded.
func (w *world) uploads(requests, reply []byte) {
	var made struct{ File struct{ Name string } }
	if json.Unmarshal(reply, &made) != nil {
		return
	}
	var all []wireLine
	for line := range bytes.Lines(requests) {
		var l struct {
			Key     string
			Request json.RawMessage
		}
		if json.Unmarshal(line, &l) == nil {
			all = append(all, wireLine{l.Key, rowsIn(l.Request)})
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.uploaded[made.File.Name] = all
}

// collects is told of the lines of a batch job's results.
func (w *world) collects(job string, lines iter.Seq[[]byte]) {
	var display string
	for _, known := range w.sim.Stats().Batches.Jobs {
		if known.Name == job {
			display = known.DisplayName
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range lines {
		var l struct {
			Key      string
			Metadata struct{ Key string } // in its place where the results are inline
			Response json.RawMessage
		}
		if json.Unmarshal(line, &l) != nil || l.Response == nil {
			continue
		}
		for _, sent := range w.batched[display] {
			if sent.key != l.Key && sent.key != l.Metadata.Key {
				continue
			}
			_, answered := readReply(sent.rows, l.Response)
			for i, r := range sent.rows {
				if !answered[i] {
					w.seen["row that a request of a batch job did not answer"]++
					continue
				}
				if w.collected[r.text] == nil {
					w.collected[r.text] = make(map[string]bool)
				}
				w.collected[r.text][job] = true
			}
		}
	}
}
