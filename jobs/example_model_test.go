package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/reader"
)

// A critic is a Model: it answers by itself instead of an endpoint. Everything else, retries,
// journal, costs and output, is as for any other model.
type critic struct{}

func (critic) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	label := "good"
	if strings.Contains(string(r.Body), "late") {
		label = "bad"
	}
	// The answer has the form of the API's, since outputs are derived from it.
	usage := batch.Usage{PromptTokenCount: 40, CandidatesTokenCount: 1, TotalTokenCount: 41}
	response, err := json.Marshal(map[string]any{
		"candidates": []any{map[string]any{
			"content":      map[string]any{"parts": []any{map[string]any{"text": label}}},
			"finishReason": "STOP",
		}},
		"usageMetadata": usage,
		"modelVersion":  r.Model,
	})
	if err != nil {
		return batch.Outcome{Consequence: batch.Retry, Err: &batch.Error{Kind: batch.KindAnswer, Message: err.Error()}}
	}
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, Response: response,
		FinishReason: "STOP", ModelVersion: r.Model, Usage: &usage,
	}
}

// A Model of one's own takes the place of the endpoint: for tests, and for models that are
// reached in another way.
func ExampleOptions_model() {
	spec, remove := reviews()
	defer remove()
	spec.Endpoint, spec.Prompt = "", ""
	spec.Classify = &jobs.Classify{Text: "{{.text}}", Labels: jobs.Labels{{Name: "good"}, {Name: "bad"}}}
	spec.Columns = jobs.List{"id", "label", "cost_usd"}

	j, err := jobs.Open(spec, jobs.Options{Model: critic{}})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	show(spec.Output)
	// Output:
	// id,label,cost_usd
	// 1,good,0.0000044
	// 2,bad,0.0000044
	// 3,good,0.0000044
}

// With a column of known labels, a classification is evaluated: how often the labels agree,
// within which bounds, and which ones are taken for which.
func ExampleEvaluation() {
	spec, remove := reviews()
	defer remove()
	text := "text,known\nFits and looks well.,good\nIt came late and wet.,bad\nQuite good.,good\nIt was late but worth it.,good\n"
	if err := os.WriteFile(spec.Input[0], []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	spec.Endpoint, spec.Prompt = "", ""
	spec.Classify = &jobs.Classify{Text: "{{.text}}", Labels: jobs.Labels{{Name: "good"}, {Name: "bad"}}}
	spec.Expected = jobs.Expected{"": {Column: "known"}}

	j, err := jobs.Open(spec, jobs.Options{Model: critic{}})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	summary, err := j.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	e := summary.Job.Evaluations[0]
	fmt.Printf("%d of %d rows have the known label: accuracy %.2f\n", e.Correct, e.Rows, *e.Accuracy)
	fmt.Printf("95%% interval: %.2f to %.2f\n", e.Interval[0], e.Interval[1])
	for _, l := range e.Labels {
		fmt.Printf("%s: precision %.2f, recall %.2f\n", l.Label, *l.Precision, *l.Recall)
	}
	fmt.Println("good, but given bad:", e.Confusion["good"]["bad"])
	// Output:
	// 3 of 4 rows have the known label: accuracy 0.75
	// 95% interval: 0.30 to 0.95
	// good: precision 1.00, recall 0.67
	// bad: precision 0.50, recall 1.00
	// good, but given bad: 1
}

// Errors are told apart by [errors.AsType] and [errors.Is].
func Example_errors() {
	spec, remove := reviews()
	defer remove()
	why := func(spec jobs.Spec) string {
		j, err := jobs.Open(spec, jobs.Options{})
		if err == nil {
			defer j.Close()
			_, err = j.Run(context.Background())
		}
		if locked, ok := errors.AsType[*jobs.LockedError](err); ok {
			return fmt.Sprint("it runs already, in this process: ", locked.Owner.PID == os.Getpid())
		}
		if file, ok := errors.AsType[*jobs.OutputError](err); ok {
			return "it is in the way: " + filepath.Base(file.Path)
		}
		if place, ok := errors.AsType[*reader.Error](err); ok && errors.Is(err, fs.ErrNotExist) {
			return "there is no " + filepath.Base(place.File)
		}
		if mistake, ok := errors.AsType[*jobs.SpecError](err); ok {
			return "remedy: " + mistake.Hint
		}
		if day, ok := errors.AsType[*quota.DayError](err); ok {
			return "run again after " + day.Until.String()
		}
		if refused, ok := errors.AsType[*batch.StopError](err); ok {
			return fmt.Sprintf("the endpoint refuses all: %s", refused.Err.Kind)
		}
		if errors.Is(err, batch.ErrInterrupted) {
			return "run again to carry on"
		}
		return fmt.Sprint(err)
	}

	missing := spec
	missing.Input = jobs.List{"no-such.csv"}
	fmt.Println(why(missing))

	mistaken := spec
	mistaken.Prompt = "Translate {{.txt}}"
	fmt.Println(why(mistaken))

	foreign := spec
	foreign.Output = spec.Input[0] + ".parquet"
	if err := os.WriteFile(foreign.Output, nil, 0o600); err != nil {
		log.Fatal(err)
	}
	fmt.Println(why(foreign))

	j, err := jobs.Open(spec, jobs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	fmt.Println(why(spec))
	// Output:
	// there is no no-such.csv
	// remedy: did you mean "text"? the input has id, text
	// it is in the way: reviews.csv.parquet
	// it runs already, in this process: true
}
