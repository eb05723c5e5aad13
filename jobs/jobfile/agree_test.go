package jobfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// compiled returns the schema as a validator of another hand reads it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(URL, document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(URL)
	if err != nil {
		t.Fatalf("the schema is not one: %v", err)
	}
	return s
}

// load reads a job file, and gives what it leaves out, as flags could.
func load(path string) (*spec.Spec, error) {
	s, err := spec.Load(path)
	if err != nil {
		return nil, err
	}
	s.Input, s.Output, s.Model = spec.List{"in.csv"}, "out.csv", "gemini-3.5-flash-lite"
	template := "{{.body}}"
	if s.Prompt == "" && s.Classify == nil && s.Summarize == nil && s.Extract == nil && s.Raw == nil {
		switch { // also: --label, or --text alone
		case s.ReviewBelow > 0:
			s.Classify = new(spec.Classify)
		case s.SharesCalls():
			s.Summarize = new(spec.Summarize)
		default:
			s.Prompt = template
		}
	}
	some := spec.Schema(`{"type":"object","properties":{"a":{"type":"string"}}}`)
	// What is in a file, and whether an object is a schema, is another matter.
	replace := func(schema *spec.Schema) {
		if len(*schema) > 0 && (*schema)[0] != '[' && !strings.Contains(string(*schema), `"properties"`) {
			*schema = some
		}
	}
	replace(&s.Schema)
	if c := s.Classify; c != nil {
		c.Text = template
		if c.Labels == nil || slices.ContainsFunc(c.Labels, func(l spec.Label) bool { return strings.HasPrefix(l.Name, "@") }) {
			c.Labels = spec.Labels{{Name: "A"}, {Name: "B"}, {Name: "C"}}
		}
		c.Multi = c.Multi || c.MinLabels > 0 || c.MaxLabels > 0
		c.Examples.File = ""
		if len(c.Questions) > 0 {
			c.Labels, c.Multi, c.MinLabels, c.MaxLabels = nil, false, 0, 0
			c.Examples.List = nil
		}
	}
	if c := s.Summarize; c != nil {
		c.Text = template
	}
	if c := s.Extract; c != nil {
		c.Text = template
		replace(&c.Schema)
		if len(c.Schema) == 0 && len(s.Schema) == 0 {
			c.Schema = some
		}
	}
	if s.ReviewBelow > 0 { // also: --confidence
		if s.Classify != nil && s.Classify.Confidence == "" {
			s.Classify.Confidence = spec.Said
		}
	}
	switch { // also: --tier
	case len(s.Tier) > 0:
	case s.BatchBucket != "" || s.BatchCleanup:
		s.Tier = spec.List{"batch", "flex"}
	case s.TierWait > 0:
		s.Tier = spec.List{"flex"}
	}
	switch onVertex := s.Endpoint == "vertex"; {
	case s.BatchBucket != "" && s.Endpoint == "": // also: --endpoint
		s.Endpoint = "vertex"
	case s.BatchBucket == "" && onVertex && spec.ByBatch(s):
		s.BatchBucket = "gs://bucket"
	}
	if s.OnFinishTimeout > 0 && s.OnFinish == "" { // also: --on-finish
		s.OnFinish = "true"
	}
	if w := &s.Webhook; *w != (spec.Webhook{}) && w.URL == "" { // also: --webhook
		w.URL = "https://example.com"
	}
	if s.SchemaField != "" && len(s.Schema) == 0 && s.Extract == nil && s.Classify == nil {
		s.Schema = some
	}
	if _, ok := s.Set["a"]; ok { // which paths there are, the API knows
		s.Set = nil
	}
	return s, nil
}

// genbatchReads returns what genbatch says of a job file before it looks at the input and at
// other files.
func genbatchReads(path string) error {
	s, err := load(path)
	if err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return err
	}
	if err := s.ReadFiles(); err != nil {
		return err
	}
	s.Checks = nil // what their expressions can name, the input and the answers say
	if _, err := prompt.New(s, prompt.Wording); err != nil {
		return err
	}
	if _, err := media.New(media.Config{Columns: s.Media}); err != nil {
		return err
	}
	if _, err := s.CostLimit(); err != nil {
		return err
	}
	if _, err := s.FailureLimit(); err != nil {
		return err
	}
	if _, err := s.HTTPHeader(); err != nil {
		return err
	}
	if _, err := s.RetryStatuses(); err != nil {
		return err
	}
	for _, format := range []string{s.InputFormat, s.OutputFormat} {
		if _, err := fileformat.Of("x.csv", format, "format"); err != nil {
			return err
		}
	}
	o := gemini.EndpointOptions{Name: s.Endpoint, BaseURL: s.BaseURL, Auth: s.Auth, Project: "p"}
	switch {
	case s.Auth == "oauth" && !strings.Contains(s.Endpoint, "goo"):
		o.Name = "vertex"
	case o.BaseURL == "" && (s.Endpoint == "yescale" || s.Endpoint == "sim"):
		o.BaseURL = "https://example.com"
	case strings.Contains(o.Name, "://"):
		o.BaseURL = ""
	}
	_, err = gemini.ParseEndpoint(o, func(string) string { return "" })
	return err
}

