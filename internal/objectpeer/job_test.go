package objectpeer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/s3"
)

// An echo is a model that answers with the end of what it is asked, and counts that. It is for
// one call at a time.
type echo struct{ asked []string }

func (e *echo) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	var body struct {
		Contents []struct{ Parts []struct{ Text string } }
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return batch.Outcome{Consequence: batch.Settled, Status: batch.Failed, Err: &batch.Error{Kind: batch.KindRequest, Message: err.Error()}}
	}
	text := body.Contents[0].Parts[0].Text
	e.asked = append(e.asked, text)
	usage := batch.Usage{PromptTokenCount: 5, CandidatesTokenCount: 1, TotalTokenCount: 6}
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, FinishReason: "STOP", ModelVersion: r.Model, Usage: &usage,
		Response: fmt.Appendf(nil, `{"candidates":[{"content":{"parts":[{"text":%q}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1,"totalTokenCount":6},"modelVersion":%q}`, text, r.Model),
	}
}

// A job goes from S3 to S3: once, again with new rows, and not over what somebody else has put
// there.
func TestJobOverS3(t *testing.T) {
	s3Environment(t, fakeS3(t))
	objects.Register("s3", s3.Open)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	const root = "s3://" + bucket + "/"
	put := func(key, content string) {
		t.Helper()
		if _, err := store.Write(t.Context(), root+key, strings.NewReader(content), objects.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	model := new(echo)
	spec := jobs.Spec{
		Input: jobs.List{root + "in/*.csv"}, Output: root + "out/answers.jsonl", Columns: jobs.List{"q", "response"},
		Model: "gemini-2.5-flash-lite", Endpoint: "http://127.0.0.1:1", Auth: "none", Prompt: "{{.q}}", Concurrency: 1,
	}
	run := func() error {
		t.Helper()
		j, err := jobs.Open(spec, jobs.Options{Model: model})
		if err != nil {
			return err
		}
		defer j.Close()
		_, err = j.Run(t.Context())
		return err
	}
	expect := func(want string, asked ...string) {
		t.Helper()
		content, err := store.ReadFile(spec.Output)
		if err != nil || string(content) != want {
			t.Errorf("the output is %q, %v, want %q", content, err, want)
		}
		if !slices.Equal(model.asked, asked) {
			t.Errorf("asked was %q, want %q", model.asked, asked)
		}
		j, err := jobs.View(spec, jobs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if v, err := j.Verify(); err != nil || len(v.Faults) > 0 {
			t.Errorf("verify: %v, %v", v, err)
		}
	}
	put("in/1.csv", "q\na\nb\n")
	if err := run(); err != nil {
		t.Fatal(err)
	}
	first := `{"q":"a","response":"a"}` + "\n" + `{"q":"b","response":"b"}` + "\n"
	expect(first, "a", "b")
	put("in/2.csv", "q\nc\n")
	if err := run(); err != nil {
		t.Fatal(err)
	}
	expect(first+`{"q":"c","response":"c"}`+"\n", "a", "b", "c")

	put("out/answers.jsonl", "precious")
	put("in/2.csv", "q\nd\n")
	if err := run(); !errors.As(err, new(*jobs.OutputError)) || len(model.asked) != 3 {
		t.Errorf("over the object of another the run ends with %v, and asked was %q", err, model.asked)
	}
}
