package sim

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/internal/sim/quota"
)

// A brokenLimit is one violation in the body of a 429.
type brokenLimit struct {
	ID         string                 `json:"quotaId"`
	Value      string                 `json:"quotaValue"`
	Dimensions struct{ Model string } `json:"quotaDimensions"`
}

// refusal429 reads a 429 in full.
func refusal429(t *testing.T, body []byte) (violations []brokenLimit, delay time.Duration, message string) {
	t.Helper()
	var e struct {
		Error struct {
			Message string
			Status  string
			Details []struct {
				Type       string `json:"@type"`
				Violations []brokenLimit
				RetryDelay string
			}
		}
	}
	if err := json.Unmarshal(body, &e); err != nil || e.Error.Status != "RESOURCE_EXHAUSTED" {
		t.Fatalf("%v: %s", err, body)
	}
	for _, d := range e.Error.Details {
		violations = append(violations, d.Violations...)
		if d.RetryDelay != "" {
			var err error
			if delay, err = time.ParseDuration(d.RetryDelay); err != nil {
				t.Fatal(err)
			}
		}
	}
	return violations, delay, e.Error.Message
}

func TestRequestsPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Quota: Quota{RPM: 3}})
		body := ask("hi", "")
		for range 3 { // at 0 s, 10 s, 20 s
			if w := call(s, flash, body); w.Code != 200 {
				t.Fatal(w.Body)
			}
			time.Sleep(10 * time.Second)
		}
		w := call(s, flash, body) // at 30 s
		v, delay, message := refusal429(t, w.Body.Bytes())
		if w.Code != 429 || len(v) != 1 || v[0].ID != quota.IDMinute || v[0].Value != "3" || v[0].Dimensions.Model != "gemini-2.5-flash" {
			t.Errorf("%d %+v", w.Code, v)
		}
		if delay != 30*time.Second {
			t.Errorf("retryDelay %v, want 30s", delay)
		}
		if !strings.Contains(message, "limit: 3, model: gemini-2.5-flash\nPlease retry in 30s.") {
			t.Errorf("message %q", message)
		}

		time.Sleep(30*time.Second - 1)
		if w := call(s, flash, body); w.Code != 429 {
			t.Errorf("a nanosecond before the delay ends: %d", w.Code)
		}
		time.Sleep(time.Nanosecond)
		if w := call(s, flash, body); w.Code != 200 {
			t.Errorf("when the delay has ended: %d %s", w.Code, w.Body)
		}
		if w := call(s, flash, body); w.Code != 429 {
			t.Error("the next one is let through as well")
		}
		if w := call(s, "/v1beta/models/gemini-2.5-pro:generateContent", body); w.Code != 200 {
			t.Errorf("another model has its own quota: %d", w.Code)
		}
		if n := s.Stats().Refused["quota"]; n != 3 {
			t.Errorf("%d refused, want 3", n)
		}
	})
}

func TestCountRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Quota: Quota{RPM: 2, CountRefused: true}})
		body := ask("hi", "")
		for range 20 { // every 10 s, so that there are always six in a window
			call(s, flash, body)
			time.Sleep(10 * time.Second)
		}
		if st := s.Stats(); st.Answered != 2 {
			t.Errorf("%d answered, want the first 2 only: who keeps asking is refused for good", st.Answered)
		}
		time.Sleep(time.Minute)
		if w := call(s, flash, body); w.Code != 200 {
			t.Errorf("after a minute of silence: %d", w.Code)
		}
	})
}

func TestTokensPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{ModelQuotas: map[string]Quota{"gemini-2.5-flash": {TPM: 100}}})
		forty := ask(strings.Repeat("abcd", 40), "")
		for range 2 {
			if w := call(s, flash, forty); w.Code != 200 {
				t.Fatal(w.Body)
			}
			time.Sleep(time.Second)
		}
		v, delay, _ := refusal429(t, call(s, flash, forty).Body.Bytes())
		if len(v) != 1 || v[0].ID != quota.IDTokens || v[0].Value != "100" || delay != 58*time.Second {
			t.Errorf("%+v in %v", v, delay)
		}
		if w := call(s, flash, ask(strings.Repeat("abcd", 20), "")); w.Code != 200 {
			t.Errorf("20 tokens still fit: %s", w.Body)
		}
		time.Sleep(2 * time.Minute)
		if w := call(s, flash, ask(strings.Repeat("abcd", 101), "")); w.Code != 429 {
			t.Errorf("more than the quota at once: %d", w.Code)
		}
	})
}

func TestRequestsPerDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The bubble's clock starts at midnight UTC on 2000-01-01: four in the afternoon in Los Angeles.
		s := New(Config{Quota: Quota{RPD: 2}})
		body := ask("hi", "")
		call(s, flash, body)
		call(s, flash, body)
		time.Sleep(8*time.Hour - 1)
		w := call(s, flash, body)
		v, delay, _ := refusal429(t, w.Body.Bytes())
		if len(v) != 1 || v[0].ID != quota.IDDay || delay > time.Minute {
			t.Errorf("%+v in %v", v, delay)
		}
		time.Sleep(time.Nanosecond)
		if w := call(s, flash, body); w.Code != 200 {
			t.Errorf("at midnight in Los Angeles: %d %s", w.Code, w.Body)
		}
	})
}

func TestQuotaStyles(t *testing.T) {
	tests := []struct {
		name   string
		config Config
		path   string
		want   string
	}{
		{"bare", Config{Quota: Quota{RPM: -1, Bare: true}}, flash, `{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}}`},
		{"gateway", Config{Quota: Quota{RPM: -1}, Dialect: YEScale}, flash, `{"error":{"message":"Resource has been exhausted (e.g. check quota).","type":"upstream_error","param":"","code":429}}`},
		{"stream without sse", Config{Quota: Quota{RPM: -1, Bare: true}}, "/v1beta/models/gemini-2.5-flash:streamGenerateContent", `[{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := call(New(tt.config), tt.path, ask("hi", ""))
			if w.Code != 429 || w.Body.String() != tt.want {
				t.Errorf("%d %s\nwant %s", w.Code, w.Body, tt.want)
			}
		})
	}
	_, _, message := refusal429(t, call(New(Config{Quota: Quota{RPM: -1}}), flash, ask("hi", "")).Body.Bytes())
	if !strings.Contains(message, "limit: 0, model: gemini-2.5-flash") {
		t.Errorf("no quota at all: %q", message)
	}
}
