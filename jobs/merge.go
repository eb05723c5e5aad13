package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/merge"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file joins the shards of a job.

// A Merging says how shards are merged. The zero value merges all that there are.
type Merging struct {
	Count int // of the shards; 0 if the folder of the job tells it

	// Step, if not nil, is called now and then with the rows that were gone through, twice for
	// each row: to prove that none is missing, and to take over the results.
	Step func(rows int64)
}

// A Merged is what a merge has come to.
type Merged struct {
	*Summary
	Shards  int   `json:"shards"`
	Results int64 `json:"results"` // that were taken over
	Known   int64 `json:"known"`   // that an earlier merge had taken over
}

// An UnfinishedError says that shards of a job cannot be merged yet, and how to go on. Nothing was
// changed. It wraps a [*LockedError] if one of them is running.
type UnfinishedError struct {
	Count   int      // of the shards
	Missing []int    // that have rows and were not run, or have lost their state
	Left    []Left   // that have rows without a result
	Running []Runner // that a process runs
	Served  bool     // the job was served to workers
}

// A Left is a shard with rows without a result.
type Left struct {
	Shard int
	Rows  int64
}

// A Runner is a shard that is running.
type Runner struct {
	Shard int
	Owner Owner
	lock  *LockedError
}

// Error names the shards, and says how to go on.
func (e *UnfinishedError) Error() string {
	const most = 5 // of each kind
	var parts []string
	list := func(n int, one func(i int) string) {
		for i := range min(n, most) {
			parts = append(parts, one(i))
		}
		if n > most {
			parts = append(parts, fmt.Sprintf("and so on with %d more", n-most))
		}
	}
	list(len(e.Running), func(i int) string {
		r := e.Running[i]
		return fmt.Sprintf("shard %d/%d is running, as process %d on %s", r.Shard, e.Count, r.Owner.PID, r.Owner.Host)
	})
	list(len(e.Missing), func(i int) string { return fmt.Sprintf("shard %d/%d is missing", e.Missing[i], e.Count) })
	list(len(e.Left), func(i int) string {
		l := e.Left[i]
		return fmt.Sprintf("shard %d/%d has %s without a result", l.Shard, e.Count, message.Plural(int(l.Rows), "row"))
	})
	todo := 0
	switch {
	case len(e.Missing) > 0:
		todo = e.Missing[0]
	case len(e.Left) > 0:
		todo = e.Left[0].Shard
	}
	switch {
	case todo == 0:
		return strings.Join(parts, "; ") + ": merge them when all have ended"
	case e.Served:
		return strings.Join(parts, "; ") + ": serve the job again, with genbatch serve, which merges them in the end"
	}
	return fmt.Sprintf("%s: run the job with --shard %d/%d, and each other one likewise, and then merge again", strings.Join(parts, "; "), todo, e.Count)
}

// Unwrap returns the error for a shard that is running, or nil.
func (e *UnfinishedError) Unwrap() error {
	if len(e.Running) == 0 {
		return nil
	}
	return e.Running[0].lock
}

// Merge joins the shards of a job: it proves that each row has a result in its shard, takes the
// results over into the journal of the whole job, and writes its output, as a run does that finds
// nothing to ask. It sends nothing. Merging again takes over only what is new, also after a merge
// that was broken off. The shards stay as they are.
//
// The error is an [*UnfinishedError] if a shard is missing, running, or not done, a [*SpecError]
// if shards are of another job or input, a [*LockedError] if a process runs the whole job, and
// otherwise as of [Job.Run].
func Merge(ctx context.Context, s Spec, o Options, m Merging) (*Merged, error) {
	s.Shard, s.QuotaShare = "", ""
	j, err := prepareToWrite(s, o)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	folders, err := shardFolders(j, m.Count)
	if err != nil {
		return nil, err
	}
	if err := lock(j); err != nil {
		return nil, err
	}
	if err := j.openInput(); err != nil {
		return nil, err
	}
	if err := j.checkOutput(); err != nil {
		return nil, err
	}
	if err := j.deriver().CheckFiles(j.spec.Output, j.spec.Force); err != nil {
		return nil, err
	}
	if err := checkShards(j, folders); err != nil {
		return nil, err
	}
	j.removeTemps()
	if err := openCopied(j, journal.Config{Dir: j.state.Dir, FS: j.state.FS, SegmentBytes: j.options.segmentBytes, BlobBytes: j.options.blobBytes}); err != nil {
		return nil, err
	}
	j.list.Use(j.journal)
	if _, err := j.state.InvalidateStale(j.journal.Last()); err != nil {
		return nil, err
	}
	c := merge.Config{List: j.list, Journal: j.journal, Count: folders.count, Folders: folders.dirs, Step: m.Step}
	if err := proveShards(ctx, j, c); err != nil {
		return nil, err
	}
	if _, err := j.state.SaveSpec(&j.spec, j.options.File, j.prompt.Wording()); err != nil {
		return nil, err
	}
	begin := time.Now()
	j.progress.start(begin, j.journal.Last())
	imported, err := merge.Import(ctx, c)
	merged := &Merged{Summary: j.summary(), Shards: folders.count, Results: imported.Results, Known: imported.Known}
	if err != nil {
		return merged, err
	}
	if err := j.state.FS.MkdirAll(spec.ShardsDir(j.state.Dir)); err != nil { // the shards of a copy may be elsewhere
		return merged, err
	}
	if err := state.SaveMerge(j.state, state.MergeRecord{At: time.Now().UTC().Truncate(time.Second), Count: folders.count, Input: recordInput(j.list.Input)}); err != nil {
		return merged, err
	}
	err = copyLast(ctx, j, j.finish(ctx, merged.Summary))
	merged.Elapsed = time.Since(begin)
	merged.Seconds = merged.Elapsed.Seconds()
	return merged, err
}

