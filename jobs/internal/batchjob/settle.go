package batchjob

import (
	"context"
	"iter"
	"math"
	"slices"
	"sync"

	"github.com/genbatch/genbatch/batch"
)

// A settler brings what is known of rows into the journal, through the same engine and the
// same checks as the answers of single calls.
type settler struct {
	*base
	inner replaceable // what the chain is laid around
	model batch.Model // the chain
	done  sync.Map    // by batch.ID: rows of the job at hand that an earlier run has settled, of requests of which it has not settled all
}

// A replaceable model is another one when results are read than when requests are made.
type replaceable struct{ batch.Model }

// A taker is the model that takes the request which a call would send.
type taker struct{ taken *batch.Request }

func (t *taker) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	t.taken = r
	return batch.Outcome{Err: &batch.Error{Kind: batch.KindTransport, Message: "taken into a batch job"}}
}

// prepare returns a request as the endpoint is to have it, or else what the row comes to.
func (s *settler) prepare(ctx context.Context, req *batch.Request) (*batch.Request, *batch.Outcome) {
	var t taker
	s.inner.Model = s.Media(&t)
	o := s.model.Attempt(ctx, req)
	if t.taken == nil {
		return nil, &o
	}
	return t.taken, nil
}

// run settles rows by the model that the chain is laid around.
func (s *settler) run(ctx context.Context, requests iter.Seq2[*batch.Request, error]) error {
	c := s.Settle
	c.Model, c.Concurrency, c.Later = asked{s.model, &s.done}, readers, s.later
	c.MaxFailures = batch.FailureLimit{Rows: math.MaxInt} // all have been paid for
	if s.Budget != nil {
		c.Limiter = s.Budget.Spending()
	}
	note := c.OnResult
	c.OnResult = func(res *batch.Result) {
		s.ended(res)
		note(res)
	}
	if s.Around != nil {
		c = s.Around(c)
	}
	return batch.Run(ctx, c, requests)
}

// asked is a model of rows that were all asked already: that many of them are refused for
// the same reason is none to leave the others unread.
type asked struct {
	batch.Model
	done *sync.Map
}

func (m asked) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	r.Tier = Tier
	o := m.Model.Attempt(ctx, r)
	o.Refusal, o.Limits = "", nil
	if o.Parts == nil && o.Consequence != batch.Stop {
		for _, row := range r.Rows {
			if m.isDone(row) { // then the rows of the request go apart
				o.Parts = partsOf(r, o)
				break
			}
		}
	}
	o.Parts = slices.DeleteFunc(o.Parts, func(p batch.Part) bool { return m.isDone(p.Request) })
	return o
}

func (m asked) isDone(row *batch.Request) bool {
	_, done := m.done.Load(row.ID())
	return done
}

// partsOf returns the outcome of a request as that of each of its rows.
func partsOf(r *batch.Request, o batch.Outcome) (parts []batch.Part) {
	o.Usage, o.MaybeBilled, o.Most, o.Next = nil, false, nil, nil // of the request
	for _, row := range r.Rows {
		parts = append(parts, batch.Part{Request: row, Outcome: o})
	}
	return parts
}

// A given model has the outcomes of some rows.
type given struct {
	requests []*batch.Request
	outcomes map[batch.ID]batch.Outcome
}

func (g *given) add(req *batch.Request, o batch.Outcome) {
	if g.outcomes == nil {
		g.outcomes = make(map[batch.ID]batch.Outcome)
	}
	g.requests = append(g.requests, req)
	g.outcomes[req.ID()] = o
}

func (g *given) Attempt(_ context.Context, r *batch.Request) batch.Outcome { return g.outcomes[r.ID()] }

// settle settles rows whose outcomes are known without asking.
func (s *settler) settle(ctx context.Context, g given) error {
	if len(g.requests) == 0 {
		return nil
	}
	s.inner.Model = &g
	return s.run(ctx, func(yield func(*batch.Request, error) bool) {
		for _, req := range g.requests {
			if !yield(req, nil) {
				return
			}
		}
	})
}
