package pack

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/message"
)

// A dividingModel takes the answers of packs apart.
type dividingModel struct {
	batch.Model
	packer *Packer
}

// Over returns m with the outcomes of packs divided over their rows. Calls of one row pass as
// they are. What concerns the endpoint and not the rows, such as a refusal for a quota or a lost
// connection, stays the outcome of the whole call.
func (p *Packer) Over(m batch.Model) batch.Model { return dividingModel{m, p} }

func (m dividingModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if len(r.Rows) == 0 || o.Next != nil {
		return o // or it is asked again in another form
	}
	if o.FinishReason == "MAX_TOKENS" {
		m.packer.learn(len(r.Rows))
	}
	switch {
	case o.Response != nil && (o.Status == batch.OK || o.Status == batch.Truncated):
		o.Parts = m.answered(r, &o)
	case m.concernsRows(&o):
		o.Parts = m.halves(r.Rows, &o)
	}
	return o
}

// Ignores reports whether the text of an answer was written without knowledge of the schema
// that was sent with the request, by what reports it of a single row's text.
func Ignores(r *batch.Request, text string, ofRow func(text string) bool) bool {
	if len(r.Rows) == 0 {
		return ofRow(text)
	}
	pieces, _ := Split(text)
	return len(pieces) == 0 || ofRow(pieces[0].Text)
}

// concernsRows reports whether a call came to nothing for what its rows say, or for how many
// they are. Any of them may be the cause.
func (m dividingModel) concernsRows(o *batch.Outcome) bool {
	switch {
	case o.Consequence == batch.Settled:
		return true
	case o.Consequence != batch.Retry || o.Err == nil:
		return false
	}
	switch o.Err.Kind {
	case batch.KindContent, batch.KindAnswer, batch.KindValidation:
		return true
	case batch.KindTimeout:
		return o.Err.HTTPStatus == 0 // our own patience has ended: fewer rows take less of it
	}
	return false
}

// answered returns what an answer holds for each row. Rows that it answers in a way that can
// be taken for theirs are settled. Others are asked again: alone, or, if the answer ends before
// their place, by halves.
func (m dividingModel) answered(r *batch.Request, o *batch.Outcome) (parts []batch.Part) {
	a, err := gemini.Parse(o.Response)
	if err != nil {
		return m.halves(r.Rows, o)
	}
	pieces, whole := Split(a.Text)
	times := make(map[string]int, len(pieces))
	texts := make(map[string]string, len(pieces))
	for _, piece := range pieces {
		times[piece.ID]++
		texts[piece.ID] = piece.Text
	}
	var left []*batch.Request
	found := 0
	for i, id := range idsOf(r.Rows) {
		row := r.Rows[i]
		switch times[id] {
		case 1:
			found++
			own := *a
			own.Text, own.FinishReason = texts[id], "STOP"
			if strings.TrimSpace(own.Text) == "" || m.packer.Judge(row, &own) != nil {
				parts = append(parts, alone(row, o, fmt.Sprintf("its part of an answer to %d rows was not valid", len(r.Rows))))
				continue
			}
			parts = append(parts, batch.Part{Request: row, Outcome: batch.Outcome{
				Consequence: batch.Answered, Status: batch.OK, Response: o.Response, Part: id,
				FinishReason: own.FinishReason, ModelVersion: o.ModelVersion, ResponseID: o.ResponseID, Tier: o.Tier,
			}})
		case 0:
			left = append(left, row)
		default:
			found++
			parts = append(parts, alone(row, o, fmt.Sprintf("an answer to %d rows had it %d times", len(r.Rows), times[id])))
		}
	}
	if some := slices.ContainsFunc(parts, isAnswered); some || o.Status == batch.OK {
		m.packer.judge(some)
	}
	if !whole || found == 0 {
		return append(parts, m.halves(left, o)...)
	}
	for _, row := range left {
		parts = append(parts, alone(row, o, fmt.Sprintf("an answer to %d rows left it out", len(r.Rows))))
	}
	return parts
}

func isAnswered(p batch.Part) bool { return p.Outcome.Consequence == batch.Answered }

// halves has rows asked again in two calls, or in more if fewer rows share a call by now. Where
// they cannot be asked soon, each is asked alone: with every halving a day might pass.
func (m dividingModel) halves(rows []*batch.Request, o *batch.Outcome) (parts []batch.Part) {
	size := min((len(rows)+1)/2, m.packer.mostRows())
	if m.packer.Later {
		size = 1
	}
	for some := range slices.Chunk(rows, max(1, size)) {
		if len(some) > 1 {
			if call, err := m.packer.Join(some); err == nil { // as before, when they were joined
				parts = append(parts, batch.Part{Request: call, Outcome: again(o)})
				continue
			}
		}
		for _, row := range some {
			parts = append(parts, alone(row, o, "a call that it shared "+endOf(o)))
		}
	}
	return parts
}

// endOf says in a word how a call has ended. The whole text stands with the row that was the
// cause.
func endOf(o *batch.Outcome) string {
	switch {
	case o.Err != nil && o.Err.Kind == batch.KindTimeout:
		return "took too long"
	case o.Status == batch.OK || o.Status == "":
		return "had no answer that could be taken apart"
	}
	return "was " + string(o.Status)
}

// alone has a row asked again by itself, and notes why.
func alone(row *batch.Request, o *batch.Outcome, why string) batch.Part {
	return batch.Part{Request: noted(row, message.OneLine(why, 200)), Outcome: again(o)}
}

// again is the outcome of rows that are asked again in smaller calls.
func again(o *batch.Outcome) batch.Outcome {
	e := o.Err
	if e == nil {
		e = &batch.Error{Kind: batch.KindValidation, HTTPStatus: http.StatusOK, Message: "the answer that several rows shared has none to this one"}
	}
	return batch.Outcome{Consequence: batch.Retry, Err: e}
}
