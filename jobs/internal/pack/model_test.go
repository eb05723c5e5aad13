package pack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

// A fixedModel has one outcome for all calls.
type fixedModel struct{ batch.Outcome }

func (m fixedModel) Attempt(context.Context, *batch.Request) batch.Outcome { return m.Outcome }

// answering returns the outcome of an answer with a text.
func answering(text, finish string) batch.Outcome {
	quoted, _ := json.Marshal(text)
	o := batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, FinishReason: finish, ModelVersion: "m-1", ResponseID: "r1", Tier: "standard",
		Response: []byte(`{"candidates":[{"content":{"parts":[{"text":` + string(quoted) + `}]},"finishReason":"` + finish + `"}]}`),
		Usage:    &batch.Usage{PromptTokenCount: 100},
	}
	if finish == "MAX_TOKENS" {
		o.Status, o.Err = batch.Truncated, &batch.Error{Kind: batch.KindAnswer, Message: "cut"}
	}
	return o
}

// What a call comes to for each of its four rows, A to D, whatever the endpoint does with it.
func TestDivide(t *testing.T) {
	var rows []*batch.Request
	for i := range 4 {
		rows = append(rows, single(t, classify, i+1, fmt.Sprint("text ", i)))
	}
	ids := strings.NewReplacer("A", idsOf(rows)[0], "B", idsOf(rows)[1], "C", idsOf(rows)[2], "D", idsOf(rows)[3])
	fault := func(c batch.Consequence, s batch.Status, kind batch.Kind, status int) batch.Outcome {
		return batch.Outcome{Consequence: c, Status: s, Err: &batch.Error{Kind: kind, HTTPStatus: status, Message: "no"}}
	}
	const halved = "AB again; CD again"
	for _, c := range []struct {
		name string
		o    batch.Outcome
		want string
	}{
		{"all", answering(`[{"id":"A","answer":"good"},{"id":"B","answer":"bad"},{"id":"C","answer":"good"},{"id":"D","answer":"bad"}]`, "STOP"), "A good; B bad; C good; D bad"},
		{"in another order", answering(`[{"id":"D","answer":"bad"},{"id":"B","answer":"bad"},{"id":"A","answer":"good"},{"id":"C","answer":"good"}]`, "STOP"), "A good; B bad; C good; D bad"},
		{"one left out", answering(`[{"id":"A","answer":"good"},{"id":"C","answer":"good"},{"id":"D","answer":"bad"}]`, "STOP"), "A good; C good; D bad; B alone: an answer to 4 rows left it out"},
		{"one twice", answering(`[{"id":"A","answer":"good"},{"id":"B","answer":"bad"},{"id":"B","answer":"bad"},{"id":"C","answer":"good"},{"id":"D","answer":"bad"}]`, "STOP"), "A good; B alone: an answer to 4 rows had it 2 times; C good; D bad"},
		{"one of no row", answering(`[{"id":"A","answer":"good"},{"id":"x9","answer":"bad"},{"id":"B","answer":"bad"},{"id":"C","answer":"good"},{"id":"D","answer":"bad"}]`, "STOP"), "A good; B bad; C good; D bad"},
		{"one in the place of another", answering(`[{"id":"A","answer":"good"},{"id":"zzz","answer":"bad"},{"id":"C","answer":"good"},{"id":"D","answer":"bad"}]`, "STOP"), "A good; C good; D bad; B alone: an answer to 4 rows left it out"},
		{"one invalid", answering(`[{"id":"A","answer":"good"},{"id":"B","answer":"so so"},{"id":"C","answer":"good"},{"id":"D","answer":"bad"}]`, "STOP"), "A good; B alone: its part of an answer to 4 rows was not valid; C good; D bad"},
		{"one empty", answering(`[{"id":"A","answer":"good"},{"id":"B","answer":""},{"id":"C","answer":"good"},{"id":"D","answer":"bad"}]`, "STOP"), "A good; B alone: its part of an answer to 4 rows was not valid; C good; D bad"},
		{"cut", answering(`[{"id":"A","answer":"good"},{"id":"B","answer":"b`, "MAX_TOKENS"), "A good; BC again; D alone: a call that it shared was truncated"},
		{"cut behind its end", answering(`[{"id":"A","answer":"good"},{"id":"B","answer":"bad"},{"id":"C","answer":"good"},{"id":"D","answer":"bad"}]   `, "MAX_TOKENS"), "A good; B bad; C good; D bad"},
		{"no array", answering(`I cannot do that.`, "STOP"), halved},
		{"an array of no rows", answering(`[{"id":"q","answer":"good"}]`, "STOP"), halved},
		{"one label for all", answering(`good`, "STOP"), halved},
		{"blocked", fault(batch.Settled, batch.Blocked, batch.KindContent, 200), halved},
		{"recited", fault(batch.Retry, batch.Blocked, batch.KindContent, 200), halved},
		{"refused", fault(batch.Settled, batch.Rejected, batch.KindRequest, 400), halved},
		{"empty", fault(batch.Retry, batch.Empty, batch.KindAnswer, 200), halved},
		{"too slow for our patience", fault(batch.Retry, "", batch.KindTimeout, 0), halved},
		{"too slow for a gateway", fault(batch.Retry, "", batch.KindTimeout, 524), "whole"},
		{"a quota", fault(batch.SlowDown, "", batch.KindQuota, 429), "whole"},
		{"the day's quota", fault(batch.Park, "", batch.KindDayQuota, 429), "whole"},
		{"a broken line", fault(batch.Retry, "", batch.KindTransport, 0), "whole"},
		{"a broken server", fault(batch.Retry, "", batch.KindServer, 500), "whole"},
		{"a wrong key", fault(batch.Stop, "", batch.KindKey, 403), "whole"},
	} {
		p := newPacker(t, 4)
		p.Judge = func(_ *batch.Request, a *gemini.Answer) error {
			if a.Text != "good" && a.Text != "bad" || a.FinishReason != "STOP" {
				return errors.New("no label")
			}
			return nil
		}
		call, err := p.Join(rows)
		if err != nil {
			t.Fatal(err)
		}
		c.o.Response = []byte(ids.Replace(string(c.o.Response)))
		if len(c.o.Response) == 0 {
			c.o.Response = nil
		}
		o := p.Over(fixedModel{c.o}).Attempt(t.Context(), call)
		if got := describe(t, rows, &o); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
		if o.Consequence != c.o.Consequence || o.Usage != c.o.Usage {
			t.Errorf("%s: the outcome of the call itself has changed", c.name)
		}

		// In a batch job nothing is asked again soon: rows without an answer go alone.
		p.Later = true
		o = p.Over(fixedModel{c.o}).Attempt(t.Context(), call)
		if got := describe(t, rows, &o); strings.Contains(got, "again") {
			t.Errorf("%s, in a batch job: %s", c.name, got)
		}
		// And the call of a single row is none of the packer's business.
		if o = p.Over(fixedModel{c.o}).Attempt(t.Context(), rows[0]); o.Parts != nil {
			t.Errorf("%s: the call of a single row is divided", c.name)
		}
	}
}

