// Package bus is all that genbatch knows of NATS: the connection, records that are changed in
// one step, the stream of results, and requests to the collector.
//
// Nothing in it is the only home of an answer: what a stream has acknowledged counts as lost
// until the collector has it on its own disk.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// patience is how long one exchange with the servers may take.
const patience = 3 * time.Second

// ErrAway says that the servers cannot be reached, or have no leader at the moment: what was
// asked may have been done or not.
var ErrAway = errors.New("the NATS servers do not answer")

// Config says where the servers are. URL is required.
type Config struct {
	URL   string // one or several, with commas between; may hold user and password, or a token
	Creds string // a file with credentials; empty = none
	Token string // empty = none, or URL has it
	Fixed bool   // use the servers of URL alone, and not those that they tell of
	Name  string // of this process, for people
	Log   *slog.Logger
}

// A Bus is a connection with the servers, which is made anew whenever it breaks. It is safe
// for concurrent use.
type Bus struct {
	nc  *nats.Conn
	js  jetstream.JetStream
	url string // redacted
	log *slog.Logger

	denied atomic.Pointer[error] // the last that refused this process as a stranger

	Jobs   *Keys // what is to be done: a record for each job
	Claims *Keys // who is at it: a record for each shard
	Ledger *Keys // what must survive: requests of the day, money
	Minute *Keys // what is worth nothing a minute later

	clock clock
	stop  context.CancelFunc
	wg    sync.WaitGroup
}

// bucket is how a bucket of records is kept.
type bucket struct {
	name    string
	storage jetstream.StorageType
}

var buckets = [...]bucket{
	{"genbatch-jobs", jetstream.FileStorage},
	{"genbatch-claims", jetstream.FileStorage},
	{"genbatch-ledger", jetstream.FileStorage},
	{"genbatch-minute", jetstream.MemoryStorage},
}

// Connect connects with the servers. They need not answer yet.
func Connect(c Config) (*Bus, error) {
	b := &Bus{url: Redacted(c.URL), log: c.Log}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	var told atomic.Bool
	connected := func(nc *nats.Conn) {
		if told.Swap(false) {
			b.log.Info("connected with NATS, at " + nc.ConnectedUrlRedacted())
		}
	}
	options := []nats.Option{
		nats.Name(c.Name), nats.MaxReconnects(-1), nats.ReconnectWait(200 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, time.Second),
		nats.RetryOnFailedConnect(true), nats.Timeout(patience), nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1),   // what cannot be sent now is an error now
		nats.IgnoreAuthErrorAbort(), // a server that was misconfigured for a moment must not end a job
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil && !told.Swap(true) {
				b.log.Warn(fmt.Sprintf("the connection with NATS is lost, and nothing is sent until it is back: %v", err))
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			if stranger(err) {
				b.denied.Store(&err)
			}
			if !told.Swap(true) {
				b.log.Warn(fmt.Sprintf("NATS at %s cannot be reached, which is tried again: %v", b.url, err))
			}
		}),
		nats.ConnectHandler(connected), nats.ReconnectHandler(connected),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // each is an error of who asked, too
	}
	if c.Creds != "" {
		options = append(options, nats.UserCredentials(c.Creds))
	}
	if c.Fixed {
		options = append(options, nats.IgnoreDiscoveredServers())
	}
	if c.Token != "" {
		options = append(options, nats.Token(c.Token))
	}
	nc, err := nats.Connect(c.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("cannot connect with NATS at %s: %w", b.url, err)
	}
	b.nc = nc
	if b.js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(patience)); err != nil {
		nc.Close()
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	for i, keys := range []**Keys{&b.Jobs, &b.Claims, &b.Ledger, &b.Minute} {
		*keys = &Keys{bus: b, name: buckets[i].name}
	}
	b.clock.key = "clock." + nuid.Next()
	b.wg.Go(func() { b.clock.keep(ctx, b) })
	return b, nil
}

// Close ends the connection. It may be called twice.
func (b *Bus) Close() {
	b.stop()
	b.wg.Wait()
	b.nc.Close()
}

