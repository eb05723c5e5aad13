package spec

import (
	"net/url"
	"time"
)

// This file is about what is done at the end of a run: a command that is called, and an address
// that is told.

// A Webhook is an address to which what a run came to is posted, as Standard Webhooks has it:
// https://www.standardwebhooks.com. In YAML the address alone will do.
type Webhook struct {
	URL        string        `json:"url,omitempty"`         // https, or http; required
	SecretEnv  string        `json:"secret_env,omitempty"`  // the environment variable with the secrets that sign; not together with SecretFile
	SecretFile string        `json:"secret_file,omitempty"` // the file with them
	Timeout    time.Duration `json:"timeout,omitempty"`     // for all attempts together; default: 30s
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (w *Webhook) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&w.URL) == nil {
		return nil
	}
	type plain Webhook // without this method
	return unmarshal((*plain)(w))
}

// checkHooks finds mistakes in what is to be done at the end of a run. No message shows the
// address, which often is a secret itself.
func checkHooks(s *Spec) error {
	w := &s.Webhook
	for name, d := range map[string]time.Duration{"on_finish_timeout": s.OnFinishTimeout, "webhook.timeout": w.Timeout} {
		if d < 0 {
			return Errorf("write 30s or 2m, or leave it out", "%s is %v; it cannot be negative", name, d)
		}
	}
	if s.OnFinishTimeout > 0 && s.OnFinish == "" {
		return Errorf("add on_finish, or leave it out", "on_finish_timeout is given, and no command to call")
	}
	if w.URL == "" {
		if *w != (Webhook{}) {
			return Errorf("add --webhook URL, or url: under webhook:", "a secret or a timeout of a webhook is given, and no address to post to")
		}
		return nil
	}
	if u, err := url.Parse(w.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return Errorf("write it as https://example.com/path", "the address of webhook is none (it is not shown, since it may be secret)")
	}
	if w.SecretEnv != "" && w.SecretFile != "" {
		return Errorf("keep one of them", "secret_env and secret_file of webhook are both given")
	}
	return nil
}