// describe says what became of rows. It checks that each of them stands in one part.
func describe(t *testing.T, rows []*batch.Request, o *batch.Outcome) string {
	t.Helper()
	if o.Parts == nil {
		return "whole"
	}
	name := func(r *batch.Request) string { return string(rune('A' + r.Row - 1)) }
	var parts []string
	seen := make(map[string]bool)
	for _, p := range o.Parts {
		names := name(p.Request)
		if len(p.Request.Rows) > 0 {
			names = ""
			for _, r := range p.Request.Rows {
				names += name(r)
			}
		}
		for _, n := range names {
			if seen[string(n)] {
				t.Errorf("row %c is in two parts", n)
			}
			seen[string(n)] = true
		}
		switch {
		case p.Outcome.Consequence == batch.Answered:
			r := batch.Result{Part: p.Outcome.Part, Response: p.Outcome.Response}
			a, err := Parse(&r)
			if err != nil {
				t.Fatal(err)
			}
			names += " " + a.Text
		case len(p.Request.Rows) > 0:
			names += " again"
		default:
			names += " alone: " + strings.TrimPrefix(p.Request.Changes[len(p.Request.Changes)-1].Note, "asked again alone: ")
		}
		parts = append(parts, names)
	}
	if len(seen) != len(rows) {
		t.Errorf("%d of %d rows are in a part", len(seen), len(rows))
	}
	return strings.Join(parts, "; ")
}

