package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	fetchMost  = 128
	fetchWait  = 2 * time.Second
	fetchBytes = 16 << 20 // that are passed on together

	// fetchesEmpty is how many fetches may bring nothing before another consumer is made. One
	// whose server was killed can be there still and say nothing for ever.
	fetchesEmpty = 4
)

// Results are the stream of what the workers of a job have answered, on its way to the
// collector.
type Results struct {
	bus *Bus
	job string
}

// Results returns the stream of a job, which Make makes.
func (b *Bus) Results(job string) *Results { return &Results{b, job} }

func (s *Results) name() string { return "genbatch-results-" + s.job }

// An Identity names one stream for ever: one that was lost and made anew has another one.
type Identity struct {
	Created time.Time `json:"created"`
}

// A Message is a part of a stream.
type Message struct {
	Sequence uint64
	Subject  string // without what all subjects of the stream begin with
	Data     []byte
}

// LostError says that a stream does not have what it acknowledged: messages that the
// collector has not seen are gone, and only the workers' own copies are left.
type LostError struct {
	Reason string
	Next   uint64 // where the stream goes on; 0 = it is another one by now
}

func (e *LostError) Error() string { return "results are gone from the stream: " + e.Reason }

// Make makes the stream if it is not there, and looks whether it is as it must be. It tries
// again until ctx ends.
func (s *Results) Make(ctx context.Context, replicas int) (id Identity, err error) {
	want := jetstream.StreamConfig{
		Name: s.name(), Subjects: []string{s.subject(">")}, Description: "genbatch",
		Storage: jetstream.FileStorage, Replicas: replicas, PersistMode: jetstream.DefaultPersistMode,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxMsgsPerSubject: 1, DiscardNewPerSubject: true, // a message that is there is never replaced
	}
	err = s.bus.until(ctx, func(ctx context.Context) error {
		stream, err := s.bus.js.Stream(ctx, s.name())
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			stream, err = s.bus.js.CreateStream(ctx, want)
		}
		if err != nil {
			return err
		}
		info, err := stream.Info(ctx) // what it is by now, not what was asked for
		if err != nil {
			return err
		}
		got := info.Config
		if got.Storage != want.Storage || got.Replicas != want.Replicas || got.PersistMode != want.PersistMode ||
			got.Discard != want.Discard || got.MaxMsgsPerSubject != 1 || !got.DiscardNewPerSubject || got.Retention != want.Retention {
			return &refused{fmt.Errorf("it is there, and is not as it must be: %+v", got)}
		}
		id.Created = info.Created
		return nil
	})
	if err != nil {
		return id, fmt.Errorf("the stream %s cannot be made: %w", s.name(), err)
	}
	return id, nil
}

func (s *Results) subject(rest string) string { return "genbatch." + s.job + ".result." + rest }

// Publish adds a message, unless one with its subject is there already.
func (s *Results) Publish(ctx context.Context, subject string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.bus.js.PublishMsg(ctx, &nats.Msg{Subject: s.subject(subject), Data: data},
		jetstream.WithExpectStream(s.name()), jetstream.WithExpectLastSequencePerSubject(0), jetstream.WithRetryAttempts(0))
	if err == nil || conflict(err) || full(err) {
		return nil
	}
	return away(err)
}

// full reports whether a server refused a message since one with its subject is there.
func full(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && api.ErrorCode == 10077 // maximum messages per subject exceeded
}

// MaxPayload returns the largest message that the servers take, in bytes.
func (s *Results) MaxPayload() int64 { return s.bus.nc.MaxPayload() }

// Read passes on what stands after a place of the stream, group by group in its order, until
// ctx ends or take fails. The error is a [*LostError] if the stream is not the one with the
// identity, or does not go on where it must. Servers that do not answer are waited for.
func (s *Results) Read(ctx context.Context, id Identity, after uint64, take func([]Message) error) error {
	jumps := 0 // that came in a row, at one place
	empty := 0 // fetches in a row that brought nothing
	for ctx.Err() == nil {
		var consumer jetstream.Consumer
		empty = 0
		if err := s.bus.until(ctx, func(ctx context.Context) (err error) {
			consumer, err = s.consumer(ctx, id, after)
			return err
		}); err != nil {
			return err
		}
		for ctx.Err() == nil {
			before := after
			err := s.fetch(consumer, &after, take)
			if stop, ok := errors.AsType[*refused](err); ok {
				return stop.err
			}
			empty++
			if after > before {
				jumps, empty = 0, 0
			}
			if jump, ok := errors.AsType[*jumpError](err); ok {
				if jumps++; jumps == 3 {
					return &LostError{jump.Error(), jump.got}
				}
			}
			if err != nil || empty > fetchesEmpty {
				break // ask for the rest anew, from where we are
			}
		}
	}
	return ctx.Err()
}

