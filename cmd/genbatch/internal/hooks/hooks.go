// Package hooks tells others that a run has ended: it calls a command of the user's, and posts
// to a webhook. Both get what the run came to. Neither can hold up the process for longer than
// its time, nor change how it ends.
package hooks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/redact"
	"github.com/genbatch/genbatch/jobs/spec"
)

// How long hooks may take, where the job does not say.
const (
	commandPatience = time.Minute
	webhookPatience = 30 * time.Second
)

// Hooks are what a job has done at the end of a run. Make them with New, before the run begins.
type Hooks struct {
	command string
	patient time.Duration // of the command
	dir     string        // where the command runs; empty: the working folder
	environ []string      // of the command, without what the job holds secret
	webhook *webhook      // nil if there is none
	stderr  io.Writer
	log     *slog.Logger
}

// Options are what hooks need of their surroundings. All fields are required.
type Options struct {
	Environ []string  // as [os.Environ] has it
	Stderr  io.Writer // what the command prints goes there
	Log     *slog.Logger
}

// New returns the hooks of a job, which jobFile describes; empty if there is no file. A secret
// that cannot be read is a [*spec.Error]: better now than when the run has ended.
func New(s *spec.Spec, jobFile string, o Options) (*Hooks, error) {
	h := &Hooks{
		command: strings.TrimSpace(s.OnFinish), patient: cmp.Or(s.OnFinishTimeout, commandPatience),
		stderr: o.Stderr, log: o.Log,
	}
	if jobFile != "" {
		h.dir = filepath.Dir(jobFile)
	}
	h.environ = withoutSecrets(o.Environ, s)
	if s.Webhook.URL == "" {
		return h, nil
	}
	keys, secrets, err := keysOf(&s.Webhook)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(s.Webhook.URL)
	if err != nil {
		return nil, spec.Errorf("write it as https://example.com/path", "the address of webhook is none")
	}
	h.webhook = &webhook{
		address: address, keys: keys, patient: cmp.Or(s.Webhook.Timeout, webhookPatience),
		redact: redact.New(append(secrets, secretsIn(address)...)...),
	}
	if address.Scheme == "http" && !isLoopback(address.Hostname()) {
		o.Log.Warn(fmt.Sprintf("the webhook %s is not encrypted: everybody on the way can read what is posted", h.webhook.name()))
	}
	return h, nil
}

// A Run is one that has ended.
type Run struct {
	Record   []byte // what it came to, as run --json prints it
	ExitCode int
	Output   string // absolute path, whether or not it was written
	State    string // the state folder, absolute
	JobFile  string // absolute; empty if there is none
	Ended    time.Time
}

// Tell posts to the webhook and then calls the command. What fails is warned of. It returns when
// both have ended, when their time is over, or soon after ctx ends.
func (h *Hooks) Tell(ctx context.Context, r *Run) {
	if h.webhook != nil {
		if err := h.webhook.post(ctx, r); err != nil {
			h.log.Warn(fmt.Sprintf("the webhook %s was not told: %s", h.webhook.name(), h.webhook.redact.Line(message.Plain(err), 500)))
		}
	}
	if h.command == "" || ctx.Err() != nil {
		return
	}
	if err := h.call(ctx, r); err != nil {
		h.log.Warn("on_finish: " + message.Plain(err))
	}
}

// variables returns what the command finds in its environment about the run.
func (r *Run) variables() []string {
	return []string{
		"GENBATCH_RUN_EXIT_CODE=" + strconv.Itoa(r.ExitCode),
		"GENBATCH_RUN_OUTPUT=" + r.Output,
		"GENBATCH_RUN_STATE=" + r.State,
		"GENBATCH_RUN_JOB=" + r.JobFile,
	}
}

// Variables are the names of the variables that a command finds about the run.
func Variables() (names []string) {
	for _, v := range new(Run).variables() {
		name, _, _ := strings.Cut(v, "=")
		names = append(names, name)
	}
	return names
}

