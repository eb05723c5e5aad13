// Package batchtest tests implementations of the interfaces of package batch against
// their contracts, as testing/slogtest does for slog.Handler. [TestModel] holds a
// [batch.Model] to what the engine relies on, and [TestSink] a [batch.Sink].
package batchtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// TestModel tests a Model against its contract. The model must answer request, and must
// not answer slow before its context ends. The function exchanges returns how many HTTP
// exchanges have begun so far.
func TestModel(t *testing.T, m batch.Model, request, slow *batch.Request, exchanges func() int) {
	t.Run("one attempt is one exchange", func(t *testing.T) {
		before := exchanges()
		body := bytes.Clone(request.Body)
		o := m.Attempt(t.Context(), request)
		checkOutcome(t, &o)
		if o.Consequence != batch.Answered {
			t.Fatalf("the request is not answered: %+v", o.Err)
		}
		if n := exchanges() - before; n != 1 {
			t.Errorf("%d exchanges were made: a Model never retries", n)
		}
		if !bytes.Equal(body, request.Body) {
			t.Error("the request was changed: it is read-only")
		}
	})
	t.Run("concurrent use", func(t *testing.T) {
		for i := range 16 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				o := m.Attempt(t.Context(), request)
				checkOutcome(t, &o)
			})
		}
	})
	t.Run("ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(100*time.Millisecond, cancel)
		defer timer.Stop()
		begin := time.Now()
		o := m.Attempt(ctx, slow)
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("Attempt returned %v after its context ended", d)
		}
		if o.Consequence != batch.Retry || o.Err == nil {
			t.Errorf("a call that is cut is %+v: it has no outcome of its own, so it is a Retry with an Err", o)
		}
	})
	t.Run("an ended context sends nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		before := exchanges()
		if o := m.Attempt(ctx, request); o.Consequence == batch.Answered || o.MaybeBilled {
			t.Errorf("outcome %+v", o)
		}
		if n := exchanges() - before; n != 0 {
			t.Errorf("%d exchanges were made", n)
		}
	})
}

// checkOutcome checks what the engine relies on in an outcome.
func checkOutcome(t *testing.T, o *batch.Outcome) {
	t.Helper()
	switch o.Consequence {
	case batch.Answered, batch.Settled:
		if !o.Status.Settled() {
			t.Errorf("a final outcome has the status %q, which is not settled", o.Status)
		}
	case batch.Stop:
		if o.Err == nil {
			t.Error("a Stop has no Err: the user must be told why")
		}
	}
	if o.Consequence == batch.Answered && !json.Valid(o.Response) {
		t.Errorf("an answer without its raw response: %q", o.Response)
	}
	if o.Status == batch.OK && o.Err != nil {
		t.Errorf("ok with an error: %v", o.Err)
	}
	if o.Usage != nil && o.MaybeBilled {
		t.Error("MaybeBilled is for attempts that did not report their usage")
	}
}

// TestSink tests a Sink against its contract. The function open returns the sink. If it
// is called again, it returns the sink as another process would find it after a crash of
// the first one, without any Close. The function read returns the results that the last
// opened sink holds, in the order of Seq.
func TestSink(t *testing.T, open func() batch.Sink, read func() []*batch.Result) {
	var want []*batch.Result
	more := func(n int) []*batch.Result {
		group := []*batch.Result{}
		for range n {
			i := len(want)
			f, err := batch.FingerprintOf("m", fmt.Appendf(nil, `{"contents":[{"parts":[{"text":"%d"}]}]}`, i))
			if err != nil {
				t.Fatal(err)
			}
			r := &batch.Result{
				Fingerprint: f, Occurrence: i % 3, Row: int64(i + 1), Key: fmt.Sprint("key ", i), Status: batch.OK,
				Endpoint: "google", Model: "m", ModelVersion: "m-001", At: time.Unix(1_760_000_000, int64(i)).UTC(), LatencyMS: 12, Attempts: 1,
				Spent:    []batch.Spend{{At: time.Unix(1_760_000_000, 0).UTC(), Model: "m", Usage: &batch.Usage{PromptTokenCount: int64(i)}}},
				Response: fmt.Appendf(nil, `{"n":%d,"text":"ü <&> \u2028"}`, i),
			}
			group = append(group, r)
			copied := *r
			want = append(want, &copied)
		}
		return group
	}
	compare := func(when string) {
		t.Helper()
		got := read()
		if len(got) != len(want) {
			t.Fatalf("%s: %d results are there, and %d were written", when, len(got), len(want))
		}
		last := int64(0)
		for i, r := range got {
			if r.Seq <= last {
				t.Errorf("%s: result %d has seq %d after %d: it grows", when, i, r.Seq, last)
			}
			last = r.Seq
			copied := *r
			copied.Seq = 0
			if !reflect.DeepEqual(&copied, want[i]) {
				t.Errorf("%s: result %d is\n%+v, and was written as\n%+v", when, i, copied, *want[i])
			}
		}
	}
	s := open()
	for _, n := range []int{1, 256, 3} {
		group := more(n)
		if err := s.Write(group); err != nil {
			t.Fatal(err)
		}
		clear(group) // the slice belongs to the caller again
	}
	compare("after three groups")
	s = open()
	compare("after a crash")
	if err := s.Write(more(5)); err != nil {
		t.Fatal(err)
	}
	compare("after a write by the second process")
}
