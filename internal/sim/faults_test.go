package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// send posts over a real connection, without keeping it.
func send(t *testing.T, s *httptest.Server, ctx context.Context, path, body string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "POST", s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Goog-Api-Key", "secret-key")
	resp, err := s.Client().Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

func TestFaultsOverHTTP(t *testing.T) {
	s := httptest.NewServer(New(Config{}))
	defer s.Close()
	tests := []struct {
		kind string
		code int
		want string // in the body
	}{
		{"400", 400, "INVALID_ARGUMENT"},
		{"401", 401, "UNAUTHENTICATED"},
		{"402", 402, "prepayment credits are depleted"},
		{"403", 403, "Consumer 'api_key:secret-key' has been suspended."},
		{"404", 404, "NOT_FOUND"},
		{"408", 408, "<html"},
		{"429", 429, `"retryDelay":"1s"`},
		{"429=2.5s", 429, `"retryDelay":"2.5s"`},
		{"429bare", 429, "(e.g. check quota)."},
		{"429day", 429, "GenerateRequestsPerDayPerProjectPerModel-FreeTier"},
		{"429empty", 429, ""},
		{"429zero", 429, "limit: 0"},
		{"499", 499, "CANCELLED"},
		{"500", 500, "INTERNAL"},
		{"502", 502, "502 Bad Gateway"},
		{"503", 503, "UNAVAILABLE"},
		{"504", 504, "DEADLINE_EXCEEDED"},
		{"524", 524, "A timeout occurred"},
		{"slow=1ms", 200, "hello"},
		{"drip=1ms", 200, "hello"},
		{"giant=100000", 200, "the same again and"},
		{"html", 200, "Welcome to nginx!"},
		{"garbage", 200, "candidates"},
		{"nobody", 200, ""},
		{"nocandidates", 200, "{}"},
		{"errorbody", 200, `{"error":{"code":503,`},
		{"empty", 200, `"content":{"role":"model"},"finishReason":"STOP"`},
		{"nousage", 200, "hello"},
		{"nologprobs", 200, "hello"},
		{"cached", 200, `"cachedContentTokenCount":3`},
		{"fenced", 200, "```json\\nhello\\n```"},
		{"invalid", 200, "he I am not sure"},
		{"trailing", 200, `hello\n\nI hope this helps! hello`},
		{"digest", 200, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
		{"badschema", 200, `{\"unexpected\":true}`},
		{"flexbusy", 200, "hello"},
		{"downgrade", 200, `"serviceTier":"standard"`},
		{"answer=forty-two", 200, `"text":"forty-two"`},
		{"version", 200, `"modelVersion":"gemini-3.5-flash-lite-simulated"`},
		{"block", 200, `"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}`},
		{"block=SAFETY", 200, `"blockReason":"SAFETY"`},
		{"safety", 200, `{"finishReason":"SAFETY","index":0}`},
		{"recitation", 200, `"finishReason":"RECITATION"`},
		{"maxtokens", 200, `"content":{"role":"model"},"finishReason":"MAX_TOKENS"`},
		{"finish=LANGUAGE", 200, `"finishReason":"LANGUAGE"`},
		{"400key", 400, "API_KEY_INVALID"},
		{"400region", 400, "User location is not supported"},
		{"400long", 400, "(1048576)"},
		{"400long64k", 400, "(65536)"},
		{"400media", 400, "Unable to process input image"},
		{"400content", 400, "content policy violation"},
		{"403odd", 403, "The caller does not have permission"},
		{"403leaked", 403, "reported as leaked"},
		{"403file", 403, "it may not exist"},
		{"403robot", 403, "automated queries"},
		{"413", 413, "Request Entity Too Large"},
		{"429credit", 429, "prepayment credits are depleted"},
		{"429cap", 429, "monthly spending cap"},
		{"500word", 500, "sensitive_words_detected"},
		{"500nested", 500, `\"code\":503`},
		{"500inner403", 500, `"code":403`},
		{"500list", 500, `[{"error":`},
		{"500openai", 500, `"type":"server_error"`},
		{"500plain", 500, "upstream connect error"},
		{"503after", 503, "UNAVAILABLE"},
		{"503busy", 503, "system_cpu_overloaded"},
		{"503channel", 503, "model_not_found"},
		{"520", 520, "unknown error"},
		{"522", 522, "Connection timed out"},
		{"short", 200, `{"candidates":`},
		{"comments", 200, ": keep-alive"},
		{"done", 200, "data: [DONE]"},
		{"emptyparts", 200, `"parts":[{}]`},
		{"thoughts", 200, `"thought":true`},
		{"nofinish", 200, `"role":"model"},"index":0}`},
		{"leftout", 200, "hello"}, // TestPackFaults has what these do to a pack
		{"twice", 200, "hello"},
		{"foreign", 200, "hello"},
		{"noarray", 200, "hello"},
	}
	covered := map[string]bool{"cut": true, "reset": true, "hang": true, "302": true} // by TestBrokenConnections
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			resp, text, err := send(t, s, t.Context(), flash, ask("hello [[sim:"+tt.kind+"]]", ""))
			if err != nil || resp.StatusCode != tt.code || !strings.Contains(text, tt.want) {
				t.Errorf("%v %+v %.500s, want %d with %s", err, resp, text, tt.code, tt.want)
			}
			if html, ok := strings.CutPrefix(text, "<!DOCTYPE"); ok && !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
				t.Errorf("HTML as %s: %.100s", resp.Header.Get("Content-Type"), html)
			}
			wantUsage := tt.code == 200 && strings.Contains(text, "modelVersion") && tt.kind != "nousage"
			if strings.Contains(text, "usageMetadata") != wantUsage && tt.kind != "short" {
				t.Errorf("usageMetadata: %s", text)
			}
		})
		kind, _, _ := strings.Cut(tt.kind, "=")
		covered[kind] = true
	}
	for _, k := range FaultKinds() {
		if !covered[k.Name] {
			t.Errorf("fault %s has no test", k.Name)
		}
		if k.Help == "" {
			t.Errorf("fault %s has no help", k.Name)
		}
	}
}