// A call that the limit of the output has cut makes the next ones smaller, down to one row,
// and the user is told each time.
func TestPacksLearn(t *testing.T) {
	var log bytes.Buffer
	p := newPacker(t, 8)
	p.Log = slog.New(slog.NewTextHandler(&log, nil))
	m := p.Over(fixedModel{answering(`[`, "MAX_TOKENS")})
	for _, want := range []int{8, 4, 2, 1} {
		var rows []*batch.Request
		for i := range 16 {
			rows = append(rows, single(t, classify, i, fmt.Sprint(i)))
		}
		for call, err := range form(p, rows) {
			if n := len(numbersOf(call)); err != nil || n != want {
				t.Fatalf("%d rows share a call, want %d: %v", n, want, err)
			}
		}
		if want > 1 {
			call, err := p.Join(rows[:want])
			if err != nil {
				t.Fatal(err)
			}
			m.Attempt(t.Context(), call)
			m.Attempt(t.Context(), call) // another one that was under way teaches nothing more
		}
	}
	if n := strings.Count(log.String(), "was cut at the output limit"); n != 3 {
		t.Errorf("the user was told %d times, want 3:\n%s", n, log.String())
	}
}

// A model that answers no pack in a way that can be taken apart costs a few packs and not all of
// them, unless one pack has shown that it can.
func TestPacksInVain(t *testing.T) {
	for _, c := range []struct {
		name  string
		text  string
		first bool // one pack is answered before
		want  int  // rows of a call after many packs
	}{
		{"prose", "I cannot do that.", false, 1},
		{"ids of no row", `[{"id":"1","answer":"good"}]`, false, 1},
		{"prose after an answer", "I cannot do that.", true, 4},
	} {
		var log bytes.Buffer
		p := newPacker(t, 4)
		p.Log = slog.New(slog.NewTextHandler(&log, nil))
		var rows []*batch.Request
		for i := range 4 {
			rows = append(rows, single(t, classify, i+1, fmt.Sprint("text ", i)))
		}
		call, err := p.Join(rows)
		if err != nil {
			t.Fatal(err)
		}
		if c.first {
			p.Over(fixedModel{answering(`[{"id":"`+idsOf(rows)[2]+`","answer":"good"}]`, "STOP")}).Attempt(t.Context(), call)
		}
		m := p.Over(fixedModel{answering(c.text, "STOP")})
		for n := range vainPacks + 2 {
			o := m.Attempt(t.Context(), call)
			want := 2 // halves
			if c.want == 1 && n+1 >= vainPacks {
				want = 4 // rows alone
			}
			if len(o.Parts) != want {
				t.Errorf("%s: after %d packs, one has %d parts, want %d", c.name, n, len(o.Parts), want)
			}
		}
		for call, err := range form(p, rows) {
			if n := len(numbersOf(call)); err != nil || n != c.want {
				t.Errorf("%s: %d rows share a call, want %d: %v", c.name, n, c.want, err)
			}
		}
		want := 1
		if c.first {
			want = 0
		}
		if n := strings.Count(log.String(), "each row is asked alone"); n != want {
			t.Errorf("%s: the user was told %d times, want %d:\n%s", c.name, n, want, log.String())
		}
	}
}
