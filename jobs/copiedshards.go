package jobs

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/mirror"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// This file finds the shards of a job whose state is in an object store. Each has a copy and a lease
// of its own below the address of its job, and may have been run on any machine.

// copiedShards returns the folders of shards, as [state.Shards] does, of a job whose state is in an
// object store.
func copiedShards(address string, env func(string) string) (map[int][]state.ShardFolder, error) {
	shards, err := mirror.Shards(context.Background(), address)
	if err != nil {
		return nil, err
	}
	all := make(map[int][]state.ShardFolder)
	for _, s := range shards {
		dir, err := mirror.Look(context.Background(), s.Address, mirror.FoldersOf(durable.UserDir(env), s.Address))
		if err != nil {
			return nil, err
		}
		all[s.Count] = append(all[s.Count], state.ShardFolder{Shard: s.Shard, Dir: dir})
	}
	for _, folders := range all {
		slices.SortFunc(folders, func(a, b state.ShardFolder) int { return cmp.Compare(a.Index, b.Index) })
	}
	return all, nil
}

// bringShards returns the folder in which a whole job can be looked at: dir, or, while it has shards
// that are not merged, one in which all of them stand as the copy has them.
func bringShards(dir, address string, folders mirror.Folders, env func(string) string) (string, error) {
	if owner, err := state.Owner(dir); err != nil || owner != nil && dir == folders.Work {
		return dir, err
	}
	if merged, err := state.Merge(dir); err != nil || merged != nil {
		return dir, err
	}
	ctx := context.Background()
	shards, err := mirror.Shards(ctx, address)
	if err != nil || len(shards) == 0 {
		return dir, err
	}
	if err := mirror.Bring(ctx, address, folders.View); err != nil {
		return "", err
	}
	there := make(map[string]bool)
	for _, s := range shards {
		of := mirror.FoldersOf(durable.UserDir(env), s.Address).View
		there[of] = true
		if err := mirror.Bring(ctx, s.Address, of); err != nil {
			return "", err
		}
	}
	known, err := state.Shards(folders.View)
	if err != nil {
		return "", err
	}
	for _, old := range known {
		for _, f := range old {
			if !there[f.Dir] { // somebody has removed it from the store
				if err := os.RemoveAll(f.Dir); err != nil {
					return "", err
				}
			}
		}
	}
	return folders.View, nil
}

// checkBesideCopies is checkBeside for a state in an object store, by what is there: the folders of
// this machine know only of what it has run itself.
func checkBesideCopies(j *Job, shard reader.Shard) error {
	ctx := context.Background()
	address := mirror.JobOf(j.Copied())
	shards, err := mirror.Shards(ctx, address)
	if err != nil {
		return err
	}
	if shard.Count == 0 {
		return checkWholeCopy(j, address, shards)
	}
	whole, err := mirror.HeldBy(ctx, address)
	if err != nil {
		return err
	}
	if whole.By != nil {
		return whole.By
	}
	begun := false
	for _, s := range shards {
		if s.Begun && s.Count != shard.Count {
			return state.OtherShards(s.Count, shard.Count, address)
		}
		begun = begun || s.Begun
	}
	if whole.Begun && !begun {
		return state.BegunWhole("name another --state", address)
	}
	return nil
}

// checkWholeCopy refuses to run a whole job beside its shards.
func checkWholeCopy(j *Job, address string, shards []mirror.ShardCopy) error {
	merged, err := state.Merge(j.state.Dir)
	if err != nil {
		return err
	}
	for _, s := range shards {
		switch {
		case merged != nil && merged.Count == s.Count:
		case s.Begun:
			return state.Unmerged("name another --state", s.Count, address)
		case s.By != nil:
			return s.By
		}
	}
	return nil
}

// mergedShards returns what is noted of a merge of the shards of a job, also if another machine has
// merged them. It is nil if they were not merged.
func mergedShards(j *Job) (*state.MergeRecord, error) {
	merged, err := state.Merge(j.spec.JobDir())
	if err != nil || merged != nil || j.Copied() == "" {
		return merged, err
	}
	address := mirror.JobOf(j.Copied())
	whole, err := mirror.HeldBy(context.Background(), address)
	if err != nil || !whole.Begun {
		return nil, err
	}
	dir, err := mirror.Look(context.Background(), address, mirror.FoldersOf(durable.UserDir(j.options.Env), address))
	if err != nil {
		return nil, err
	}
	return state.Merge(dir)
}

// refuseUnmerged refuses to export a job whose answers are all in shards that are not merged.
func refuseUnmerged(j *Job) error {
	if isShard(j) {
		return nil
	}
	parts, err := shardsOf(j.state.Dir)
	if err != nil || !parts.unmerged() || parts.Begun == 0 {
		return err
	}
	text := fmt.Sprintf("the job runs in %d shards, which are not merged, and their answers would be missing", parts.Count)
	if j.journal.Last() > 0 {
		j.log().Warn(text + ": genbatch merge joins them")
		return nil
	}
	return spec.Errorf("join them first, with genbatch merge and the job or its output", "%s", text)
}
