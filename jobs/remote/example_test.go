package remote_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/remote"
)

// Serve a run, so that genbatch ctl and genbatch watch find it while it goes on.
func ExampleServe() {
	dir, err := os.MkdirTemp("", "reviews-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	input := filepath.Join(dir, "reviews.csv")
	if err := os.WriteFile(input, []byte("text\nFits and looks well.\nIt came late and wet.\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	spec := jobs.Spec{
		Input: jobs.List{input}, Output: filepath.Join(dir, "answers.csv"),
		Endpoint: "sim", Model: "gemini-2.5-flash-lite", Prompt: "Say it in French: {{.text}}",
	}
	run := func(ctx context.Context) error {
		j, err := jobs.Open(spec, jobs.Options{})
		if err != nil {
			return err
		}
		defer j.Close()
		spec = j.Spec()
		server, err := remote.Serve(spec.StateDir(), &remote.Local{Job: j})
		if err != nil {
			return err // for example: the file system has no sockets
		}
		defer server.Close()
		summary, err := j.Run(ctx)
		if err != nil {
			return err
		}
		fmt.Println(summary.Job.Rows, "rows")
		return nil
	}
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: 2 rows
}