// Models from Gemini 3 on refuse to tell log probabilities, in the words of their API. A fault
// leaves them out of an answer that was asked for them.
func TestNoLogprobs(t *testing.T) {
	for _, tt := range []struct {
		dialect    Dialect
		path, want string
	}{
		{Google, "/v1beta/models/gemini-3.5-flash:generateContent", "Logprobs is not enabled for models/gemini-3.5-flash"},
		{Vertex, "/v1beta1/projects/p/locations/global/publishers/google/models/gemini-3.5-flash:generateContent", "Logprobs is not supported for this model"},
	} {
		w := call(New(Config{Dialect: tt.dialect}), tt.path, ask("hello", `"generationConfig":{"responseLogprobs":true}`), "Authorization", authFor(tt.dialect), "X-Goog-Api-Key", keyFor(tt.dialect))
		if w.Code != 400 || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d %s", tt.dialect, w.Code, w.Body)
		}
	}
	s := httptest.NewServer(New(Config{}))
	defer s.Close()
	for text, want := range map[string]bool{"hello": true, "hello [[sim:nologprobs]]": false} {
		_, answer, err := send(t, s, t.Context(), flash, ask(text, `"generationConfig":{"responseLogprobs":true}`))
		if got := strings.Contains(answer, `"logprobsResult":{"chosenCandidates":[{"token":"hell"`); err != nil || got != want || got != strings.Contains(answer, "avgLogprobs") {
			t.Errorf("%s: %v %s", text, err, answer)
		}
	}
}

func TestBrokenConnections(t *testing.T) {
	server := New(Config{})
	s := httptest.NewServer(server)
	defer s.Close()

	_, text, err := send(t, s, t.Context(), flash, ask("hello [[sim:cut]]", ""))
	if !errors.Is(err, io.ErrUnexpectedEOF) || text == "" || json.Valid([]byte(text)) {
		t.Errorf("cut: %v after %q", err, text)
	}
	_, text, err = send(t, s, t.Context(), "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", ask("hello [[sim:cut]]"+strings.Repeat(" and more", 50), ""))
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Count(text, "data: ") != 1 || strings.Contains(text, "finishReason") {
		t.Errorf("a cut stream: %v after %q", err, text)
	}
	if _, _, err = send(t, s, t.Context(), flash, ask("[[sim:reset]]", "")); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("reset: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err = send(t, s, ctx, flash, ask("[[sim:hang]]", "")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v", err)
	}
	if st := server.Stats(); st.Answered != 0 || st.Faults["cut"] != 2 {
		t.Errorf("stats %+v", st)
	}
}