// anything are values that most keys refuse.
var anything = []any{"x", "", 5, 2.5, -1, true, false, nil, []any{}, map[string]any{}, []any{"a"}, []any{"a", 5}, []any{[]any{"a"}}, map[string]any{"a": "b"}, "@file", "10"}

type (
	group1 = map[string]any
	many   = []any
)

// values are what a random job has at a key, beside anything: what the key takes, and what
// looks like it.
var values = map[string][]any{
	"input_format": {"csv", "CSV", "Parquet", "xlsx"}, "output_format": {"jsonl", "tsv", "xml"},
	"endpoint": {"google", "vertex", "sim", "gptproto", "yescale", "https://example.com/a", "gogle", "example.com"},
	"base_url": {"https://example.com"}, "auth": {"bearer", "raw", "query", "none", "x-goog-api-key", "oauth", "basic"},
	"header": {"X-A=1", many{"X-A=1", "X-B=a=b"}, "X-A: 1", "=1", "X Y=1"},
	"schema": {"s.json", group1{"type": "object", "properties": group1{"b": group1{"type": "string"}}}}, "schema_field": {"responseSchema", "responseJsonSchema", "responseschema"},
	"prompt": {"Say {{.body}}", "@prompt.txt"},
	"classify": {group1{"labels": many{"a", "b"}}, group1{"labels": group1{"a": nil, "b": "c"}}, group1{"labels": "@labels.txt"}, group1{"labels": "labels.txt"},
		group1{"labels": many{group1{"name": "a", "description": "b"}, group1{"c": "d"}, "e", 5, true}}, group1{"labels": many{"a", group1{"name": "b", "note": "c"}}},
		group1{"labels": many{"a", group1{}}}, group1{"labels": many{"a", group1{"b": many{}}}}, group1{"labels": group1{"a": many{}, "b": nil}}, group1{"labels": many{many{"a"}, "b"}},
		group1{"lables": many{"a", "b"}}, group1{"multi": true}, group1{"multi": "true"}, group1{"min_labels": 1}, group1{"min_labels": -1}, group1{"max_labels": "2"}, group1{"max_labels": 1.5},
		group1{"confidence": true, "rationale": false, "text": "{{.body}}"}, group1{"labels": many{"a", "b"}, "confidence": "logprobs"}, group1{"confidence": "said"}, group1{"confidence": "sure"}, group1{"confidence": 0.8},
		group1{"examples": "shots.csv"}, group1{"examples": many{group1{"text": "x", "label": "A"}}},
		group1{"examples": group1{"file": "s.csv", "text": "t"}}, group1{"examples": group1{"text": "t"}}, group1{"examples": many{"x"}}, group1{"examples": many{group1{"txt": "x"}}},
		group1{"questions": group1{"a": group1{"labels": many{"x", "y"}}, "b_2": group1{"labels": group1{"x": "z", "y": nil}, "multi": true, "min_labels": 1, "ask": "Which?"}}},
		group1{"questions": many{group1{"name": "a", "labels": many{"x", "y"}}}}, group1{"questions": many{group1{"labels": many{"x", "y"}}}}, group1{"questions": many{"a"}},
		group1{"questions": group1{"a b": group1{"labels": many{"x", "y"}}}}, group1{"questions": group1{"a": group1{"lables": many{"x", "y"}}}}, group1{"questions": group1{"a": group1{"labels": many{"x", "y"}, "max_labels": -1}}},
		group1{"questions": group1{"a": group1{"labels": many{"x", "y"}, "expected": "b"}}}, group1{"questions": group1{"a": group1{"labels": many{"x", "y"}, "expected": group1{"column": "b", "as": "labels"}}}},
		group1{"descriptions": group1{"A": "b"}}, group1{"descriptions": many{}}, group1{"descriptions": group1{"A": many{}}}, group1{"model": "m"}},
	"summarize": {group1{"text": "{{.body}}"}, group1{"words": 5}, group1{"words": "5"}, group1{"words": 5, "sentences": 2}, group1{"word": 5}, group1{"words": "five"}, group1{"sentences": 1.5}, group1{"style": many{}}, group1{"style": "bullets", "language": "English"}},
	"extract":   {group1{"schema": "s.json"}, group1{"schema": 5}, group1{"schema": group1{"type": "object", "properties": group1{"b": group1{"type": "integer"}}}}, group1{"shema": "s.json"}},
	"raw":       {group1{"column": "body"}, group1{"column": many{}}, group1{"colunm": "x"}},
	"request": {group1{"generationConfig": group1{"temperature": 0.5}}, group1{"contents": many{}}, group1{"systemInstruction": group1{}}, group1{"system_instruction": group1{}}, group1{"serviceTier": "FLEX"},
		group1{"generationConfig": group1{"thinkingConfig": group1{"thinkingLevel": "LOW", "thinkingBudget": 1}}}, group1{"generationConfig": group1{"thinkingConfig": group1{"thinkingLevel": "LOW"}}},
		group1{"generation_config": group1{"max_output_tokens": 5}}, group1{"generationConfig": group1{"maxOutputTokens": 5}}, group1{"generationConfig": group1{"responseSchema": group1{}}}, group1{"anything": many{1, group1{}}}},
	"media": {"photo", many{"a", group1{"column": "b", "resolution": "low"}}, group1{"column": "a"}, group1{"column": "a", "resolution": "LOW"}, group1{"column": "a", "resolution": "ultra-high"},
		group1{"column": "a", "resolution": "media_resolution_high"}, group1{"column": "a", "resolution": "best"}, group1{"column": "a", "mime_type": "image/png"}, group1{"column": "a", "mime_type": "png"},
		group1{"resolution": "low"}, group1{"column": "a", "max_bytes": 5}, group1{"column": "a", "max_bytes": -5}, many{many{"a"}}, group1{"colum": "a"}},
	"set":     {group1{"generationConfig.temperature": "{{.body}}"}, group1{"generationConfig.seed": 5}, group1{"generationConfig.temperature": many{}}},
	"timeout": {"5m", "90s", "1h30m", "0", "1.5s", ".5m", "+5m", "-5m", "5", "5 m", "5d", "m", "1.m", "5µs"}, "tier_wait": {"5m", "-5m", "5x"},
	"max_failures": {100, "100", "5%", " 5 %", "0.5%", "100%", "101%", "0%", "0", 0, 0.5, "five", "1.5", "00.1%", "100.0%", "%", "5%%", "+5"},
	"max_cost":     {5.00, "5.00", "0.075", "0", 0, "-1", -1, "1e2", "7.5e-2", "five", "$5", ".5", "5.", ".", 9223373},
	"retry":        {"blocked", many{"blocked", "invalid"}, "ok", "pending", many{"blocked", "skipped"}, "blocked,invalid"},
	"check":        {"answer.total > 0", many{"a > 0", map[string]any{"name": "b", "expr": "b > 0", "flag": true}}, many{map[string]any{"name": "c"}}, map[string]any{"expr": "true", "message": "m"}, many{map[string]any{"expr": "x", "flags": true}}, many{}},
	"fail_if":      {"balance", many{"a", "b"}, many{}}, "on_daily_quota": {"stop", "wait", "sleep", "Stop"},
	"tier":          {"flex", "flex,standard", "Flex, standard", many{"flex", "standard"}, "batch", "batch,flex", "Batch , flex, standard", many{"batch", "flex"}, many{"batch,flex", "standard"}, many{"flex", "batch"}, many{"flex,batch"}, "flex,batch", "batch,batch", many{"flex", "bach"}, "priority ", ",flex", "flex,"},
	"batch_bucket":  {"gs://my-bucket", "gs://my-bucket/", "gs://my-bucket/a/b.c", "gs://my-bucket/a/", "gs://my-bucket/.a/..b/...", "gs://my-bucket//a", "gs://my-bucket/a/..", "gs://my-bucket/./a", "gs://my-bucket/a*", "gs://My-Bucket", "gs://b", "gs://", "my-bucket/a", "s3://my-bucket"},
	"batch_cleanup": {true, false, "yes"},
	"metrics":       {9090, ":9090", "9090", "127.0.0.1:9090", "[::1]:9090", "::1:9090", "[:]:1", "0.0.0.0:0", "localhost:9090", "a b:1", "65536", 65535, 65536, -1, "host", "http://127.0.0.1:9090", "127.0.0.1:", 9090.5, "00"},
	"deadline":      {"6h", "18:00", "9:00", "18:00:30", "25:00", "18:60", "2027-01-31T18:00", "2027-01-31 18:00", "2027-01-31T18:00:00Z", "2027-01-31t18:00z", "2027-01-31 18:00 +01:00", "2027-01-31T18:00:00+01:00", "2027-13-31T18:00", "2027-01-31", "2027-01-31T25:00", "soon", "-1h", " 6h ", "90", 6, "2 hours"},
	"rpm":           {0, "+5", "-5", "5.0", "many", 1000}, "limit": {5, 0}, "sample": {5, 0}, "columns": {many{"id", "label"}}, "system": {"{{.body}}", "@s.txt"},
	"shard": {"1/2", "2/2", " 2/2 ", "auto", "auto/2", "auto/", "0/2", "1/0", "1", 1, "1-of-2", "1 / 2"}, "quota_share": {"1/2", "50%", "50 %", 0.5, 1, "1", ".5", "0", 0, "0%", "1/0", "200%", "half", "1.5"},
	"review_below": {0.8, 0, 1, 1.5, -0.5, "0.8", "80%"},
	"expected": {"section", 5, group1{"a": "b", "c": group1{"column": "d", "as": "number", "tolerance": 0.01}}, group1{"a": group1{"column": "b", "tolerance": "1%"}}, group1{"a": group1{"column": "b", "as": "text", "normalize": true}},
		group1{"a": group1{"as": "text"}}, group1{"a": group1{"column": "b", "as": "numbers"}}, group1{"a": group1{"column": "b", "tolerance": -1}}, group1{"a": group1{"column": "b", "tolerance": "five"}}, group1{"a": many{"b"}}, group1{"a": group1{"colum": "b"}}}, "max_output_tokens": {100}, "tpm": {10.5, 10.0},
}