// payload is what is posted, in the structure that Standard Webhooks recommend. The record alone
// would not say which job it is of.
type payload struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"` // when the run ended
	Job       payloadJob      `json:"job"`
	Data      json.RawMessage `json:"data"`
}

// payloadJob says which job the run was of.
type payloadJob struct {
	Host   string `json:"host"`
	File   string `json:"file"`
	Output string `json:"output"`
	State  string `json:"state"`
}

// finished is the type of what is posted.
const finished = "genbatch.run.finished"

// body returns what is posted of a run.
func (r *Run) body() ([]byte, error) {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err = e.Encode(payload{finished, r.Ended.UTC(), payloadJob{host, r.JobFile, r.Output, r.State}, bytes.TrimSpace(r.Record)})
	return bytes.TrimSpace(b.Bytes()), err
}

// withoutSecrets returns an environment without the variables that hold a key or a secret of the
// job or of any endpoint, in whatever case, which Windows does not tell apart, and without all
// others of the same value. The settings of hooks are left out too, since a command that runs
// another job is not to call itself at its end.
func withoutSecrets(environ []string, s *spec.Spec) []string {
	secrets := append(gemini.KeyVariables(), s.APIKeyEnv, s.Webhook.SecretEnv, "GENBATCH_HEADER", "GENBATCH_WEBHOOK")
	settings := []string{"GENBATCH_ON_FINISH", "GENBATCH_WEBHOOK_SECRET_ENV", "GENBATCH_WEBHOOK_SECRET_FILE"}
	among := func(names []string, name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
	secret := make(map[string]bool) // values
	for _, pair := range environ {
		if name, value, _ := strings.Cut(pair, "="); value != "" && among(secrets, name) {
			secret[value] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		return among(secrets, name) || among(settings, name) || secret[value]
	})
}

// The lengths that Standard Webhooks set for the key in a secret, in bytes.
const shortestKey, longestKey = 24, 64

// keysOf returns the keys that sign what is posted, and the secrets that they stand in, which
// white space separates. Several are for the time in which one takes another's place. There is
// none if the job names no secret. The error is a [*spec.Error], and shows nothing of a secret.
func keysOf(w *spec.Webhook) (keys [][]byte, secrets []string, err error) {
	var text, from string
	switch {
	case w.SecretEnv != "":
		text, from = os.Getenv(w.SecretEnv), "the variable "+message.OneLine(w.SecretEnv, 80)
	case w.SecretFile != "":
		file, err := os.ReadFile(w.SecretFile)
		if err != nil {
			return nil, nil, spec.Errorf("", "the secret of the webhook cannot be read: %w", err)
		}
		text, from = string(file), w.SecretFile
	default:
		return nil, nil, nil
	}
	const remedy = `make one with: echo "whsec_$(openssl rand -base64 32)"`
	if secrets = strings.Fields(text); len(secrets) == 0 {
		return nil, nil, spec.Errorf(remedy, "the webhook has no secret: %s is empty or not set", from)
	}
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return nil, nil, spec.Errorf(remedy, "the webhook's secret in %s is not whsec_ and base64 behind it", from)
		}
		if len(key) < shortestKey || len(key) > longestKey {
			return nil, nil, spec.Errorf(remedy, "the webhook's secret in %s has %d bytes, and must have %d to %d", from, len(key), shortestKey, longestKey)
		}
		keys = append(keys, key)
	}
	return keys, secrets, nil
}

// secretsIn returns the parts of an address that may be secret: all behind the host.
func secretsIn(address *url.URL) []string {
	parts := []string{address.String(), address.EscapedPath(), address.Path, address.RawQuery, address.Fragment}
	parts = append(parts, strings.Split(address.Path, "/")...)
	if password, ok := address.User.Password(); ok {
		parts = append(parts, password)
	}
	return parts
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
