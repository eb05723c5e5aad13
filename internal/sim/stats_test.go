package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

func TestAnswerLogAndCount(t *testing.T) {
	var log bytes.Buffer
	s := New(Config{CountAnswers: true, AnswerLog: &log})
	for range 2 {
		call(s, flash, ask("[[sim:503x1]] one", "")) // 503, then an answer
	}
	call(s, flash, ask("two", ""))
	call(s, flash, ask("two", ""))
	call(s, flash, ask("[[sim:empty]]", ""))
	st := s.Stats()
	counts := map[int]int{}
	for sum, n := range st.Answers {
		if len(sum) != 64 {
			t.Errorf("key %q is no SHA-256", sum)
		}
		counts[n]++
	}
	if st.Answered != 3 || counts[1] != 1 || counts[2] != 1 || st.Faults["503"] != 1 || st.Faults["empty"] != 1 {
		t.Errorf("stats %+v", st)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	var l logLine
	if len(lines) != 3 || json.Unmarshal([]byte(lines[0]), &l) != nil || st.Answers[l.SHA256] != 1 || !strings.Contains(l.Body, "one") {
		t.Errorf("log:\n%s", &log)
	}
}

// The bill has each answer that was made, by its model, tier and fate. What broke on its way
// is apart, and what no model was asked for is not in it.
func TestBill(t *testing.T) {
	s := New(Config{})
	const stream = "/v1beta/models/gemini-2.5-flash-lite:streamGenerateContent?alt=sse"
	lite := strings.Replace(flash, "flash:", "flash-lite:", 1)
	long := strings.Repeat("a text of some length ", 10)
	asked := func(path, text, more string) {
		t.Helper()
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				t.Fatal(p)
			}
		}()
		call(s, path, ask(text, more))
	}
	asked(lite, "12345678", "")
	asked(lite, "12345678 [[sim:503]]", "")
	asked(lite, "12345678", `"serviceTier":"flex"`)
	asked(lite, "[[sim:nousage]] 12345678", "")
	asked(lite, "[[sim:cut]] 12345678", "")
	asked(lite, "[[sim:short]] 12345678", "")
	asked(stream, "[[sim:cut]] "+long, "")
	asked(stream, "[[sim:short]] "+long, "") // the model stops after its first event
	asked(stream, "[[sim:errorbody]] "+long, "")
	asked(flash, "[[sim:version=gemini-2.5-flash-001]] [[sim:block]] 12345678", "")
	got := map[string]string{}
	for _, l := range s.Stats().Bill {
		got[fmt.Sprint(l.Model, " ", l.Tier, " ", l.Fate)] = fmt.Sprint(l.Calls, " ", l.Output)
	}
	whole := wire.CountText(long)
	for class, want := range map[string]string{
		"gemini-2.5-flash-lite-simulated standard delivered":  fmt.Sprint("3 ", 2+2*7),
		"gemini-2.5-flash-lite-simulated flex delivered":      "1 2",
		"gemini-2.5-flash-lite-simulated standard unmeasured": "1 2",
		"gemini-2.5-flash-lite-simulated standard lost":       fmt.Sprint("3 ", 2+2+whole),
		"gemini-2.5-flash-001-simulated standard delivered":   "1 0",
	} {
		if got[class] != want {
			t.Errorf("%s: %q calls and output tokens, want %q", class, got[class], want)
		}
		delete(got, class)
	}
	if len(got) > 0 {
		t.Errorf("more is billed: %v", got)
	}
}

// The exclusive or of all answers is of what was asked and what was answered.
func TestAnswersXOR(t *testing.T) {
	s := New(Config{Faults: []Fault{{Kind: "digest", Probability: 1}}})
	var want [sha256.Size]byte
	for _, text := range []string{"one", "two", "one"} {
		if got := textOf(read(t, call(s, flash, ask(text, "")))); got != wire.Digest(text) {
			t.Errorf("%s is answered with %s", text, got)
		}
		for i, b := range sha256.Sum256([]byte(text + "\n" + wire.Digest(text))) {
			want[i] ^= b
		}
	}
	if got := s.Stats().AnswersXOR; got != hex.EncodeToString(want[:]) {
		t.Errorf("%s, want %x", got, want)
	}
}
