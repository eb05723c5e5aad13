package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/mirror"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/objects"
)

// This file has the state of a job kept in an object store: it works in a folder of this machine,
// which package mirror copies.

// Copied returns the address to which the state of a job is copied that can run. It is empty for
// a state that is in its folder alone.
func (j *Job) Copied() string { return j.copy.Address() }

// findCopied finds the folders of this machine for a job whose state is in an object store, by its
// address, or by a folder of this machine that belongs to one. address is empty for any other job.
func findCopied(s *Spec, env func(string) string) (address string, folders mirror.Folders, err error) {
	if address = s.State; !objects.IsAddress(address) {
		if strings.Contains(address, "://") {
			return "", folders, spec.Errorf("name a folder, or an address such as s3://bucket/runs/one", "the state %s is in no object store that is known", address)
		}
		dir, err := filepath.Abs(s.StateDir())
		if err != nil {
			return "", folders, err
		}
		if address = mirror.AddressOf(dir); address == "" {
			return "", folders, nil
		}
	} else if shard, err := s.ShardOf(); err == nil && shard.Count > 0 {
		address = strings.TrimRight(address, "/") + "/" + filepath.ToSlash(spec.ShardDir("", shard))
	}
	dir := durable.UserDir(env)
	if dir == "" {
		return "", folders, spec.Errorf("set HOME, or XDG_STATE_HOME to a folder", "there is no folder to work in for the state %s", address)
	}
	return address, mirror.FoldersOf(dir, address), nil
}

// jobDirOf returns the folder of the whole job, given that of its state, which may be a shard's.
func jobDirOf(dir string) string {
	if whole, _, ok := spec.ParseShardDir(dir); ok {
		return whole
	}
	return dir
}

// lookAt has a job that is only looked at find the state where it is. A job whose state is in an
// object store gets a folder with what the copy has, unless this machine has all of it.
func lookAt(s *Spec, env func(string) string) error {
	if !strings.Contains(s.State, "://") {
		return nil
	}
	address, folders, err := findCopied(s, env)
	if err != nil {
		return err
	}
	dir, err := mirror.Look(context.Background(), address, folders)
	if err != nil {
		return &spec.Error{Err: err}
	}
	s.State = jobDirOf(dir)
	return nil
}

// takeCopy takes the lock of a job's folder and the lease of its copy, and brings the folder up to
// date.
func takeCopy(j *Job, address string) error {
	if j.options.Fresh {
		return spec.Errorf("name another --state, such as "+address+"-2", "--fresh does not go with a state in an object store, in which nothing is set aside")
	}
	if err := j.state.Create(); err != nil {
		return err
	}
	if err := j.state.Lock(); err != nil {
		return err
	}
	var err error
	j.copy, err = mirror.Open(context.Background(), mirror.Config{
		Address: address, Dir: j.state.Dir, FS: j.state.FS, Warn: func(text string) { j.log().Warn(text) },
	})
	return err
}

// importAside takes over what this machine had alone of the journal when another one carried on.
func importAside(j *Job) error {
	all, err := j.copy.Import(j.journal)
	for _, one := range all {
		if one.Results > 0 {
			j.log().Warn(fmt.Sprintf("another machine has carried on meanwhile, and this one had %s that the copy did not have: they are in the journal now", message.Plural(int(one.Results), "answer")))
		}
		if one.Damaged > 0 {
			j.log().Warn(fmt.Sprintf("%s has %s that cannot be read, and is kept", one.Dir, message.Plural(int(one.Damaged), "line")))
		}
	}
	return err
}

// copyLast copies what is new at the end of a run, and returns the error with which the run ends.
func copyLast(ctx context.Context, j *Job, err error) error {
	if _, lost := errors.AsType[*LeaseError](err); lost {
		return err
	}
	failed := j.copy.SyncAtEnd(ctx)
	if err == nil {
		return failed
	}
	if failed != nil {
		j.log().Warn(failed.Error())
	}
	return err
}

// openCopied opens the journal of a job that is not to ask anything, with what this machine had
// alone of it.
func openCopied(j *Job, c journal.Config) (err error) {
	if j.journal, err = journal.Open(c); err != nil {
		return err
	}
	return importAside(j)
}

// copiedShards returns the folders of shards, as [state.Shards] does, of a job whose state is in an
// object store.
func copiedShards(address string, env func(string) string) (map[int][]state.ShardFolder, error) {
	shards, err := mirror.Shards(context.Background(), address)
	if err != nil {
		return nil, err
	}
	all := make(map[int][]state.ShardFolder)
	for _, shard := range shards {
		dir, err := mirror.Look(context.Background(), shard, mirror.FoldersOf(durable.UserDir(env), shard))
		if err != nil {
			return nil, err
		}
		if _, s, ok := spec.ParseShardDir(dir); ok {
			all[s.Count] = append(all[s.Count], state.ShardFolder{Shard: s, Dir: dir})
		}
	}
	for _, folders := range all {
		slices.SortFunc(folders, func(a, b state.ShardFolder) int { return cmp.Compare(a.Index, b.Index) })
	}
	return all, nil
}