// Redacted returns an address without what only its owner should know.
func Redacted(addresses string) string {
	list := strings.Split(addresses, ",")
	for i, a := range list {
		if at := strings.LastIndex(a, "@"); at >= 0 {
			scheme, _, ok := strings.Cut(a, "://")
			if !ok {
				scheme = "nats"
			}
			list[i] = scheme + "://" + a[at+1:]
		}
	}
	return strings.Join(list, ",")
}

// Connected reports whether there is a connection now.
func (b *Bus) Connected() bool { return b.nc.IsConnected() }

// stranger reports whether a server knows no such user, token or credentials.
func stranger(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) ||
		errors.Is(err, nats.ErrAccountAuthExpired)
}

// admitted waits for a connection, unless this process is refused as a stranger.
func (b *Bus) admitted(ctx context.Context) error {
	return b.until(ctx, func(context.Context) error {
		denied := b.denied.Load()
		switch {
		case b.nc.IsConnected():
			return nil
		case denied != nil:
			return &refused{fmt.Errorf("NATS at %s refuses this process: %w; give the token that it wants with GENBATCH_NATS_TOKEN or --nats-token-file, or credentials with --nats-creds", b.url, *denied)}
		}
		return nats.ErrConnectionReconnecting
	})
}

// Setup makes the buckets that are not there, with so many replicas of each record, and looks
// whether they are as they must be: what a server was making when it was killed may be there,
// and be something else. It tries again until ctx ends.
func (b *Bus) Setup(ctx context.Context, replicas int) error {
	if err := b.admitted(ctx); err != nil {
		return err
	}
	for _, k := range buckets {
		want := k.config(replicas)
		err := b.until(ctx, func(ctx context.Context) error {
			stream, err := b.js.Stream(ctx, want.Name)
			if errors.Is(err, jetstream.ErrStreamNotFound) {
				stream, err = b.js.CreateStream(ctx, want)
			}
			if err != nil {
				return err
			}
			info, err := stream.Info(ctx)
			if err != nil {
				return err
			}
			if got := info.Config; got.Storage != want.Storage || got.Replicas != want.Replicas || got.MaxAge != 0 || got.AllowDirect || got.PersistMode != want.PersistMode {
				return &refused{fmt.Errorf("it is there with %v storage and %d replicas, and must have %v and %d, without an age: remove it, or name the --replicas that it has",
					got.Storage, got.Replicas, want.Storage, want.Replicas)}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("the bucket %s cannot be made: %w", k.name, err)
		}
	}
	return nil
}

// config is the stream of a bucket: as the library makes it, but that it is read only where it
// is written. Another server may lag behind, and a claim that it does not have yet must not look
// like one that is gone.
func (k bucket) config(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "KV_" + k.name, Subjects: []string{"$KV." + k.name + ".>"}, Description: "genbatch",
		Storage: k.storage, Replicas: replicas, PersistMode: jetstream.DefaultPersistMode,
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true, AllowDirect: false,
	}
}

// Await waits until the buckets are there, and the servers' clock is known.
func (b *Bus) Await(ctx context.Context) error {
	if err := b.admitted(ctx); err != nil {
		return err
	}
	for _, k := range buckets {
		if err := b.until(ctx, func(ctx context.Context) error {
			_, err := b.js.KeyValue(ctx, k.name)
			return err
		}); err != nil {
			return err
		}
	}
	return b.until(ctx, func(ctx context.Context) error { return b.clock.measure(ctx, b) })
}

// refused is an error that trying again does not mend.
type refused struct{ err error }

func (r *refused) Error() string { return r.err.Error() }
func (r *refused) Unwrap() error { return r.err }

// until does something until it succeeds, is refused, or ctx ends.
func (b *Bus) until(ctx context.Context, do func(context.Context) error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			return do(ctx)
		}()
		if _, ok := errors.AsType[*refused](err); err == nil || ok {
			return err
		}
		if errors.Is(err, nats.ErrPermissionViolation) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}
