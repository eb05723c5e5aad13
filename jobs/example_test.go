package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs"
)

// A critic answers by itself, so that the examples need neither key nor network.
type critic struct{}

func (critic) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	label := "good"
	if strings.Contains(string(r.Body), "late") {
		label = "bad"
	}
	usage := batch.Usage{PromptTokenCount: 40, CandidatesTokenCount: 1, TotalTokenCount: 41}
	response, _ := json.Marshal(map[string]any{ // of such a map it cannot fail
		"candidates": []any{map[string]any{
			"content":      map[string]any{"parts": []any{map[string]any{"text": label}}},
			"finishReason": "STOP",
		}},
		"usageMetadata": usage,
		"modelVersion":  r.Model,
	})
	return batch.Outcome{
		Consequence: batch.Answered, Status: batch.OK, Response: response,
		FinishReason: "STOP", ModelVersion: r.Model, Usage: &usage,
	}
}

// reviews writes an input of two rows in a new folder, and returns the job that says of
// each whether it is good or bad. remove deletes the folder.
func reviews() (spec jobs.Spec, remove func()) {
	dir, err := os.MkdirTemp("", "reviews-")
	if err != nil {
		log.Fatal(err)
	}
	input := filepath.Join(dir, "reviews.csv")
	if err := os.WriteFile(input, []byte("id,text\n1,Fits and looks well.\n2,It came late and wet.\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	return jobs.Spec{
		Input: jobs.List{input}, Output: filepath.Join(dir, "labels.csv"), Model: "gemini-2.5-flash-lite",
		Classify: &jobs.Classify{Text: "{{.text}}", Labels: jobs.Labels{{Name: "good"}, {Name: "bad"}}},
		Columns:  jobs.List{"id", "label", "status"},
	}, func() { os.RemoveAll(dir) }
}

// run runs a job.
func run(spec jobs.Spec) *jobs.Summary {
	j, err := jobs.Open(spec, jobs.Options{Model: critic{}})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	summary, err := j.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	return summary
}

func ExampleJob_Run() {
	spec, remove := reviews()
	defer remove()
	j, err := jobs.Open(spec, jobs.Options{Model: critic{}}) // without a Model: the endpoint of the Spec
	if err != nil {
		log.Fatal(err) // a *jobs.SpecError says what to mend
	}
	defer j.Close()
	summary, err := j.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	cost, _ := summary.Job.CostUSD()
	fmt.Printf("%d rows for $%s\n", summary.Job.Rows, cost)
	output, err := os.ReadFile(spec.Output)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(output))
	// Output:
	// 2 rows for $0.0000088
	// id,label,status
	// 1,good,ok
	// 2,bad,ok
}

// A plan says what a run would ask, and sends nothing.
func ExampleJob_Plan() {
	spec, remove := reviews()
	defer remove()
	spec.Limit = 1
	run(spec)
	spec.Limit = 0
	j, err := jobs.View(spec, jobs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	plan, err := j.Plan()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("of %d rows %d is settled, and %d would be asked\n", plan.Rows, plan.Settled, plan.Ask())
	// Output:
	// of 2 rows 1 is settled, and 1 would be asked
}

// An export derives another output from the same answers, and sends nothing.
func ExampleJob_Export() {
	spec, remove := reviews()
	defer remove()
	run(spec)
	spec.Columns = jobs.List{"text", "label"}
	j, err := jobs.View(spec, jobs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	path := filepath.Join(filepath.Dir(spec.Output), "labels.jsonl")
	if _, err := j.Export(path, "", nil, false); err != nil {
		log.Fatal(err)
	}
	output, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(output))
	// Output:
	// {"text":"Fits and looks well.","label":"good"}
	// {"text":"It came late and wet.","label":"bad"}
}

// A status tells how a job stands, also while another process runs it.
func ExampleReadStatus() {
	spec, remove := reviews()
	defer remove()
	run(spec)
	status, err := jobs.ReadStatus(jobs.StateDirOf(spec.Output))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("running: %v, finished: %v, ok: %d of %d\n", status.Running != nil, status.Finished, status.Status[batch.OK], status.Rows)
	// Output:
	// running: false, finished: true, ok: 2 of 2
}
