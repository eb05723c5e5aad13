package bus

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nuid"
)

// remembered is how many writers a record remembers.
const remembered = 16

// A shared record is changed by many processes. It remembers who changed it last, so that one
// whose change was cut off can see whether it was made: to make it twice could give away the
// same money or the same minute twice.
type shared struct {
	Writers []string        `json:"writers"`
	Record  json.RawMessage `json:"record"`
}

// Update replaces a shared record by what change makes of it, in one step. If another process
// comes first, change is called again; it is given nil if there is no record yet.
func (k *Keys) Update(ctx context.Context, key string, change func(record []byte) ([]byte, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var unsure []string
	var last error
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		done, id, err := k.try(ctx, key, unsure, change)
		if done {
			return err
		}
		if last = err; id != "" && errors.Is(err, ErrAway) {
			unsure = append(unsure, id)
		}
		select {
		case <-ctx.Done():
			if !errors.Is(last, ErrAway) {
				last = away(last)
			}
			return last
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// try makes the change once, unless one of the writers made it before. An id names the writer
// whose change was sent.
func (k *Keys) try(ctx context.Context, key string, before []string, change func([]byte) ([]byte, error)) (done bool, id string, err error) {
	r, err := k.Get(ctx, key)
	if err != nil {
		return false, "", err
	}
	var s shared
	if r.Revision > 0 {
		if err := json.Unmarshal(r.Value, &s); err != nil {
			return true, "", err
		}
	}
	for _, id := range before {
		if slices.Contains(s.Writers, id) {
			return true, "", nil
		}
	}
	if s.Record, err = change(s.Record); err != nil {
		return true, "", err
	}
	id = nuid.Next()
	s.Writers = append(s.Writers[max(0, len(s.Writers)-remembered+1):], id)
	text, err := json.Marshal(s)
	if err != nil {
		return true, "", err
	}
	_, err = k.Put(ctx, key, text, r.Revision)
	return err == nil, id, err
}

// Read returns a shared record, or nil if there is none.
func (k *Keys) Read(ctx context.Context, key string) ([]byte, error) {
	r, err := k.Get(ctx, key)
	if err != nil || r.Revision == 0 {
		return nil, err
	}
	var s shared
	err = json.Unmarshal(r.Value, &s)
	return s.Record, err
}

// Quota keeps the records of a quota.Store. Records are those of one name space.
type Quota struct{ Bus *Bus }

// Read implements quota.Ledger.
func (q Quota) Read(name string) ([]byte, error) {
	return q.Bus.Ledger.Read(context.Background(), "quota."+name)
}

// Update implements quota.Ledger.
func (q Quota) Update(name string, lasting bool, change func([]byte) ([]byte, error)) error {
	keys := q.Bus.Minute
	if lasting {
		keys = q.Bus.Ledger
	}
	return keys.Update(context.Background(), "quota."+name, change)
}

// Ahead implements quota.Ledger.
func (q Quota) Ahead() time.Duration { return q.Bus.clock.ahead() }