func TestDirectives(t *testing.T) {
	s := New(Config{})
	codes := func(body string, n int) string {
		var got []string
		for range n {
			got = append(got, fmt.Sprint(call(s, flash, body).Code))
		}
		return strings.Join(got, " ")
	}
	tests := []struct{ text, want string }{
		{"[[sim:503x2]] a", "503 503 200 503"},                  // and from the start again once answered
		{"[[sim:503x1]][[sim:500x3]] b", "503 500 500 200"},     // one after the other
		{"[[sim:429]] c", "429 429 429 429"},                    // for ever
		{"[[sim:emptyx1]] d", "200 200 200 200"},                // an answer without text is none
		{"[[sim:nonsense]] e", "200 200 200 200"},               // no such fault
		{"[[sim:503 f", "200 200 200 200"},                      // not closed
		{"[[sim:slowx1=1us]] [[sim:500x1]]", "500 200 500 200"}, // both, in their order
	}
	for _, tt := range tests {
		if got := codes(ask(tt.text, ""), 4); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.text, got, tt.want)
		}
	}
	if r := read(t, call(s, flash, ask("[[sim:emptyx1]] x", ""))); len(r.Candidates[0].Content.Parts) != 0 {
		t.Errorf("the first try is not empty: %+v", r)
	}
	if got := textOf(read(t, call(s, flash, ask("[[sim:emptyx1]] x", "")))); got != "x" {
		t.Errorf("the second try says %q, want the text without the directive", got)
	}
}

// A try counts whatever it came to, and whatever the request changes after it but
// for the text that the directive stands in.
func TestDirectivesOfSpoiledAnswers(t *testing.T) {
	s := New(Config{})
	changed := ask("[[sim:recitationx1]] x", `"generationConfig":{"temperature":1.3}`)
	var got []string
	for _, body := range []string{ask("[[sim:recitationx1]] x", ""), changed, changed} {
		got = append(got, read(t, call(s, flash, body)).Candidates[0].Finish)
	}
	if strings.Join(got, " ") != "RECITATION STOP RECITATION" {
		t.Errorf("finish reasons %v, want the second one to be STOP, and then from the start again", got)
	}
}

func TestRandomFaults(t *testing.T) {
	faults, err := ParseFaults("503=0.2, slow:1us=0.1,empty=0.1")
	if err != nil {
		t.Fatal(err)
	}
	run := func(seed uint64) (Stats, string) {
		s := New(Config{Faults: faults, Seed: seed})
		var trace strings.Builder
		for i := range 2000 {
			body := ask(fmt.Sprint("row ", i), "")
			for try := 0; ; try++ {
				if try == 30 {
					t.Fatalf("row %d never succeeds", i)
				}
				w := call(s, flash, body)
				fmt.Fprint(&trace, w.Code, " ")
				if w.Code == 200 && textOf(read(t, w)) != "" {
					break
				}
			}
		}
		if n := len(s.tries.n); n != 0 {
			t.Errorf("%d bodies are remembered although all were answered", n)
		}
		return s.Stats(), trace.String()
	}
	st, trace := run(1)
	if st.Answered != 2000 {
		t.Errorf("%d answered", st.Answered)
	}
	for kind, p := range map[string]float64{"503": 0.2, "slow": 0.1, "empty": 0.1} {
		if got := float64(st.Faults[kind]) / float64(st.Requests); got < p*0.85 || got > p*1.15 {
			t.Errorf("%s: %.3f of all requests, want %v", kind, got, p)
		}
	}
	if _, again := run(1); again != trace {
		t.Error("the same seed gives another run")
	}
	if _, other := run(2); other == trace {
		t.Error("another seed gives the same run")
	}
}

func TestParseFaults(t *testing.T) {
	for spec, want := range map[string]string{
		"503":                "write it as 503=0.1",
		"503=x":              `not "x"`,
		"503=2":              "from 0 to 1",
		"503=NaN":            "from 0 to 1",
		"nonsense=0.1":       `no fault "nonsense": there are 400,`,
		"503:1s=0.1":         "takes no value",
		"slow:fast=0.1":      `"fast" is no duration`,
		"503=0.6,500=0.6":    "add up to 1.2",
		"giant:many=0.1":     "is no number of bytes",
		"":                   "",
		"block:SAFETY=1":     "",
		"503=0.1, 500=0.2, ": "",
	} {
		_, err := ParseFaults(spec)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("ParseFaults(%q): %v, want %q", spec, err, want)
		}
	}
}

func TestSlowAndDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Latency: time.Second})
		for body, want := range map[string]time.Duration{
			"x [[sim:slow=5s]]":                             6 * time.Second,
			strings.Repeat("long ", 50) + "[[sim:drip=1s]]": time.Second + (drops-1)*time.Second,
		} {
			start := time.Now()
			r := read(t, call(s, flash, ask(body, "")))
			if got := time.Since(start); got != want {
				t.Errorf("%s took %v, want %v", body, got, want)
			}
			if textOf(r) == "" {
				t.Errorf("%s has no answer", body)
			}
		}
	})
}
