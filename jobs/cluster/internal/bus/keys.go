package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrConflict says that another process has changed a record first.
var ErrConflict = errors.New("another process has changed the record")

// Keys are the records of a bucket.
type Keys struct {
	bus  *Bus
	name string

	mu sync.Mutex
	kv jetstream.KeyValue // nil until it is needed
}

// A Record is one of Keys.
type Record struct {
	Key      string
	Value    []byte
	Revision uint64    // 0 = there is none
	Written  time.Time // by the servers' clock
}

func (k *Keys) open(ctx context.Context) (jetstream.KeyValue, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kv == nil {
		kv, err := k.bus.js.KeyValue(ctx, k.name)
		if err != nil {
			return nil, away(err)
		}
		k.kv = kv
	}
	return k.kv, nil
}

// away marks an error after which it is not known what was done.
func away(err error) error {
	if errors.Is(err, nats.ErrReconnectBufExceeded) {
		err = nats.ErrDisconnected // what cannot be sent is not kept
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// Get returns the record of a key. Its Revision is 0 if there is none. A server that lags
// behind may return an older one.
func (k *Keys) Get(ctx context.Context, key string) (Record, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	kv, err := k.open(ctx)
	if err != nil {
		return Record{}, err
	}
	e, err := kv.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted):
		return Record{Key: key}, nil
	case err != nil:
		return Record{}, away(err)
	}
	return Record{key, e.Value(), e.Revision(), e.Created()}, nil
}

// Put replaces a record that has the revision, 0 for none, and returns its new one. The error
// is ErrConflict if it has another one by now, and ErrAway if it is not known.
func (k *Keys) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	kv, err := k.open(ctx)
	if err != nil {
		return 0, err
	}
	var r uint64
	if revision == 0 {
		r, err = kv.Create(ctx, key, value)
	} else {
		r, err = kv.Update(ctx, key, value, revision)
	}
	switch {
	case err == nil:
		return r, nil
	case conflict(err):
		return 0, ErrConflict
	}
	return 0, away(err)
}

// conflict reports whether a server refused a change since another one came first.
func conflict(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	if ok && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return true
	}
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch)
}

// Delete removes the records whose keys match a pattern, as in List, whatever their revisions.
func (k *Keys) Delete(ctx context.Context, pattern string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := k.bus.js.Stream(ctx, "KV_"+k.name)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+k.name+"."+pattern))
	}
	if err != nil {
		return away(err)
	}
	return nil
}

// List returns the records whose keys match a pattern, in which a star stands for one name
// and ">" for the rest.
func (k *Keys) List(ctx context.Context, pattern string) ([]Record, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	kv, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	w, err := kv.Watch(ctx, pattern, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, away(err)
	}
	defer w.Stop()
	var list []Record
	for {
		select {
		case e, ok := <-w.Updates():
			if !ok {
				return nil, away(errors.New("the list broke off"))
			}
			if e == nil { // all that were there
				return list, nil
			}
			list = append(list, Record{e.Key(), e.Value(), e.Revision(), e.Created()})
		case <-ctx.Done():
			return nil, away(ctx.Err())
		}
	}
}
