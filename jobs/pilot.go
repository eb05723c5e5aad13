package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/internal/planner"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file asks a few rows for real, to know what the others cost, and compares ways to run a job.

// Pilot asks n of the rows that a run would ask, from the shortest to the longest
// prompt, and keeps their answers. What they cost is the basis of the plan that it
// returns. Rows are asked by single calls also where the job goes by batch, which might take
// a day. The output is not written, even where no row is left. The plan is there
// whenever the error is one of [batch.Run]'s, of what was answered until then.
//
// With rowsPerCall the same rows are asked in each of these ways, in numbers of rows that share a
// call, and one at a time in any case. They are chosen among all rows of the job, so that the same
// pilot once more asks nothing. A run in one of the ways takes its answers for its own. All of them
// count for MaxCost. The error is a [*SpecError] if rows of the job cannot share calls.
func (j *Job) Pilot(ctx context.Context, n int, rowsPerCall ...int) (*Summary, *Plan, error) {
	if isShard(j) {
		return nil, nil, spec.Errorf("leave --shard out: a pilot of the whole job tells more", "a shard has no pilot of its own")
	}
	for _, n := range rowsPerCall {
		if err := j.spec.CheckRowsPerCall(n); err != nil {
			return nil, nil, err
		}
	}
	if err := j.openJournal(); err != nil {
		return nil, nil, err
	}
	j.warnInput()
	j.critic.WarnPrice()
	lists, err := j.pilotLists(n, rowsPerCall)
	if err != nil {
		return nil, nil, err
	}
	s, runErr := j.ask(ctx, lists, false)
	if s == nil {
		return nil, nil, runErr
	}
	p, err := j.Plan(rowsPerCall...)
	if err != nil {
		return s, nil, errors.Join(runErr, err)
	}
	if p.Forecast != nil {
		var text []byte
		if text, err = planner.MarshalForecast(p); err == nil {
			err = j.state.SaveForecast(text)
		}
	}
	return s, p, errors.Join(runErr, err)
}

// pilotLists returns the lists that a pilot asks, one after the other. What is about to be asked in
// several ways is noted first, so that it is known of answers that a killed pilot leaves.
func (j *Job) pilotLists(n int, rowsPerCall []int) ([]*work.List, error) {
	if len(rowsPerCall) == 0 {
		list, err := j.list.Pilot(n)
		return []*work.List{list}, err
	}
	ways := slices.Compact(slices.Sorted(slices.Values(append([]int{1}, rowsPerCall...))))
	all, err := j.state.AddPilots(ways)
	if err != nil {
		return nil, err
	}
	j.list.SetPiloted(all)
	panel, err := j.list.Panel(n)
	if err != nil {
		return nil, err
	}
	var lists []*work.List
	for _, way := range ways {
		lists = append(lists, panel.Way(way))
	}
	return lists, nil
}

// waysToCompare returns the numbers of rows a call that a plan compares with the job's own: those
// that are asked for, or else those that pilots have asked, or an example.
func (j *Job) waysToCompare(asked, piloted []int) []int {
	switch {
	case len(asked) > 0:
		return append([]int{1}, asked...)
	case j.media != nil || j.spec.CheckRowsPerCall(spec.ExampleRowsPerCall) != nil:
		return []int{1}
	case len(piloted) > 0:
		return append([]int{1}, piloted...)
	case j.spec.SharesCalls():
		return []int{1}
	}
	return []int{1, spec.ExampleRowsPerCall}
}

// services returns the service tiers that a plan compares, and why it leaves out others.
func (j *Job) services() (served []price.Service, leftOut []string) {
	served = []price.Service{price.Standard}
	var f gemini.Facts
	if e, err := gemini.ParseEndpoint(spec.EndpointOptions(&j.spec), j.options.Env); err == nil {
		f = e.Facts
	}
	if f.NoTiers {
		leftOut = append(leftOut, "flex: this endpoint does not sell service tiers, as far as is known")
	} else {
		served = append(served, price.Flex)
	}
	if f.NoBatches {
		leftOut = append(leftOut, "batch: this endpoint has no Batch API, as far as is known")
	} else {
		served = append(served, price.Batch)
	}
	return served, leftOut
}

// warnPiloted says that a run has more rows share a call than any pilot has measured.
func (j *Job) warnPiloted() {
	n := j.spec.RowsPerCall
	if n < 2 {
		return
	}
	measured := 1
	for _, piloted := range state.PilotsIn(j.state.Dir) {
		measured = max(measured, piloted)
	}
	what := "no pilot has measured what that costs in quality"
	switch {
	case measured >= n:
		return
	case measured > 1:
		what = fmt.Sprintf("pilots have measured up to %d", measured)
	}
	j.log().Warn(fmt.Sprintf("up to %d rows share a call, and %s: genbatch plan --pilot 200 --rows-per-call 1,%d does", n, what, n))
}
