package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nuid"

	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
)

// The shards that may be claimed stand in one record, which the process that serves writes. To
// look at all claims would cost each worker as much as there are shards, and workers that have
// nothing to do look all the time.

// An offer is that record.
type offer struct {
	Open map[int]uint64 `json:"open"` // the revisions of their claims, by shard
}

func offerKey(job string) string { return "open." + job }

// offerer writes the offer of a job.
type offerer struct {
	keys     *bus.Keys
	job      string
	open     map[int]uint64 // as it was written
	revision uint64         // 0: nothing was written yet
	at       time.Time      // when it was written
}

// write writes the offer, if it is another one than before, and else now and then, since the servers
// may have lost it. What fails is tried again the next time: until then workers try to claim what
// others have, and do not get it.
func (o *offerer) write(ctx context.Context, open map[int]uint64) error {
	if o.revision > 0 && maps.Equal(open, o.open) && time.Since(o.at) < defaultLease {
		return nil
	}
	text, err := json.Marshal(offer{open})
	if err != nil {
		return err
	}
	key := offerKey(o.job)
	revision, err := o.keys.Put(ctx, key, text, o.revision)
	if err != nil { // another process has served the job before, or it is not known what was done
		r, failed := o.keys.Get(ctx, key)
		if failed != nil {
			return failed
		}
		if revision, err = o.keys.Put(ctx, key, text, r.Revision); err != nil {
			return err
		}
	}
	o.open, o.revision, o.at = open, revision, time.Now()
	return nil
}

// readOffer returns the shards of a job that may be claimed.
func readOffer(ctx context.Context, keys *bus.Keys, job string) (map[int]uint64, error) {
	r, err := keys.Get(ctx, offerKey(job))
	if err != nil || r.Revision == 0 {
		return nil, err
	}
	var o offer
	if err := json.Unmarshal(r.Value, &o); err != nil {
		return nil, fmt.Errorf("the open shards of the job %s cannot be read: %w", job, err)
	}
	return o.Open, nil
}

// mostTries is how many open shards a worker tries to claim before it reads the offer again, which
// is another one by then if so many were gone.
const mostTries = 8

// claim claims a shard of a job, if one was open for so long. It returns nil if none was, or if
// nobody serves the job now: its rows wait for that, and this worker need not. The record of a job
// that is served is of now, since it is written before questions are answered.
func (w *worker) claim(ctx context.Context, id string, patience time.Duration) (*hold, *jobRecord) {
	offered, err := readOffer(ctx, w.bus.Jobs, id)
	if err != nil {
		return nil, nil
	}
	seen := w.seen[id]
	if seen == nil {
		seen = new(sightings)
		w.seen[id] = seen
	}
	ages := seen.ages(time.Now(), offered)
	maps.DeleteFunc(ages, func(_ int, age time.Duration) bool { return age < patience })
	if len(ages) == 0 || !isServed(ctx, w.bus, id) {
		return nil, nil
	}
	j, _, err := loadJob(ctx, w.bus, id)
	if err != nil || j == nil || j.State != open {
		return nil, nil
	}
	if v := version.Version(); v != j.Version {
		w.warnOnce(fmt.Sprintf("%s: this is genbatch %s, and the job is served by %s: use one version for all", j.Name, v, j.Version))
	}
	// What is left of the job is sent first, since its rows need not be asked then.
	if err := w.sendLeft(ctx, id); err != nil {
		w.warnOnce(err.Error())
		return nil, nil
	}
	shards := slices.Collect(maps.Keys(ages))
	rand.Shuffle(len(shards), func(i, j int) { shards[i], shards[j] = shards[j], shards[i] })
	b := newBoard(w.bus.Claims, id, j.Lease)
	for _, shard := range shards[:min(len(shards), mostTries)] {
		e, err := b.entry(ctx, shard)
		if err != nil {
			return nil, nil
		}
		if e.revision != offered[shard] {
			continue // somebody else has it by now
		}
		h, err := b.take(ctx, shard, e.revision, nuid.Next(), w.name)
		if err != nil {
			return nil, nil
		}
		if h != nil {
			if e.State == held {
				w.Log.Warn(fmt.Sprintf("%s: took over shard %d of %d from %s, which is silent", j.Name, shard, j.Count, e.Worker))
			} else {
				w.Log.Info(fmt.Sprintf("%s: shard %d of %d is begun", j.Name, shard, j.Count))
			}
			return h, j
		}
	}
	return nil, nil
}
