package sim

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestListen(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "192.0.2.1:80", "example.com:80", "nonsense"} {
		if r, err := Listen(addr, Config{}); err == nil {
			r.Close()
			t.Errorf("Listen(%q) listens", addr)
		}
	}
	if _, err := Listen("", Config{Faults: []Fault{{Kind: "nonsense"}}}); err == nil || !strings.Contains(err.Error(), `no fault "nonsense"`) {
		t.Errorf("a fault that does not exist: %v", err)
	}
	r, err := Listen("", Config{CountAnswers: true})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "POST", r.URL+flash, strings.NewReader(ask("hi", "")))
	req.Header.Set("X-Goog-Api-Key", "k")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	resp, err = http.Get(r.URL + "/sim/stats")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	var st Stats
	if err := json.Unmarshal(body, &st); err != nil || st.Answered != 1 || len(st.Answers) != 1 || st.PromptTokens != 1 {
		t.Errorf("stats over HTTP: %s (%v)", body, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(r.URL + "/sim/stats"); err == nil {
		t.Error("it still answers after Close")
	}
}