// randomJob returns a job with a few keys, each with a value that is right, or nearly.
func randomJob(r *rand.Rand, keys []string) map[string]any {
	job := make(map[string]any)
	for range 1 + r.IntN(4) {
		key := keys[r.IntN(len(keys))]
		pool := values[key]
		if len(pool) == 0 || r.IntN(4) == 0 {
			pool = anything
		}
		job[key] = pool[r.IntN(len(pool))]
	}
	if r.IntN(60) == 0 {
		job[[]string{"modle", "labels", "api_key", "temperature", "text"}[r.IntN(5)]] = "x"
	}
	return job
}

// rarelyMeant reports whether a job has what genbatch reads and the schema refuses on
// purpose: a key without a value, or a bare true or false where a text is due.
func rarelyMeant(v any, key string, isBool map[string]bool) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !isBool[key]
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return rarelyMeant(item, key, isBool) })
	case map[string]any:
		for name, item := range v {
			if rarelyMeant(item, name, isBool) {
				return true
			}
		}
	}
	return false
}

// TestSchemaAgrees holds the schema to genbatch: what one of them reads, the other does. It
// draws jobs at random, the same ones each time.
func TestSchemaAgrees(t *testing.T) {
	schema := compiled(t)
	var keys []string
	isBool := make(map[string]bool)
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var published struct {
		Properties map[string]struct {
			Type any `json:"type"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(text, &published); err != nil {
		t.Fatal(err)
	}
	for key, p := range published.Properties {
		keys = append(keys, key)
		isBool[key] = p.Type == "boolean"
	}
	for _, key := range []string{"multi", "confidence", "rationale", "labels"} {
		isBool[key] = true
	}
	// Files and folders are looked at, and which characters and encodings there are is no
	// matter of a file's form.
	notForm := strings.Fields("prices media_root delimiter encoding escape no_quotes null output_delimiter")
	keys = slices.DeleteFunc(slices.Sorted(slices.Values(keys)), func(key string) bool { return slices.Contains(notForm, key) })

	r := rand.New(rand.NewPCG(15, 3))
	dir := t.TempDir()
	for _, name := range []string{"file", "s.txt", "prompt.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("Say {{.body}}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	both := map[bool]int{}
	said := map[string]bool{}
	jobs := 3_000
	if testing.Short() {
		jobs = 1_000
	}
	for i := range jobs {
		path := filepath.Join(dir, fmt.Sprintf("job%d.yaml", i)) // some file systems sync a file that is written again
		job := randomJob(r, keys)
		file, err := json.Marshal(job) // JSON is YAML
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		read, valid := genbatchReads(path), schema.Validate(instance)
		switch {
		case (read == nil) == (valid == nil):
			both[read == nil]++
		case valid == nil:
			if key := fmt.Sprint("read ", read); !said[key] {
				said[key] = true
				t.Errorf("the schema accepts %s, and genbatch does not: %v", file, read)
			}
		case !rarelyMeant(job, "", isBool):
			if key := fmt.Sprint(slices.Sorted(maps.Keys(job))); !said[key] && len(said) < 25 {
				said[key] = true
				t.Errorf("genbatch reads %s, and the schema does not accept it: %v", file, valid)
			}
		}
	}
	if both[true] < jobs/10 || both[false] < jobs/10 {
		t.Errorf("%d jobs are accepted and %d refused by both, which is too few to tell anything", both[true], both[false])
	}
	t.Logf("%d jobs: %d accepted and %d refused by both", jobs, both[true], both[false])
}
