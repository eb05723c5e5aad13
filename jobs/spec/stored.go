package spec

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/redact"
)

// WithoutSecrets returns the Spec as it can be stored. Header values and addresses that hold
// secrets are made unreadable. Only sending needs them, and what is sent for a Spec that was
// read from a state folder needs the job file too. What is done at the end of a run is left
// out: a command and the address of a webhook may well hold a secret, in whatever form.
func (s Spec) WithoutSecrets() Spec {
	s.Force = false // the user said it about one run only
	s.OnFinish, s.OnFinishTimeout, s.Webhook = "", 0, Webhook{}
	s.Header = slices.Clone(s.Header)
	for i, pair := range s.Header {
		s.Header[i] = redact.Header(pair)
	}
	var r redact.Redactor
	s.Endpoint, s.BaseURL = r.String(s.Endpoint), r.String(s.BaseURL)
	return s
}

// CheckSecrets refuses a Spec for sending that lacks secrets because it was stored.
func CheckSecrets(s *Spec) error {
	for _, pair := range s.Header {
		if name, value, _ := strings.Cut(pair, "="); value == redact.Mark {
			return Errorf("name the job file that has it, and not the output",
				"the endpoint cannot be asked, since the value of the header %s is not kept in the state folder", name)
		}
	}
	return nil
}

// DerivedFrom returns the part of the Spec that rows and output are derived from. It leaves
// out how calls are made, so that another --rpm does not make an output out of date.
func (s Spec) DerivedFrom() Spec {
	s = s.WithoutSecrets()
	s.Endpoint, s.BaseURL, s.Auth, s.APIKeyEnv, s.APIKeyFile, s.Project, s.Location, s.Header = "", "", "", "", "", "", "", nil
	s.Concurrency, s.RPM, s.TPM, s.RPD, s.MaxAttempts, s.Timeout, s.MaxFailures, s.Retry = 0, 0, 0, 0, 0, 0, "", nil
	s.Shard, s.QuotaShare = "", ""
	s.OnDailyQuota, s.QuotaGroup, s.TierWait, s.Deadline, s.MaxCost = "", "", 0, "", ""
	s.BatchBucket, s.BatchCleanup, s.Metrics = "", false, ""
	s.Stream, s.Strict, s.MediaDelete, s.State = false, false, false, ""
	if s.SharesCalls() {
		s.RowsPerCall = 2 // how many rows share a call is no part of what a row asks
	}
	return s
}

// Renewed returns the job of an earlier run as its job file has it now: what the file says,
// and beside that what flags and environment said then. ran is the whole job of the run, was
// is what the file said then, and now is what it says now. If was is nil, the file of that
// time is not known, and each key that the file has now counts. changed names the keys of
// which rows or output depend, and which are not as they were.
func Renewed(ran, was, now *Spec) (job *Spec, changed []string, err error) {
	r, err := valuesOf(ran.WithoutSecrets())
	if err != nil {
		return nil, nil, err
	}
	n, err := valuesOf(now.WithoutSecrets())
	if err != nil {
		return nil, nil, err
	}
	w := make(map[string]string)
	if was == nil {
		for key, value := range r {
			if _, ok := n[key]; !ok {
				n[key] = value
			}
		}
	} else if w, err = valuesOf(was.WithoutSecrets()); err != nil {
		return nil, nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(merged(r, n))) {
		if value, given := r[key]; was != nil && value != w[key] { // by a flag or the environment
			delete(n, key)
			if given {
				n[key] = value
			}
		}
	}
	if job, err = specOf(n); err != nil {
		return nil, nil, err
	}
	// What the file says now is known with its secrets.
	known := now.WithoutSecrets()
	if slices.Equal(job.Header, known.Header) {
		job.Header = now.Header
	}
	for _, one := range []struct {
		value      *string
		shown, now string
	}{{&job.Endpoint, known.Endpoint, now.Endpoint}, {&job.BaseURL, known.BaseURL, now.BaseURL}} {
		if *one.value == one.shown {
			*one.value = one.now
		}
	}
	before, err := valuesOf(ran.DerivedFrom())
	if err != nil {
		return nil, nil, err
	}
	after, err := valuesOf(job.DerivedFrom())
	if err != nil {
		return nil, nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(merged(before, after))) {
		if before[key] != after[key] {
			changed = append(changed, key)
		}
	}
	return job, changed, nil
}

// valuesOf returns the keys of a Spec with their values as JSON.
func valuesOf(s Spec) (map[string]string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	keys := make(map[string]string, len(raw))
	for key, value := range raw {
		keys[key] = string(value)
	}
	return keys, nil
}

// specOf is the inverse of valuesOf.
func specOf(keys map[string]string) (*Spec, error) {
	raw := make(map[string]json.RawMessage, len(keys))
	for key, value := range keys {
		raw[key] = json.RawMessage(value)
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return nil, err
	}
	s := new(Spec)
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // numbers of request: are sent as they were written
	return s, d.Decode(s)
}

func merged(a, b map[string]string) map[string]string {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}

// SameQuestion reports whether two Specs ask the same question about a row, as far as the
// Specs themselves tell: files that they name are not read.
func SameQuestion(a, b *Spec) bool { return QuestionOf(a) == QuestionOf(b) }

// QuestionOf returns a text that is the same for two Specs if [SameQuestion] is.
func QuestionOf(s *Spec) string {
	text, err := json.Marshal([]any{
		strings.TrimPrefix(s.Model, "models/"), s.Prompt, s.Classify.withoutExpected(), s.Summarize, s.Extract, s.Raw, s.Schema, s.System, s.Request, s.MaxOutputTokens, s.Media, s.Set, s.SharesCalls(),
	})
	if err != nil { // impossible for what was read from JSON or YAML, and only warnings depend on it
		return ""
	}
	return string(text)
}
