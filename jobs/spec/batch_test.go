package spec

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch/gemini"
)

// What a batch cannot do is said before anything is sent, with what to write instead.
func TestBatchMistakes(t *testing.T) {
	const bucket = "gs://my-bucket/genbatch"
	vertex := func(change func(*Spec)) Spec {
		s := Spec{Tier: List{"batch", "standard"}, Endpoint: "vertex", BatchBucket: bucket}
		change(&s)
		return s
	}
	cached := map[string]any{"cached_content": "cachedContents/x"}
	for name, tt := range map[string]struct {
		spec Spec
		want string // empty: none
	}{
		"google":                 {Spec{Tier: List{"batch"}}, ""},
		"google, cached content": {Spec{Tier: List{"batch"}, Request: cached}, ""},
		"simulator":              {Spec{Tier: List{"batch"}, Endpoint: "sim"}, ""},
		"base URL":               {Spec{Tier: List{"batch"}, Endpoint: "https://gateway.example.com"}, ""},
		"cleanup":                {Spec{Tier: List{"batch"}, BatchCleanup: true}, ""},
		"vertex":                 {vertex(func(*Spec) {}), ""},
		"gateway":                {Spec{Tier: List{"batch", "standard"}, Endpoint: "yescale"}, "gateways do not forward batches, as far as is known, and yescale is one; ask --endpoint google or vertex with a key of theirs, or leave batch out of --tier"},
		"other gateway":          {Spec{Tier: List{"batch"}, Endpoint: "gptproto"}, "gptproto is one"},
		"no bucket":              {vertex(func(s *Spec) { s.BatchBucket = "" }), "--batch-bucket gs://bucket/prefix"},
		"bucket at google":       {Spec{Tier: List{"batch"}, BatchBucket: bucket}, "only Vertex AI keeps batches in a bucket"},
		"bucket at a base URL":   {Spec{Tier: List{"batch"}, Endpoint: "https://us-central1-aiplatform.googleapis.com", BatchBucket: bucket}, "only Vertex AI"},
		"bucket without batch":   {Spec{Tier: List{"flex"}, Endpoint: "vertex", BatchBucket: bucket}, "batch_bucket is given, and the job does not go by batch; add --tier batch"},
		"cleanup without batch":  {Spec{BatchCleanup: true}, "batch_cleanup is given, and the job does not go by batch"},
		"vertex, cached content": {vertex(func(s *Spec) { s.Request = cached }), "take no cached content"},
	} {
		err := tt.spec.checkTiers()
		if spec, ok := errors.AsType[*Error](err); (tt.want == "") != (err == nil) || err != nil && (!ok || !strings.Contains(spec.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestBucket(t *testing.T) {
	for place, want := range map[string]string{
		"gs://my-bucket":            "",
		"gs://my-bucket/":           "",
		"gs://my.bucket_1/a/b c/é/": "",
		"gs://my-bucket/...":        "",
		"s3://my-bucket":            "begin with gs://",
		"my-bucket/genbatch":        "begin with gs://",
		"gs://":                     "3 or more",
		"gs://ab":                   "3 or more",
		"gs://abc":                  "",

		"gs://" + strings.Repeat("a", 222): "",
		"gs://" + strings.Repeat("a", 223): "3 or more",

		"gs://My-Bucket/a":      "3 or more",
		"gs://-bucket/a":        "3 or more",
		"gs://my-bucket//a":     "empty, . or ..",
		"gs://my-bucket/a//":    "empty, . or ..",
		"gs://my-bucket/a/../b": "empty, . or ..",
		"gs://my-bucket/a*":     "misread",
		"gs://my-bucket/a#1":    "misread",
		"gs://my-bucket/a\nb":   "misread",
	} {
		if err := checkBucket(place); (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", place, err, want)
		}
	}
}

// Vertex AI's batches belong to a project, which the environment may name.
func TestBatchNeedsProject(t *testing.T) {
	s := Spec{Tier: List{"batch"}, Endpoint: "vertex", Auth: "x-goog-api-key", BatchBucket: "gs://my-bucket"}
	env := func(string) string { return "" }
	_, _, err := ParseEndpoint(&s, EndpointOptions(&s), env)
	if err == nil || !strings.Contains(err.Error(), "belong to a project") || !strings.Contains(err.Error(), "--project") {
		t.Errorf("express mode: %v", err)
	}
	named := func(name string) string { return map[string]string{"GOOGLE_CLOUD_PROJECT": "p"}[name] }
	s.Auth = ""
	if e, _, err := ParseEndpoint(&s, EndpointOptions(&s), named); err != nil || e.Project != "p" {
		t.Errorf("with a project: %+v, %v", e, err)
	}
	s.Auth = "x-goog-api-key"
	s.Tier, s.BatchBucket = List{"flex"}, ""
	if _, _, err := ParseEndpoint(&s, EndpointOptions(&s), env); err != nil {
		t.Errorf("flex in express mode: %v", err)
	}
	// An address of Vertex AI is spoken to as any other address is.
	s = Spec{Tier: List{"batch"}, Endpoint: "https://us-central1-aiplatform.googleapis.com"}
	if _, _, err := ParseEndpoint(&s, EndpointOptions(&s), env); err != nil {
		t.Errorf("a base URL: %v", err)
	}
	// A gateway by its name is refused also where the options alone name it.
	s = Spec{Tier: List{"batch"}}
	if _, _, err := ParseEndpoint(&s, gemini.EndpointOptions{Name: "gptproto"}, env); err == nil || !strings.Contains(err.Error(), "gateways do not forward batches") {
		t.Errorf("a gateway: %v", err)
	}
}

func TestCallTiers(t *testing.T) {
	for _, tt := range []struct {
		tier    List
		byBatch bool
		calls   []string
	}{
		{nil, false, nil},
		{List{"flex,standard"}, false, []string{"flex", "standard"}},
		{List{"batch"}, true, nil},
		{List{"BATCH, flex", "standard"}, true, []string{"flex", "standard"}},
	} {
		s := Spec{Tier: tt.tier}
		if ByBatch(&s) != tt.byBatch || !slices.Equal(CallTiers(&s), tt.calls) || CallTiers(&s) == nil != (tt.calls == nil) {
			t.Errorf("%q: by batch %t, calls in %q", tt.tier, ByBatch(&s), CallTiers(&s))
		}
	}
}
