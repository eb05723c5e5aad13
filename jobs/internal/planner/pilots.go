package planner

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/internal/stats"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/plan"
)

// An Answer is what an answer to a row says.
type Answer struct {
	OK     bool     // the row's status is ok
	Values []string // of its columns, in a form in which equal ones are equal
	Right  *bool    // whether it is what is expected; nil if that is not known
}

// pilots compare the answers to the same rows in several ways with those to each alone.
type pilots struct {
	*builder
	shared map[int]*panel // by rows a call
}

// A panel is the rows that a pilot has asked in one way.
type panel struct {
	rows, same, labelled, right, onlyOne, onlyThis int64

	calls  map[callID]int
	agree  []stats.Cluster // by call
	judged []stats.Cluster
}

// A callID tells calls apart. Not every gateway gives its answers an id of their own.
type callID struct {
	callKey
	response string
	row      int64 // of a row that was alone; else 0
}

// callIDOf returns the call that has answered a row.
func callIDOf(r *batch.Result) callID {
	n := len(r.Spent)
	if r.Part == "" || n == 0 {
		return callID{row: r.Seq}
	}
	return callID{callKey: callKeyOf(&r.Spent[n-1]), response: r.ResponseID}
}

// at returns the place of a result's call in the clusters.
func (p *panel) at(r *batch.Result) int {
	id := callIDOf(r)
	at, known := p.calls[id]
	if !known {
		at = len(p.agree)
		if p.calls == nil {
			p.calls = make(map[callID]int)
		}
		p.calls[id] = at
		p.agree, p.judged = append(p.agree, stats.Cluster{}), append(p.judged, stats.Cluster{})
	}
	return at
}

// compare adds a row's result, with the answer to the row alone.
func (p *panel) compare(r *batch.Result, alone, a Answer) {
	at := p.at(r)
	if alone.OK && a.OK {
		p.rows++
		p.agree[at].Rows++
		if slices.Equal(alone.Values, a.Values) {
			p.same++
			p.agree[at].Hits++
		}
	}
	if alone.Right == nil || a.Right == nil {
		return
	}
	p.labelled++
	p.judged[at].Rows++
	switch {
	case *a.Right:
		p.right++
		p.judged[at].Hits++
		if !*alone.Right {
			p.onlyThis++
		}
	case *alone.Right:
		p.onlyOne++
	}
}

// add adds a row, if pilots have asked it.
func (s *pilots) add(it *work.Item) error {
	if it.Elsewhere == 0 || it.Request == nil {
		return nil
	}
	e, known := s.List.Piloted(it, 1)
	if !known || !e.Status.Settled() {
		return nil
	}
	alone, r, err := s.read(it, e)
	if err != nil {
		return err
	}
	asked := false
	for _, n := range s.Config.Piloted {
		e, known := s.List.Piloted(it, n)
		if n == 1 || !known || !e.Status.Settled() {
			continue
		}
		a, r, err := s.read(it, e)
		if err != nil {
			return err
		}
		s.of(n).compare(r, alone, a)
		asked = true
	}
	if asked {
		s.of(1).compare(r, alone, alone)
	}
	return nil
}

func (s *pilots) read(it *work.Item, e journal.Entry) (Answer, *batch.Result, error) {
	r, err := s.Journal.Read(e)
	if err != nil {
		return Answer{}, nil, err
	}
	return s.Read(it.Row, r), r, nil
}

// of returns the panel of a way.
func (s *pilots) of(rowsPerCall int) *panel {
	p := s.shared[rowsPerCall]
	if p == nil {
		p = new(panel)
		if s.shared == nil {
			s.shared = make(map[int]*panel)
		}
		s.shared[rowsPerCall] = p
	}
	return p
}

// measured returns what is known of a way; nil if no pilot has asked rows in it.
func (s *pilots) measured(rowsPerCall int) *plan.Measured {
	p := s.shared[rowsPerCall]
	if p == nil {
		return nil
	}
	m := &plan.Measured{
		Rows: p.rows, Calls: int64(len(p.agree)), Same: p.same,
		Labelled: p.labelled, Right: p.right, OnlyOne: p.onlyOne, OnlyThis: p.onlyThis,
		MidP: stats.Pairing{OnlyA: p.onlyOne, OnlyB: p.onlyThis}.McNemar(),
	}
	if s.Compares && p.rows > 0 && rowsPerCall > 1 {
		_, interval := stats.Clustered(p.agree)
		m.Agreement = &interval
	}
	if p.labelled > 0 {
		_, interval := stats.Clustered(p.judged)
		m.Accuracy = &interval
	}
	return m
}
