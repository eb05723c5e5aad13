// Command reviews labels the reviews in reviews.csv with genbatch as a library, and prints
// those that complain. Run it again and nothing is asked twice: the answers are kept beside
// the output, in out/labels.parquet.genbatch.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs"
)

func main() {
	log.SetFlags(0)
	endpoint := flag.String("endpoint", "sim", "google asks Google with the key in GEMINI_API_KEY; sim is a simulator on this machine")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	err := label(ctx, *endpoint)
	var mistake *jobs.SpecError
	if errors.As(err, &mistake) {
		log.Fatalf("%v\nremedy: %s", mistake.Err, mistake.Hint)
	}
	if errors.Is(err, batch.ErrInterrupted) {
		log.Fatal("interrupted; what was answered is safe: run it again to carry on")
	}
	if err != nil {
		log.Fatal(err)
	}
}

func label(ctx context.Context, endpoint string) error {
	job, err := jobs.Open(jobs.Spec{
		Input:    jobs.List{"reviews.csv"},
		Output:   "out/labels.parquet",
		Model:    "gemini-2.5-flash-lite",
		Endpoint: endpoint,
		Classify: &jobs.Classify{
			Text: "{{.body}}",
			Labels: jobs.Labels{
				{Name: "praise", Description: "is happy with the product, likes or recommends it"},
				{Name: "complaint", Description: "is unhappy: late, broken, wrong, or money back"},
			},
		},
		MaxCost: "1.00", // in dollars: the run stops before it might cost more
	}, jobs.Options{})
	if err != nil {
		return err
	}
	defer job.Close()

	summary, err := job.Run(ctx)
	if err != nil {
		return err
	}
	cost, _ := summary.Job.CostUSD()
	fmt.Printf("%d of %d reviews have a label, %d from before; they cost $%s\n",
		summary.Job.Status[batch.OK], summary.Job.Rows, summary.Settled, cost)

	for row, err := range job.Rows(ctx) {
		if err != nil {
			return err
		}
		id, _ := row.Value("id")
		body, _ := row.Value("body")
		label, _ := row.Value("label")
		switch {
		case row.Status != batch.OK:
			fmt.Printf("  %v is %s: %s\n", id, row.Status, row.Error)
		case label == "complaint":
			fmt.Printf("  %v complains: %s\n", id, body)
		}
	}
	return nil
}
