package examples_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// A podJob is what is looked at of a Kubernetes Job, and of a Cloud Run one where they agree.
type podJob struct {
	Spec struct {
		Completions int
		Template    struct {
			Spec struct {
				Containers []struct{ Args []string }
				TaskCount  int `yaml:"taskCount"`
				Template   struct {
					Spec struct {
						Containers []struct{ Args []string }
					}
				}
			}
		}
	}
}

// scaleFolder returns a folder with the job file and rows, so many that a shard takes a while.
func scaleFolder(t *testing.T, rows int) string {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("id,subject,body\n")
	for i := range rows {
		if i%40 == 7 {
			fmt.Fprintf(&b, "%d,\"Twice\",\"The same\nticket\"\n", i)
			continue
		}
		fmt.Fprintf(&b, "%d,Ticket %d,\"My parcel, number %d, is late\"\n", i, i, i)
	}
	write(t, filepath.Join(dir, "tickets.csv"), b.String())
	write(t, filepath.Join(dir, "job.yaml"), read(t, "scale/job.yaml"))
	return dir
}

// in puts the places of the folder and of a key in those of a container.
func in(dir string, args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		a = strings.Replace(a, "/etc/genbatch/", dir+"/", 1)
		a = strings.Replace(a, "/data/", dir+"/", 1)
		args[i] = strings.Replace(a, "/run/secrets/gemini/", dir+"/", 1)
	}
	return args
}

// shards runs a command eight times at once, and returns the exit codes. The fourth is killed while it
// is asking, and started again.
func shards(t *testing.T, sim simulator, dir string, start func(index int) *exec.Cmd) {
	t.Helper()
	const count = 8
	run := func(index int) *exec.Cmd {
		c := start(index)
		c.Dir, c.Env = dir, append(append(cleanEnv(t), "GENBATCH_ENDPOINT="+sim.url, "GENBATCH_API_KEY=any", "GEMINI_KEY_FILE="+filepath.Join(dir, "key"), "HOME="+dir,
			"PATH="+filepath.Dir(program())+string(os.PathListSeparator)+os.Getenv("PATH")), c.Env...)
		c.Stdout, c.Stderr = new(strings.Builder), nil
		c.Stderr = c.Stdout
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	var all []*exec.Cmd
	for index := range count {
		all = append(all, run(index))
	}
	journal := filepath.Join(dir, "labels.csv.genbatch", "shards", "4-of-8", "results-000001.jsonl")
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if text, err := os.ReadFile(journal); err == nil && strings.Count(string(text), "\n") > 5 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the fourth shard answers nothing: %v", all[3].Stdout)
		}
	}
	all[3].Process.Kill()
	all[3].Wait()
	killed := all[3].ProcessState.ExitCode() != 0
	all[3] = run(3)
	for i, c := range all {
		if err := c.Wait(); err != nil {
			t.Errorf("shard %d: %v: %v", i+1, err, c.Stdout)
		}
	}
	if !killed {
		t.Error("the fourth shard was done before it could be killed")
	}
}

// whole checks that a merged job has each row once, and that little was asked twice.
func whole(t *testing.T, sim simulator, dir string, rows int) {
	t.Helper()
	table := readCSV(t, filepath.Join(dir, "labels.csv"))
	seen := map[string]int{}
	for i, row := range table[1:] {
		if seen[row[0]]++; row[0] != fmt.Sprint(i) {
			t.Fatalf("row %d is %q", i, row)
		}
	}
	if len(seen) != rows || len(table) != rows+1 {
		t.Errorf("%d rows, %d of them different, want %d", len(table)-1, len(seen), rows)
	}
	const inFlight, group = 64, 256
	if asked := sim.stats(t, "requests"); asked < rows || asked > rows+inFlight+group {
		t.Errorf("%d requests for %d rows", asked, rows)
	}
}

