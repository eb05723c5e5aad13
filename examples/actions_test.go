package examples_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// A workflow is what is looked at here of the example for GitHub Actions. actionlint, which
// .ci/run starts, knows all of it.
type workflow struct {
	Jobs map[string]struct {
		Env   map[string]string
		Steps []step
	}
}

type step struct {
	Name, ID, If, Uses, Run string
	Env, With               map[string]any
}

// A runner runs the steps of the example's workflow as GitHub's runner does: each script by
// `bash -e`, in a fresh checkout. It plays the actions: the cache is a folder that
// outlives the checkout, and an artifact the text of its file.
type runner struct {
	t     *testing.T
	cache string
}

// run returns which steps failed (as ID, Name or Uses), what the scripts printed, the
// summary, and the artifact.
func (r *runner) run(endpoint, table string) (failed []string, printed, summary, artifact string) {
	t := r.t
	var w workflow
	if err := yaml.Unmarshal([]byte(read(t, "github-actions/label-tickets.yml")), &w); err != nil {
		t.Fatal(err)
	}
	job := w.Jobs["label"]
	workspace, files := copyFolder(t, "github-actions"), t.TempDir()
	if table != "" {
		write(t, filepath.Join(workspace, "tickets.csv"), table)
	}
	values := strings.NewReplacer("${{ github.workspace }}", workspace, "${{ secrets.GEMINI_API_KEY }}", "any", "${{ inputs.max_cost || '1.00' }}", "1.00")
	env := append(cleanEnv(t), "PATH="+filepath.Dir(program())+":"+os.Getenv("PATH"), "GENBATCH_API_KEY=any", "GENBATCH_ENDPOINT="+endpoint,
		"GITHUB_STEP_SUMMARY="+filepath.Join(files, "summary"), "GITHUB_OUTPUT="+filepath.Join(files, "output"))
	for name, value := range job.Env {
		env = append(env, name+"="+values.Replace(value))
	}
	for _, s := range job.Steps {
		output, _ := os.ReadFile(filepath.Join(files, "output"))
		switch s.If {
		case "":
			if failed != nil {
				continue
			}
		case "always()":
		case "steps.run.outputs.finished == 'true'":
			if failed != nil || string(output) != "finished=true\n" {
				continue
			}
		default:
			t.Fatalf("the test does not know the condition %q", s.If)
		}
		action, _, _ := strings.Cut(s.Uses, "@")
		switch {
		case action == "actions/cache/restore":
			if _, err := os.Stat(r.cache); err == nil {
				if err := os.CopyFS(filepath.Join(workspace, s.With["path"].(string)), os.DirFS(r.cache)); err != nil {
					t.Fatal(err)
				}
			}
		case action == "actions/cache/save":
			if err := os.RemoveAll(r.cache); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(r.cache, os.DirFS(filepath.Join(workspace, s.With["path"].(string)))); err != nil {
				t.Fatal(err)
			}
		case action == "actions/upload-artifact":
			artifact = read(t, filepath.Join(workspace, s.With["path"].(string)))
		case action == "actions/checkout", action == "actions/setup-go", strings.HasPrefix(s.Run, "go install "):
			// What these bring is there, and go install would need the network.
		case s.Run != "" && !strings.Contains(s.Run, "${{"):
			c := exec.Command("bash", "-e", "-c", s.Run)
			c.Dir, c.Env = workspace, env
			for name, value := range s.Env {
				c.Env = append(c.Env, name+"="+values.Replace(value.(string)))
			}
			out, err := c.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if err != nil {
				failed = append(failed, s.Name)
			}
			printed += string(out)
		default:
			t.Fatalf("the test does not know the step %+v", s)
		}
	}
	text, _ := os.ReadFile(filepath.Join(files, "summary"))
	return failed, printed, string(text), artifact
}

func TestActions(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed; on Debian: apt-get install bash")
	}
	r := &runner{t: t, cache: filepath.Join(t.TempDir(), "cache")}

	// The first run gets as far as the quota of the day allows.
	small := simulate(t, "--rpd", "5")
	failed, printed, summary, artifact := r.run(small.url, "")
	if failed != nil || !strings.Contains(printed, "::notice::The quota of the day") || artifact != "" {
		t.Fatalf("the first run: failed steps %q, artifact %q\n%s", failed, artifact, printed)
	}
	if !strings.Contains(summary, "12 to ask") {
		t.Errorf("the summary has no plan: %s", summary)
	}

	// The next one restores what it left, and asks the rest alone.
	sim := simulate(t, "--accept-key", "any")
	failed, printed, summary, artifact = r.run(sim.url, "")
	if failed != nil || strings.Contains(printed, "::") || strings.Count(artifact, "\n") != 1+12 {
		t.Fatalf("the second run: failed steps %q, artifact %q\n%s", failed, artifact, printed)
	}
	if n := sim.stats(t, "requests"); n != 7 || !strings.Contains(summary, "7 to ask, 5 settled") {
		t.Errorf("the second run asks %d rows, want 7; its plan: %s", n, summary)
	}

	// A row more, without an answer, is a warning; the table is there.
	table := read(t, "github-actions/tickets.csv") + "1013,2026-11-06,Hm,[[sim:block]]\n"
	failed, printed, _, artifact = r.run(sim.url, table)
	if failed != nil || !strings.Contains(printed, "::warning::") || strings.Count(artifact, "\n") != 1+13 {
		t.Errorf("the third run: failed steps %q, artifact %q\n%s", failed, artifact, printed)
	}

	// A refused run fails, and hands out nothing.
	failed, printed, _, artifact = r.run(simulate(t, "--accept-key", "another").url, table+"1014,2026-11-06,Refund,Where is it?\n")
	if strings.Join(failed, " ") != "Run" || !strings.Contains(printed, "::error::genbatch ended with exit code 4.") || artifact != "" {
		t.Errorf("the refused run: failed steps %q, artifact %q\n%s", failed, artifact, printed)
	}
	if n := sim.stats(t, "requests"); n != 8 {
		t.Errorf("there were %d requests after the runs, want 8", n)
	}
}
