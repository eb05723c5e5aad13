package cluster

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
)

func TestPacket(t *testing.T) {
	rs := []*batch.Result{
		{
			Seq: 7, Fingerprint: batch.Fingerprint{1, 2}, Occurrence: 3, Row: 9, Status: batch.OK, Endpoint: "e", Model: "m",
			At: time.Date(2026, 11, 30, 1, 2, 3, 4, time.UTC), Attempts: 2, Response: json.RawMessage(`{ "a" : "<&>", "n": 1.0 }`),
			Spent: []batch.Spend{{Model: "m", At: time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC), Usage: &batch.Usage{PromptTokenCount: 5}}},
		},
		{Seq: 8, Status: batch.Failed, Error: "no", At: time.Date(2026, 11, 30, 1, 2, 4, 0, time.UTC)},
	}
	data, err := encodePacket(rs)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodePacket(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, rs) {
		t.Errorf("%+v, want %+v", got[0], rs[0])
	}
	if !bytes.Equal(got[0].Response, rs[0].Response) {
		t.Errorf("the answer is %s", got[0].Response)
	}
	for cut := range data {
		if got, err := decodePacket(data[:cut]); err == nil {
			t.Fatalf("a packet cut to %d of %d bytes has %d results", cut, len(data), len(got))
		}
	}
	if joined := bytes.Join(parts(data, 1024+10), nil); !bytes.Equal(joined, data) {
		t.Error("the parts are not the whole")
	}
}

func TestSubject(t *testing.T) {
	for _, g := range []group{{shard: 3, attempt: "abc", first: 5, last: 9}, {shard: 3, attempt: "abc", first: 5, last: 9, again: "def"}} {
		got, part, of, err := parseSubject(g.subject(2, 4))
		if got != g || part != 2 || of != 4 || err != nil {
			t.Errorf("%+v %d %d %v", got, part, of, err)
		}
	}
	for _, bad := range []string{"", "3.abc.5-9.1-1.def.g", "3.abc.5-9", "x.abc.5-9.1-1", "3.abc.9-5.1-1", "3.abc.5-9.2-1", "3.abc.0-9.1-1"} {
		if _, _, _, err := parseSubject(bad); err == nil {
			t.Errorf("%q names results", bad)
		}
	}
}

// TestSpans compares spans with a set of numbers.
func TestSpans(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var s spans
		set := make(map[int64]bool)
		for range r.IntN(12) {
			first := r.Int64N(40) + 1
			last := first + r.Int64N(6)
			s = s.add(first, last)
			for n := first; n <= last; n++ {
				set[n] = true
			}
		}
		for i := 1; i < len(s); i++ {
			if s[i-1][1]+1 >= s[i][0] {
				t.Fatalf("%v: two spans touch", s)
			}
		}
		var missing []int64
		for n := int64(1); n <= 50; n++ {
			if s.has(n) != set[n] {
				t.Fatalf("%v: has %d is %v", s, n, s.has(n))
			}
			if n >= 5 && n <= 30 && !set[n] {
				missing = append(missing, n)
			}
		}
		var got []int64
		for _, o := range s.without(5, 30) {
			for n := o[0]; n <= o[1]; n++ {
				got = append(got, n)
			}
		}
		if !slices.Equal(got, missing) {
			t.Fatalf("%v: without 5 to 30 there are %v, want %v", s, got, missing)
		}
	}
}
