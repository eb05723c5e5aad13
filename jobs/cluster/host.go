package cluster

import (
	"cmp"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
	"github.com/genbatch/genbatch/jobs/cluster/internal/node"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A host serves one job.
type host struct {
	ServeConfig
	spec jobs.Spec
	log  *slog.Logger
	dir  string // the folder of the shards

	address string // of the servers, for workers
	kept    served

	endpoint string // its name, or its address
	tally    *tally
	control  *Control
	record   jobRecord // as it was published
	noted    time.Time // when it was noted how the shards stand

	bus       *bus.Bus
	collector *collector
	told      map[int]string       // attempts that have handed a shard back, by shard
	stale     map[string]time.Time // attempts with money that are not at work, since when
}

// note leaves in the folder how the shards stand, once a second and at the end, for those who look
// at the job without the servers, and for whoever serves it next.
func (h *host) note(p Progress, entries map[int]entry, ended bool) {
	now := time.Now()
	if now.Sub(h.noted) < time.Second && !ended {
		return
	}
	h.noted = now
	s := &state.Served{At: now.UTC().Truncate(time.Second), Shards: p.Shards, Done: p.Done, Held: make(map[string][]int), Results: p.Results}
	for shard := 1; shard <= p.Shards; shard++ {
		if e := entries[shard]; e.State == held {
			s.Held[e.Worker] = append(s.Held[e.Worker], shard)
		}
	}
	if err := state.SaveServed(durable.FS{}, h.spec.JobDir(), s); err != nil {
		h.log.Debug(err.Error()) // without it the job only waits for a worker before it is merged
	}
}

// purse is the money of the job, of which this process spends nothing.
func (h *host) purse() purse { return purse{keys: h.bus.Ledger, job: h.kept.Job} }

// newHost returns a host, with what the ServeConfig leaves out filled in.
func newHost(s jobs.Spec, c ServeConfig) *host {
	h := &host{ServeConfig: c, spec: s, log: c.Options.Log, stale: make(map[string]time.Time), told: make(map[int]string)}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.spec.Tier = h.spec.Tiers()
	h.Lease = cmp.Or(h.Lease, defaultLease)
	h.Replicas = cmp.Or(h.Replicas, 1)
	h.Listen = cmp.Or(h.Listen, "127.0.0.1:4222")
	return h
}

// connect connects with the servers, and begins one before if there are none. That is to be closed
// also if there is an error.
func (h *host) connect() (own *node.Node, err error) {
	h.address = h.URL
	if h.URL == "" {
		own, err = node.Start(node.Config{Dir: filepath.Join(h.dir, serverFolder), Listen: h.Listen, Token: h.Token})
		if err != nil {
			return nil, spec.Errorf("", "%w", err)
		}
		h.URL, h.address = own.URL(), own.Address()
	}
	h.bus, err = bus.Connect(bus.Config{URL: h.URL, Creds: h.Creds, Token: h.Token, Name: "genbatch serve " + h.spec.Output, Log: h.log})
	if err != nil {
		return own, spec.Errorf("", "%w", err)
	}
	return own, nil
}

// check refuses what cannot be served.
func (h *host) check() error {
	s := &h.spec
	switch {
	case strings.Contains(s.State, "://"):
		return spec.Errorf("name a folder of this machine with --state, on a disk that stays", "the state %s is in an object store, and the process that serves keeps it on its own disk", s.State)
	case s.Shard != "":
		return spec.Errorf("leave it out, and say how many shards there are with --shards", "a shard of a job cannot be served")
	case h.Replicas != 1 && h.Replicas != 3:
		return spec.Errorf("write 1 or 3", "there cannot be %d replicas", h.Replicas)
	case h.Replicas == 3 && h.URL == "":
		return spec.Errorf("name a cluster of three servers with --nats", "the server that serve begins is alone, and has no place for 3 replicas")
	}
	if h.URL == "" {
		c := node.Config{Listen: h.Listen, Token: h.Token}
		if err := c.Check(); err != nil {
			return spec.Errorf("", "%w", err)
		}
	}
	return nil
}

// checkShards refuses what cannot be divided among workers.
func (h *host) checkShards() error {
	if err := h.check(); err != nil {
		return err
	}
	s := &h.spec
	switch {
	case spec.ByBatch(s):
		return spec.Errorf("hold its place, and run it", "a job in the tier batch is not divided among workers, since its batches have one submitter")
	case h.Lease < time.Second:
		return spec.Errorf("write 1s or more", "the lease is %v", h.Lease)
	case h.Shards < 0 || h.Shards > spec.MaxShards:
		return spec.Errorf(fmt.Sprintf("write a number from 1 to %d", spec.MaxShards), "there cannot be %d shards", h.Shards)
	case spec.StartsSimulator(spec.EndpointOptions(s)):
		return spec.Errorf("start genbatch simulate, and give its address with --base-url", "the simulator that each worker would start knows nothing of the others")
	}
	redacted := s.WithoutSecrets()
	if err := spec.CheckSecrets(&redacted); err != nil {
		return spec.Errorf("leave it out: keys belong into the environment of each worker", "a header holds a secret, which is not put into the streams: %v", err)
	}
	deadline, err := s.DeadlineFrom(time.Now())
	if err == nil && !deadline.IsZero() {
		s.Deadline = deadline.UTC().Format(time.RFC3339) // the same for all, whenever they begin
	}
	return err
}
