package mirror

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file removes objects of which the copy is not made any more.

// retireAfter is how long a piece stays that counts no more, for machines that bring the copy to
// look at it and have seen it listed.
const retireAfter = 5 * time.Minute

// A retired piece is one that another one has taken in.
type retired struct {
	piece
	at time.Time
}

// retire notes of which pieces the copy is made now, and removes those that others have taken in a
// while ago.
func (c *copier) retire(ctx context.Context, now map[string][]piece) {
	for name, pieces := range c.pieces {
		for _, p := range pieces {
			if !slices.Contains(now[name], p) {
				c.retired = append(c.retired, retired{p, time.Now()})
			}
		}
	}
	c.pieces = now
	for len(c.retired) > 0 && time.Since(c.retired[0].at) >= retireAfter {
		_ = c.bucket.Remove(ctx, c.prefix+c.retired[0].name())
		c.retired = c.retired[1:]
	}
}

// sweep removes objects that no commit names: those of processes that were cut off, of pieces that
// others have taken in, and of segments and answers that were pruned.
func (c *copier) sweep(ctx context.Context) error {
	if err := c.rounds.take(ctx); err != nil { // what a round has made is named when it ends
		return err
	}
	defer c.rounds.give()
	now, err := c.current()
	if err != nil {
		return err
	}
	if err := c.sweepPieces(ctx, now); err != nil {
		return err
	}
	named := make(map[string]bool)
	for _, f := range now.Files {
		named[f.Object] = true
	}
	kept, err := blobsIn(c.dir)
	if err != nil {
		return err
	}
	for _, name := range kept {
		named[blobsFolder+name] = true
	}
	for _, folder := range []string{filesFolder, blobsFolder} {
		for info, err := range c.bucket.List(ctx, c.prefix+folder) {
			if err != nil {
				return err
			}
			key := strings.TrimPrefix(info.Key, c.prefix)
			if named[key] || !c.isStale(key) {
				continue
			}
			if err := c.bucket.Remove(ctx, info.Key); err != nil {
				return err
			}
			if name, ok := strings.CutPrefix(key, blobsFolder); ok {
				delete(c.blobs, name)
			}
		}
	}
	return nil
}

// sweepPieces finds of which pieces the copy is made, and removes others, but none of a later epoch:
// this process may have been held up, and another one works by now.
func (c *copier) sweepPieces(ctx context.Context, now *commit) error {
	there, err := c.listPieces(ctx)
	if err != nil {
		return err
	}
	used := make(map[string][]piece)
	for _, s := range now.Segments {
		chosen, err := c.choose(there[s.Name], s, 0)
		if err != nil {
			return err
		}
		for _, one := range chosen {
			used[s.Name] = append(used[s.Name], one.piece)
		}
	}
	c.pieces, c.retired = used, nil
	for name, pieces := range there {
		for _, p := range pieces {
			if p.epoch <= c.epoch && !slices.Contains(used[name], p) {
				if err := c.bucket.Remove(ctx, c.prefix+p.name()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// isStale reports whether an object that is not named is one that a copy had, and none of a later
// epoch.
func (c *copier) isStale(key string) bool {
	if name, ok := strings.CutPrefix(key, blobsFolder); ok {
		return c.blobs[name]
	}
	round, rest, _ := strings.Cut(strings.TrimPrefix(key, filesFolder), "/")
	m := roundName.FindStringSubmatch(round)
	if m == nil {
		return false
	}
	epoch, err := strconv.ParseInt(m[1], 10, 64)
	return err == nil && epoch <= c.epoch && isCopied(rest)
}
