package jobs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// This file runs shards: jobs that take a part of the rows, and leave the output to [Merge].

// ShardOf returns which shard a state folder is of, such as 3/8, by its path. It is empty for the
// folder of a whole job.
func ShardOf(stateDir string) string {
	_, shard, ok := spec.ParseShardDir(stateDir)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d/%d", shard.Index, shard.Count)
}

// InShare returns a job with the limits and the cap that it keeps itself: those of a shard are a part
// of what its Spec says, and so are the limits of a job with a quota_share.
func InShare(s Spec) Spec {
	if share, err := s.Share(); err == nil {
		s.RPM, s.TPM, s.RPD = quota.Part(s.RPM, share.Of), quota.Part(s.TPM, share.Of), quota.Part(s.RPD, share.Of)
	}
	if limit, err := s.CostLimit(); err == nil && limit > 0 && s.Shard != "" {
		s.MaxCost = strings.TrimRight(limitOf(&s, limit).Format(12), "0")
	}
	return s
}

// limitOf returns the part of a job's cap that a shard keeps, so that all of them together keep it.
func limitOf(s *Spec, limit price.USD) price.USD {
	if shard, err := s.ShardOf(); err == nil && shard.Count > 0 {
		limit /= price.USD(shard.Count)
	}
	return limit
}

// A Shards says how the shards of a job stand.
type Shards struct {
	Count   int       // how many there are to be
	Begun   int       // of these, those with a result
	Running []int     // those that a process runs, from 1
	Merged  time.Time // when they were merged; zero if they were not

	Server *Owner  // the process that serves them to workers; nil if none does now
	Served *Served // how they stood when they were served last; nil if they never were
}

// Served is how the shards of a job stand that are served to workers, as the process that serves
// them has seen them.
type Served struct {
	At      time.Time
	Done    int   // all rows have a result, and it is collected
	Held    int   // by a worker
	Open    int   // neither
	Results int64 // collected, superseded ones too
	Workers []ShardWorker
}

// A ShardWorker is a worker with the shards that it holds, from 1.
type ShardWorker struct {
	Name   string `json:"name"` // host and process
	Shards []int  `json:"shards"`
}

// readServed reads how shards stand that are served, or were.
func (s *Shards) readServed(jobDir string) (err error) {
	if s.Server, err = state.Server(jobDir); err != nil {
		return err
	}
	noted, err := state.LoadServed(jobDir)
	if err != nil || noted == nil || noted.Shards != s.Count {
		return err
	}
	s.Served = &Served{At: noted.At, Done: noted.Done, Results: noted.Results}
	for _, name := range slices.Sorted(maps.Keys(noted.Held)) {
		s.Served.Workers = append(s.Served.Workers, ShardWorker{name, noted.Held[name]})
		s.Served.Held += len(noted.Held[name])
	}
	s.Served.Open = s.Count - s.Served.Done - s.Served.Held
	return nil
}

// shardsOf says how the shards of a job stand; nil if there are none, or if their number is not
// known.
func shardsOf(jobDir string) (*Shards, error) {
	all, err := state.Shards(jobDir)
	if err != nil || len(all) != 1 {
		return nil, err
	}
	s := new(Shards)
	for count, folders := range all {
		s.Count = count
		for _, f := range folders {
			owner, err := state.Owner(f.Dir)
			if err != nil {
				return nil, err
			}
			if owner != nil {
				s.Running = append(s.Running, f.Index)
			}
			if state.HasResults(f.Dir) {
				s.Begun++
			}
		}
	}
	merged, err := state.Merge(jobDir)
	if err == nil && merged != nil && merged.Count == s.Count {
		s.Merged = merged.At
	}
	if err == nil {
		err = s.readServed(jobDir)
	}
	return s, err
}

// unmerged reports whether the results of a job are in its shards, and not yet in its own folder.
func (s *Shards) unmerged() bool { return s != nil && s.Merged.IsZero() }