// A jumpError says that a message did not follow on the one before.
type jumpError struct{ after, got uint64 }

func (e *jumpError) Error() string { return fmt.Sprintf("message %d came after %d", e.got, e.after) }

// consumer makes a consumer that begins after a place. It is one of our own rather than one of
// the library's ordered ones: those go on after a gap that the stream has.
func (s *Results) consumer(ctx context.Context, id Identity, after uint64) (jetstream.Consumer, error) {
	stream, err := s.bus.js.Stream(ctx, s.name())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, &refused{&LostError{Reason: "there is none"}}
	}
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Created.Equal(id.Created):
		return nil, &refused{&LostError{Reason: fmt.Sprintf("it was made anew at %v", info.Created)}}
	case info.State.LastSeq < after:
		return nil, &refused{&LostError{fmt.Sprintf("it ends with %d, and message %d was collected", info.State.LastSeq, after), max(1, info.State.FirstSeq)}}
	case info.State.FirstSeq > after+1:
		return nil, &refused{&LostError{fmt.Sprintf("it begins with %d, and only what comes up to %d was collected", info.State.FirstSeq, after), info.State.FirstSeq}}
	}
	return s.bus.js.CreateConsumer(ctx, s.name(), jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
		InactiveThreshold: 30 * time.Second, MemoryStorage: true, Replicas: 1,
	})
}

// fetch passes on the next messages, as far as one follows on the other: those together that
// have come meanwhile. An error of take is refused.
func (s *Results) fetch(c jetstream.Consumer, after *uint64, take func([]Message) error) error {
	batch, err := c.Fetch(fetchMost, jetstream.FetchMaxWait(fetchWait), jetstream.FetchHeartbeat(fetchWait/3))
	if err != nil {
		return err
	}
	prefix := len(s.subject(""))
	var list []Message
	var size int
	flush := func() error {
		if len(list) == 0 {
			return nil
		}
		if err := take(list); err != nil {
			return &refused{err}
		}
		*after += uint64(len(list))
		list, size = nil, 0
		return nil
	}
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err == nil && meta.Sequence.Stream != *after+uint64(len(list))+1 {
			err = &jumpError{*after + uint64(len(list)), meta.Sequence.Stream}
		}
		if err != nil {
			return errors.Join(err, flush())
		}
		list = append(list, Message{meta.Sequence.Stream, m.Subject()[prefix:], m.Data()})
		if size += len(m.Data()); len(batch.Messages()) > 0 && size < fetchBytes {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
		return err
	}
	return nil
}

// End returns where the stream ends now.
func (s *Results) End(ctx context.Context) (id Identity, last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := s.bus.js.Stream(ctx, s.name())
	if err != nil {
		return id, 0, away(err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return id, 0, away(err)
	}
	return Identity{info.Created}, info.State.LastSeq, nil
}

// Purge removes what stands up to a place of the stream.
func (s *Results) Purge(ctx context.Context, upTo uint64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := s.bus.js.Stream(ctx, s.name())
	if err != nil {
		return away(err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(upTo+1)); err != nil {
		return away(err)
	}
	return nil
}

// Remove removes the stream.
func (s *Results) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.bus.js.DeleteStream(ctx, s.name()); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return away(err)
	}
	return nil
}

// Ask sends a question to the collector of a job, and returns its answer.
func (b *Bus) Ask(ctx context.Context, job, what string, question []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := b.nc.RequestWithContext(ctx, "genbatch."+job+".ask."+what, question)
	if err != nil {
		return nil, away(err)
	}
	return m.Data, nil
}

// Answer answers the questions of a kind about a job until the function that it returns is
// called. Answers are made one at a time.
func (b *Bus) Answer(job, what string, answer func(question []byte) []byte) (stop func(), err error) {
	sub, err := b.nc.Subscribe("genbatch."+job+".ask."+what, func(m *nats.Msg) {
		_ = m.Respond(answer(m.Data)) // who gets none asks again
	})
	if err != nil {
		return nil, err
	}
	return func() { _ = sub.Unsubscribe() }, nil
}
