package spec

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWebhookInAJobFile(t *testing.T) {
	s, err := loadText(t, "webhook: https://example.com/hook\n")
	if want := (Webhook{URL: "https://example.com/hook"}); err != nil || s.Webhook != want {
		t.Errorf("an address alone is read as %+v, %v", s.Webhook, err)
	}
	s, err = loadText(t, "on_finish: notify.sh\non_finish_timeout: 5s\nwebhook:\n  url: https://example.com/hook\n  secret_file: hook.secret\n  timeout: 10s\n")
	if err != nil {
		t.Fatal(err)
	}
	if s.OnFinish != "notify.sh" || s.OnFinishTimeout != 5*time.Second || s.Webhook.Timeout != 10*time.Second {
		t.Errorf("a group is read as %+v", s)
	}
	if !filepath.IsAbs(s.Webhook.SecretFile) || filepath.Base(s.Webhook.SecretFile) != "hook.secret" {
		t.Errorf("the file of the secret is %q, and not beside the job file", s.Webhook.SecretFile)
	}
	_, err = loadText(t, "webhook:\n  url: https://example.com/hook\n  secret: whsec_very-secret\n")
	if err == nil || !strings.Contains(err.Error(), "secret_env") || strings.Contains(err.Error(), "very-secret") {
		t.Errorf("a secret in a job file is answered with: %v", err)
	}
}

// What is wrong with a hook is said without its address, which may be a secret.
func TestHooksAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Spec){
		"":                           func(s *Spec) { s.OnFinish, s.Webhook.URL = "true", "http://127.0.0.1/" },
		"on_finish_timeout is -1s":   func(s *Spec) { s.OnFinish, s.OnFinishTimeout = "true", -time.Second },
		"webhook.timeout is -1s":     func(s *Spec) { s.Webhook = Webhook{URL: "https://a.example", Timeout: -time.Second} },
		"no command to call":         func(s *Spec) { s.OnFinishTimeout = time.Second },
		"no address to post to":      func(s *Spec) { s.Webhook.SecretEnv = "SECRET" },
		"the address of webhook is ": func(s *Spec) { s.Webhook.URL = "ftp://a.example/t0ken" },
		"are both given":             func(s *Spec) { s.Webhook = Webhook{URL: "https://a.example/t0ken", SecretEnv: "A", SecretFile: "b"} },
	} {
		s := Spec{Input: List{"in.csv"}, Output: "out.csv", Model: "m", Prompt: "{{.body}}"}
		change(&s)
		err := s.Check()
		switch {
		case want == "" && err != nil:
			t.Errorf("refused: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "t0ken")):
			t.Errorf("got the error %v, want %q", err, want)
		}
	}
}

// A hook is no part of what an output is made of, and nothing of it is stored.
func TestHooksAreNotStored(t *testing.T) {
	ran := Spec{Input: List{"in.csv"}, Output: "out.csv", Model: "m", Prompt: "{{.body}}"}
	now := ran
	now.OnFinish, now.OnFinishTimeout = "curl -H 'Authorization: Bearer t0ken'", time.Second
	now.Webhook = Webhook{URL: "https://hooks.example/services/t0ken", SecretEnv: "HOOK_SECRET", Timeout: time.Second}
	text, err := json.Marshal(now.WithoutSecrets())
	if err != nil || strings.Contains(string(text), "t0ken") || strings.Contains(string(text), "hook") {
		t.Errorf("what is stored has the hooks: %s, %v", text, err)
	}
	_, changed, err := Renewed(&ran, &ran, &now)
	if err != nil || !slices.Equal(changed, nil) {
		t.Errorf("a job with other hooks is another one, by %v, %v", changed, err)
	}
}