// shards are the folders of a job's shards.
type shards struct {
	count int
	dirs  map[int]string // by their index
}

// shardFolders finds the folders of the shards in that of the job. count is how many there are to
// be; 0 if the folders are to tell.
func shardFolders(j *Job, count int) (shards, error) {
	jobDir := j.state.Dir
	all, err := state.Shards(jobDir)
	if err == nil && j.Copied() != "" {
		jobDir = j.Copied()
		all, err = copiedShards(jobDir, j.options.Env)
	}
	if err != nil {
		return shards{}, err
	}
	counts := slices.Sorted(maps.Keys(all))
	switch {
	case len(counts) == 0:
		return shards{}, spec.Errorf("run each of them first, with genbatch run --shard 1/8 and so on; or name the folder of their state with --state", "%s has no shards", jobDir)
	case count == 0 && len(counts) > 1:
		return shards{}, spec.Errorf(fmt.Sprintf("say which with --shards %d", counts[0]), "%s has shards of several jobs: of %s", jobDir, strings.Trim(fmt.Sprint(counts), "[]"))
	case count == 0:
		count = counts[0]
	case !slices.Contains(counts, count):
		return shards{}, spec.Errorf(fmt.Sprintf("leave --shards out, or say %d", counts[0]), "%s has no shards of %d", jobDir, count)
	}
	s := shards{count: count, dirs: make(map[int]string)}
	for _, f := range all[count] {
		s.dirs[f.Index] = f.Dir
	}
	return s, nil
}

// checkShards refuses shards of another job or input, and shards that are running.
func checkShards(j *Job, of shards) error {
	served, err := state.LoadServed(j.state.Dir)
	if err != nil {
		return err
	}
	running := &UnfinishedError{Count: of.count}
	now := recordInput(j.list.Input)
	if done, err := state.Merge(j.state.Dir); err != nil {
		return err
	} else if done != nil {
		difference := done.Input.DifferenceTo(&now)
		if difference == "" && done.Count != of.count {
			difference = fmt.Sprintf("%d shards, and now there are %d", done.Count, of.count)
		}
		if difference != "" {
			return spec.Errorf("run the job without --shard: it asks only rows that are new or changed", "shards were merged already, of %s", difference)
		}
	}
	for _, index := range slices.Sorted(maps.Keys(of.dirs)) {
		dir := of.dirs[index]
		name := fmt.Sprintf("shard %d/%d", index, of.count)
		owner, err := state.Owner(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if owner != nil {
			running.Running = append(running.Running, Runner{index, *owner, state.LockedBy(dir, owner)})
			continue
		}
		ran, wording, err := state.LoadShard(dir)
		if errors.Is(err, fs.ErrNotExist) {
			delete(of.dirs, index) // it was killed before it asked anything
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		again := fmt.Sprintf("run the job with --shard %d/%d", index, of.count)
		if served != nil {
			again = "serve the job again, with genbatch serve"
		}
		if !spec.SameQuestion(ran, &j.spec) {
			return spec.Errorf(again+", or merge it as it was run, by its output", "%s asked another model, prompt or request than the job does now", name)
		}
		if wording != j.prompt.Wording() {
			return spec.Errorf("use one version of genbatch for all shards, and run those again that are worded otherwise", "%s was begun by a version that words requests otherwise than that of the others", name)
		}
		was, err := state.ShardInput(dir)
		if errors.Is(err, fs.ErrNotExist) {
			delete(of.dirs, index)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if difference := was.DifferenceTo(&now); difference != "" {
			return spec.Errorf("merge them with the input that they had, after which genbatch run asks only rows that are new or changed; or "+again+", which pays again for rows that another shard has asked",
				"%s had another input: %s", name, difference)
		}
	}
	if len(running.Running) > 0 {
		return running
	}
	return nil
}

// proveShards goes through all rows, and returns an error if one of them has no result.
func proveShards(ctx context.Context, j *Job, c merge.Config) error {
	found, err := merge.Prove(ctx, c)
	if err != nil {
		return err
	}
	served, err := state.LoadServed(j.state.Dir)
	if err != nil {
		return err
	}
	e := &UnfinishedError{Count: c.Count, Served: served != nil}
	made, real := 0, 0
	for index := range found {
		s := &found[index]
		for _, d := range s.Damage {
			j.log().Warn(fmt.Sprintf("the journal of shard %d/%d is damaged: %v; a run of that shard asks the rows concerned again", index, c.Count, d.Error()))
		}
		switch _, there := c.Folders[index]; {
		case s.Left > 0 && !there:
			e.Missing = append(e.Missing, index)
		case s.Left > 0:
			e.Left = append(e.Left, Left{index, s.Left})
		}
		if s.Answered && s.Simulated {
			made = index
		} else if s.Answered {
			real = index
		}
	}
	if made > 0 && real > 0 {
		return spec.Errorf("run the shard again with --fresh", "the answers of shard %d/%d were made up by the simulator, and those of shard %d/%d are real", made, c.Count, real, c.Count)
	}
	if len(e.Missing)+len(e.Left) > 0 {
		return e
	}
	return nil
}