// addShards counts the results of shards that are not merged, and how many came since a time.
func (s *Status) addShards(prices *price.Table, since time.Time) (recent int, err error) {
	all, err := state.Shards(s.State)
	if err != nil {
		return 0, err
	}
	rows := make(map[batch.Status]int64)
	for _, f := range all[s.Shards.Count] {
		n, err := s.addShard(f.Dir, prices, since, rows)
		if err != nil {
			return 0, err
		}
		recent += n
	}
	s.Status, s.Totals.Rows = rows, 0
	var settled int64
	for status, n := range rows {
		s.Totals.Rows += n
		if status.Settled() {
			settled += n
		}
	}
	if in := s.Input; in != nil {
		in.Settled = min(settled, in.Rows)
		in.Left = max(0, in.Rows-in.Bad-s.Totals.Rows)
	}
	return recent, nil
}

func (s *Status) addShard(dir string, prices *price.Table, since time.Time, rows map[batch.Status]int64) (recent int, err error) {
	jl, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		return 0, err
	}
	defer jl.Close()
	s.LastSeq += jl.Last()
	s.Damage = append(s.Damage, jl.Damage()...)
	for r, err := range journal.Readable(jl) {
		if err != nil {
			return 0, err
		}
		s.AddResult(r, prices)
		if r.At.After(s.LastAt) {
			s.LastAt = r.At
		}
		if r.Status != batch.Pending && r.At.After(since) {
			recent++
		}
	}
	for status, n := range jl.Rows() {
		rows[status] += n
	}
	return recent, nil
}

// isShard reports whether the job is a shard of another one.
func isShard(j *Job) bool { return j.spec.Shard != "" }

// checkBeside refuses to run a shard beside its whole job, and a whole job beside its shards. The
// job must hold its own lock: of two that begin at once, at least one finds the other's then.
func checkBeside(j *Job) error {
	shard, _ := j.spec.ShardOf()
	if j.copy != nil {
		if err := checkBesideCopies(j, shard); err != nil {
			return err
		}
	}
	switch {
	case shard.Count > 0:
		return state.CheckShard(j.spec.JobDir(), shard.Count)
	case j.options.Fresh:
		return nil // all of it is set aside
	}
	return state.CheckWhole(j.state.Dir)
}

// beginShard notes what the input is, so that a merge can tell whether all shards have had the
// same. A shard that was merged already is not to ask anything more, since the merged job does.
func beginShard(j *Job) error {
	if !isShard(j) {
		return nil
	}
	merged, err := mergedShards(j)
	if err != nil {
		return err
	}
	if merged != nil {
		n, err := j.list.CountAsked()
		if err != nil {
			return &spec.Error{Err: err}
		}
		if n > 0 {
			return spec.Errorf("run it without --shard: it asks what is left", "the shards of the job were merged at %s, and so %s would be asked twice",
				merged.At.Local().Format(time.DateTime), message.Plural(int(n), "row"))
		}
	}
	now := recordInput(j.list.Input)
	if err := confirmMoved(j, &now); err != nil {
		return err
	}
	return state.SaveShard(j.state, now)
}

// confirmMoved asks before a shard goes on with another input than it was begun with. The parts of the
// input are others then, and a shard knows nothing of what another one has asked.
func confirmMoved(j *Job, now *state.InputRecord) error {
	if !state.HasResults(j.state.Dir) {
		return nil
	}
	was, err := state.ShardInput(j.state.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	difference := was.DifferenceTo(now)
	if difference == "" {
		return nil
	}
	return j.options.confirm("finish the shards with the input that they had, after which genbatch run asks what is new; or ",
		fmt.Sprintf("shard %s was begun with another input: %s. Rows that another shard has asked may be in this one now, and are paid for again", j.spec.Shard, difference))
}

// recordInput returns what a state folder notes of an input.
func recordInput(in *reader.Input) state.InputRecord {
	var sizes []state.InputSize
	for _, s := range in.Sizes() {
		sizes = append(sizes, state.InputSize(s))
	}
	return state.RecordInput(sizes)
}

// finishShard counts what the rows of a shard have come to, in which no row is pending. It writes
// no output.
func finishShard(j *Job, s *Summary) error {
	totals := new(Totals)
	d := j.deriver()
	for it, err := range j.list.Items() {
		if err == nil {
			_, err = d.Count(&it, totals)
		}
		if err != nil {
			return err
		}
	}
	if n := totals.Status[batch.Pending]; n > 0 {
		return fmt.Errorf("the input changed while the run went on: %s without an answer; run again", message.Plural(int(n), "row"))
	}
	s.Job, s.Kept, s.Simulated = totals, totals.Bill.Kept, totals.Simulated()
	return nil
}
