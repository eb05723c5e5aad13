package mirror

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file knows the copies of shards. Each stands below that of its job, and has a lease of its
// own.

// A Held is who works with a copy, and whether it has a part of a journal.
type Held struct {
	Address string
	Begun   bool               // a piece of its journal was copied
	By      *record.LeaseError // by whom another process is refused; nil if nobody works with it
}

// A ShardCopy is the copy of a shard.
type ShardCopy struct {
	spec.Shard
	Held
}

// JobOf returns the address of a job, given that of its state, which may be a shard's.
func JobOf(address string) string {
	if job, _, ok := cutShard(address); ok {
		return job
	}
	return address
}

// cutShard returns the address of a job and the folder of the shard in it that an address is of.
func cutShard(address string) (job, shard string, ok bool) {
	parent, name := path.Split(address)
	if _, isShard := spec.ParseShardName(name); !isShard || path.Base(parent) != shardsFolder {
		return "", "", false
	}
	return strings.TrimSuffix(parent, "/"+shardsFolder+"/"), filepath.Join(shardsFolder, name), true
}

// HeldBy tells who works with the copy at an address.
func HeldBy(ctx context.Context, address string) (Held, error) {
	p, err := findPlace(ctx, address)
	if err != nil {
		return Held{}, err
	}
	return p.held(ctx)
}

func (p place) held(ctx context.Context) (Held, error) {
	h := Held{Address: p.address}
	last, err := p.newest(ctx)
	if err != nil {
		return h, fmt.Errorf("the state %s cannot be looked at: %w", p.address, err)
	}
	if last.commit == nil {
		return h, nil
	}
	h.Begun = len(last.Segments) > 0
	if age := time.Since(last.at); !last.Ended && age < staleAfter {
		h.By = &record.LeaseError{Address: p.address, Holder: record.Owner(last.Holder), Seen: age}
	}
	return h, nil
}

// Shards returns the shards of a job that have copies. One that only was refused, and with which
// nobody works, is none: it has copied nothing.
func Shards(ctx context.Context, address string) (shards []ShardCopy, err error) {
	p, err := findPlace(ctx, address)
	if err != nil {
		return nil, err
	}
	var leased []string // their names, in the order of their keys
	copied := make(map[string]bool)
	begun := make(map[string]bool)
	for info, err := range p.bucket.List(ctx, p.prefix+shardsFolder+"/") {
		if err != nil {
			return nil, fmt.Errorf("the shards of %s cannot be listed: %w", p.address, err)
		}
		name, rest, _ := strings.Cut(strings.TrimPrefix(info.Key, p.prefix+shardsFolder+"/"), "/")
		switch _, _, isCommit := parseCommit(rest); {
		case isCommit && (len(leased) == 0 || leased[len(leased)-1] != name):
			leased = append(leased, name)
		case strings.HasPrefix(rest, filesFolder):
			copied[name] = true
		case strings.HasPrefix(rest, "results-"):
			copied[name], begun[name] = true, true
		}
	}
	for _, name := range leased {
		s, ok := spec.ParseShardName(name)
		if !ok {
			continue
		}
		at := p
		at.address, at.prefix = p.address+"/"+shardsFolder+"/"+name, p.prefix+shardsFolder+"/"+name+"/"
		one := ShardCopy{s, Held{Address: at.address, Begun: begun[name]}}
		if !copied[name] {
			if one.Held, err = at.held(ctx); err != nil {
				return nil, err
			}
			if one.By == nil {
				continue
			}
		}
		shards = append(shards, one)
	}
	return shards, nil
}
