package sim

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
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
