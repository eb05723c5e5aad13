package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

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
	dir, err := bringState(s, env)
	if err == nil && dir != "" {
		s.State = jobDirOf(dir)
	}
	return err
}

// bringState returns the folder in which a state in an object store can be looked at. It is empty for
// a state that is in a folder.
func bringState(s *Spec, env func(string) string) (dir string, err error) {
	if !strings.Contains(s.State, "://") {
		return "", nil
	}
	address, folders, err := findCopied(s, env)
	if err != nil {
		return "", err
	}
	if dir, err = mirror.Look(context.Background(), address, folders); err == nil && mirror.JobOf(address) == address {
		dir, err = bringShards(dir, address, folders, env)
	}
	if err != nil {
		return "", &spec.Error{Err: err}
	}
	return dir, nil
}

// nothingYet replaces the error for a state in an object store that holds no job.
func nothingYet(dir, address string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dirs := []string{dir}
	all, failed := state.Shards(dir)
	if failed != nil {
		return failed
	}
	for _, folders := range all {
		for _, f := range folders {
			dirs = append(dirs, f.Dir)
		}
	}
	for _, dir := range dirs {
		if owner, err := state.Owner(dir); err == nil && owner != nil {
			return spec.Errorf(fmt.Sprintf("look again in %v, which is how often a run copies", mirror.CopyEvery),
				"process %d on %s works on %s since %s, and nothing is copied yet", owner.PID, owner.Host, address, owner.Since.Local().Format(time.DateTime))
		}
	}
	return state.NoState(address)
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