// A job in eight shards, as Kubernetes, Slurm and Cloud Run start them, one of which is killed, comes
// to one output in which no row is missing and none is double.
func TestScale(t *testing.T) {
	unixOnly(t)
	const rows = 2000
	var jobs [2]podJob
	documents := strings.Split(read(t, "scale/kubernetes.yaml"), "\n---\n")
	var settings struct{ Data map[string]string }
	var cloud podJob
	for i, to := range []any{&settings, nil, &jobs[0], &jobs[1]} {
		if to == nil {
			continue
		}
		if err := yaml.Unmarshal([]byte(documents[i]), to); err != nil {
			t.Fatal(err)
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "scale/cloudrun.yaml")), &cloud); err != nil {
		t.Fatal(err)
	}
	if jobs[0].Spec.Completions != 8 || cloud.Spec.Template.Spec.TaskCount != 8 {
		t.Fatalf("the jobs do not have eight shards: %+v, %+v", jobs[0], cloud)
	}
	for _, way := range []struct {
		name  string
		shard func(dir string, index int) *exec.Cmd
		merge func(dir string) *exec.Cmd
	}{
		{"Kubernetes", func(dir string, index int) *exec.Cmd {
			c := exec.Command(program(), in(dir, jobs[0].Spec.Template.Spec.Containers[0].Args)...)
			c.Env = []string{fmt.Sprint("JOB_COMPLETION_INDEX=", index)}
			return c
		}, func(dir string) *exec.Cmd {
			return exec.Command(program(), in(dir, jobs[1].Spec.Template.Spec.Containers[0].Args)...)
		}},
		{"Cloud Run", func(dir string, index int) *exec.Cmd {
			c := exec.Command(program(), in(dir, cloud.Spec.Template.Spec.Template.Spec.Containers[0].Args)...)
			c.Env = []string{fmt.Sprint("CLOUD_RUN_TASK_INDEX=", index), "CLOUD_RUN_TASK_COUNT=8"}
			return c
		}, func(dir string) *exec.Cmd { return exec.Command(program(), "merge", filepath.Join(dir, "job.yaml")) }},
		{"Slurm", func(dir string, index int) *exec.Cmd {
			c := exec.Command("bash", filepath.Join(dir, "slurm.sh"))
			c.Env = []string{fmt.Sprint("SLURM_ARRAY_TASK_ID=", index), "SLURM_ARRAY_TASK_MIN=0", "SLURM_ARRAY_TASK_MAX=7", "SLURM_ARRAY_TASK_STEP=1", "SLURM_ARRAY_TASK_COUNT=8"}
			return c
		}, func(dir string) *exec.Cmd { return exec.Command("bash", filepath.Join(dir, "slurm.sh"), "merge") }},
	} {
		t.Run(way.name, func(t *testing.T) {
			dir := scaleFolder(t, rows)
			write(t, filepath.Join(dir, "key"), "any\n")
			write(t, filepath.Join(dir, "slurm.sh"), read(t, "scale/slurm.sh"))
			if way.name == "Kubernetes" {
				write(t, filepath.Join(dir, "job.yaml"), strings.ReplaceAll(settings.Data["job.yaml"], "/data/", ""))
			}
			// The limit would take half a minute.
			for _, rpm := range []string{"rpm: 4000             # of", "rpm: 4000       # likewise"} {
				if text := read(t, filepath.Join(dir, "job.yaml")); strings.Contains(text, rpm) {
					replace(t, filepath.Join(dir, "job.yaml"), rpm, "# of")
				}
			}
			sim := simulate(t, "--accept-key", "any", "--latency", "20ms")
			merge := func() (int, string) {
				c := way.merge(dir)
				c.Dir, c.Env = dir, append(cleanEnv(t), "PATH="+filepath.Dir(program())+string(os.PathListSeparator)+os.Getenv("PATH"))
				out, _ := c.CombinedOutput()
				return c.ProcessState.ExitCode(), string(out)
			}
			if code, out := merge(); code != 2 {
				t.Errorf("a merge without shards ends with %d: %s", code, out)
			}
			shards(t, sim, dir, func(index int) *exec.Cmd { return way.shard(dir, index) })
			if code, out := merge(); code != 0 || !strings.Contains(out, "Joined 8 shards: 2,000 results.") {
				t.Fatalf("the merge ends with %d: %s", code, out)
			}
			whole(t, sim, dir, rows)
			verify := exec.Command(program(), "verify", filepath.Join(dir, "job.yaml"))
			verify.Env = cleanEnv(t)
			if out, err := verify.CombinedOutput(); err != nil {
				t.Errorf("verify: %v: %s", err, out)
			}
		})
	}
}

// The script for Slurm submits the array, and the merge after it, whatever its tasks end with.
func TestScaleSlurmSubmits(t *testing.T) {
	unixOnly(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	write(t, filepath.Join(dir, "sbatch"), "#!/bin/sh\necho \"$@\" >> "+log+"\necho 4711\n")
	if err := os.Chmod(filepath.Join(dir, "sbatch"), 0o700); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("scale/slurm.sh")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("bash", "-n", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if path, err := exec.LookPath("shellcheck"); err == nil {
		if out, err := exec.Command(path, script).CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	}
	c := exec.Command("bash", script, "submit")
	c.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "--parsable " + script + "\n--parsable --dependency=afterany:4711 --array=0-0 " + script + " merge\n"
	if got := read(t, log); got != want {
		t.Errorf("it submits %q, want %q", got, want)
	}
}
