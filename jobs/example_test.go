package jobs_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs"
)

// reviews writes an input of three rows into a new folder, and returns a job that asks the
// simulator about each of them. remove deletes the folder.
func reviews() (spec jobs.Spec, remove func()) {
	dir, err := os.MkdirTemp("", "reviews-")
	if err != nil {
		log.Fatal(err)
	}
	input := filepath.Join(dir, "reviews.csv")
	text := "id,text\n1,Fits and looks well.\n2,It came late and wet.\n3,Quite good.\n"
	if err := os.WriteFile(input, []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	return jobs.Spec{
		Input: jobs.List{input}, Output: filepath.Join(dir, "answers.csv"),
		Endpoint: "sim", Model: "gemini-2.5-flash-lite", Prompt: "Say it in French: {{.text}}",
	}, func() { os.RemoveAll(dir) }
}

// run runs a job.
func run(spec jobs.Spec) *jobs.Summary {
	j, err := jobs.Open(spec, jobs.Options{})
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

// show prints a file.
func show(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(text))
}

// Run a job: each row is asked, and written with its answer. The endpoint "sim" is the
// simulator, which needs no key and echoes the prompt. Without Endpoint, the key in
// GEMINI_API_KEY is used with Google's API.
func Example() {
	dir, err := os.MkdirTemp("", "reviews-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	input, output := filepath.Join(dir, "reviews.csv"), filepath.Join(dir, "answers.csv")
	if err := os.WriteFile(input, []byte("id,text\n1,Fits well.\n2,It came late.\n"), 0o600); err != nil {
		log.Fatal(err)
	}

	j, err := jobs.Open(jobs.Spec{
		Input:    jobs.List{input},
		Output:   output,
		Endpoint: "sim",
		Model:    "gemini-2.5-flash-lite",
		Prompt:   "Say it in French: {{.text}}",
		Columns:  jobs.List{"id", "response", "status"},
	}, jobs.Options{})
	if err != nil {
		log.Fatal(err) // a *jobs.SpecError says what to mend
	}
	defer j.Close()
	summary, err := j.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	cost, _ := summary.Job.CostUSD()
	fmt.Printf("%d of %d rows are ok, for $%s\n", summary.Job.Status[batch.OK], summary.Job.Rows, cost)
	show(output)
	// Output:
	// 2 of 2 rows are ok, for $0.0000075
	// id,response,status
	// 1,Say it in French: Fits well.,ok
	// 2,Say it in French: It came late.,ok
}

// A job can be described in a file, as for the command genbatch run.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "reviews-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "job.yaml")
	text := `
input: reviews.csv
output: answers.parquet
model: gemini-2.5-flash-lite
prompt: "Say it in French: {{.text}}"
max_cost: 5.00
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	spec, err := jobs.Load(path)
	if err != nil {
		log.Fatal(err) // an unknown key, with its line and a near name
	}
	fmt.Println(spec.Model, spec.MaxCost, filepath.Base(spec.Output))
	// Output:
	// gemini-2.5-flash-lite 5.00 answers.parquet
}

// Running a job again asks only what has no answer yet: after an interruption the rest, after
// a change of the input the rows that are new.
func ExampleJob_Run_carryOn() {
	spec, remove := reviews()
	defer remove()
	first := run(spec)

	f, err := os.OpenFile(spec.Input[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := f.WriteString("4,Too small.\n"); err != nil {
		log.Fatal(err)
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
	second := run(spec)
	fmt.Printf("%d rows were asked first, and %d then, when %d were settled\n", first.Run.Rows, second.Run.Rows, second.Settled)
	fmt.Printf("the output has %d rows\n", second.Job.Rows)
	// Output:
	// 3 rows were asked first, and 1 then, when 3 were settled
	// the output has 4 rows
}

// A plan says what a run would ask and cost, and sends nothing.
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
	fmt.Printf("their input has about %d tokens for $%s\n", plan.InputTokens, plan.InputCost)
	fmt.Printf("the first request is %s\n", plan.First)
	// Output:
	// of 3 rows 1 is settled, and 2 would be asked
	// their input has about 18 tokens for $0.0000018
	// the first request is {"contents":[{"parts":[{"text":"Say it in French: It came late and wet."}],"role":"user"}]}
}

// An export derives another output from the same answers, and sends nothing. It gives what
// there is also while rows are pending.
func ExampleJob_Export() {
	spec, remove := reviews()
	defer remove()
	spec.Limit = 2
	run(spec)
	spec.Limit = 0

	spec.Columns = jobs.List{"text", "response", "status"}
	j, err := jobs.View(spec, jobs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	path := filepath.Join(filepath.Dir(spec.Output), "answers.jsonl")
	if _, err := j.Export(path, "", nil, false); err != nil {
		log.Fatal(err)
	}
	show(path)
	// Output:
	// {"text":"Fits and looks well.","response":"Say it in French: Fits and looks well.","status":"ok"}
	// {"text":"It came late and wet.","response":"Say it in French: It came late and wet.","status":"ok"}
	// {"text":"Quite good.","response":null,"status":"pending"}
}

// A verification proves on the files that each row has one result and stands in the output
// once. Here somebody has edited the output.
func ExampleJob_Verify() {
	spec, remove := reviews()
	defer remove()
	run(spec)
	if err := os.WriteFile(spec.Output, []byte("id,text\n"), 0o600); err != nil {
		log.Fatal(err)
	}

	j, err := jobs.View(spec, jobs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	v, err := j.Verify()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d rows have a result; faults found: %d\n", v.Rows, len(v.Faults))
	// Output:
	// 3 rows have a result; faults found: 1
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
	// running: false, finished: true, ok: 3 of 3
}

// Rows are the rows of a job with what became of them, without an output. A job that is not
// finished has rows that are pending.
func ExampleJob_Rows() {
	spec, remove := reviews()
	defer remove()
	spec.Limit = 2
	run(spec)
	spec.Limit = 0

	j, err := jobs.View(spec, jobs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	for row, err := range j.Rows(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		id, _ := row.Value("id")
		if row.Status != batch.OK {
			fmt.Printf("%v: %s\n", id, row.Status)
			continue
		}
		fmt.Printf("%v: %s (%d tokens, $%s)\n", id, row.Text, row.Usage.TotalTokenCount, row.Cost)
	}
	// Output:
	// 1: Say it in French: Fits and looks well. (20 tokens, $0.000005)
	// 2: Say it in French: It came late and wet. (20 tokens, $0.000005)
	// 3: pending
}

// Observe is called with each row once its answer is safe, while the run goes on. Progress
// tells how far it is. With more than one call at a time rows come in the order in which they
// are answered.
func ExampleOptions_observe() {
	spec, remove := reviews()
	defer remove()
	spec.Concurrency = 1

	var j *jobs.Job
	j, err := jobs.Open(spec, jobs.Options{Observe: func(row *jobs.Row) {
		p := j.Progress()
		fmt.Printf("%d done: %s\n", p.Done(), row.Text)
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 done: Say it in French: Fits and looks well.
	// 2 done: Say it in French: It came late and wet.
	// 3 done: Say it in French: Quite good.
}
