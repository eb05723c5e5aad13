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

// inside is run in a mount namespace of its own, so that the mounts vanish with it.
const inside = `set -e
root=$1; shift
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
  mount --bind "$2" "$root$1"
  if [ "$3" = ro ]; then mount -o remount,bind,ro "$root$1"; fi
  shift 3
done
shift
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec=65532:65532 "$root" "$@"`

// runImage runs genbatch as a container would: its root file system holds nothing but the
// program and is read-only, and it runs as another user, who has no capabilities. mounts
// are triples: where, what, and ro or rw.
func runImage(t *testing.T, mounts, env, args []string) (int, string) {
	t.Helper()
	if os.Getuid() != 0 || exec.Command("unshare", "--mount", "setpriv", "--no-new-privs", "true").Run() != nil {
		t.Skip("needs root on Linux, and unshare and setpriv, to mount a read-only root file system")
	}
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(program())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "usr/bin/genbatch"), binary, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(mounts); i += 3 {
		if err := os.MkdirAll(filepath.Join(root, mounts[i]), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	words := append([]string{"--mount", "sh", "-c", inside, "sh", root}, mounts...)
	words = append(append(words, "--", "/usr/bin/genbatch"), args...)
	c := exec.Command("unshare", words...)
	c.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, env...)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// own gives a folder and what is in it to the container's user.
func own(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.Command("chown", "-R", "65532:65532", dir).CombinedOutput(); err != nil {
		t.Skipf("needs root: %s", out)
	}
}

// The services of the example for Compose run on a read-only root file system. What
// Compose makes of the file is tested in internal/manifesttest.
func TestCompose(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	var file struct {
		Services map[string]struct {
			Command []string
			TmpFS   []string
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	data, secrets := copyFolder(t, "compose/data"), t.TempDir()
	write(t, filepath.Join(secrets, "gemini-key"), "key-of-the-container\n")
	for _, dir := range []string{data, secrets} {
		own(t, dir)
	}
	sim := simulate(t, "--accept-key", "key-of-the-container")
	run := func(service string) (int, string) {
		t.Helper()
		args, mounts := file.Services[service].Command, []string{"/data", data, "rw", "/run/secrets", secrets, "ro"}
		for _, tmp := range file.Services[service].TmpFS {
			dir := t.TempDir()
			own(t, dir)
			mounts = append(mounts, tmp, dir, "rw")
		}
		for i, arg := range args { // as working_dir: /data resolves it
			if arg == "job.yaml" {
				args[i] = "/data/job.yaml"
			}
		}
		return runImage(t, mounts,
			[]string{"GENBATCH_ENDPOINT=" + sim.url, "XDG_STATE_HOME=/data/out/.state"}, args)
	}
	if code, out := run("plan"); code != 0 || !strings.Contains(out, "12 to ask") {
		t.Errorf("plan ends with %d: %s", code, out)
	}
	if code, out := run("label"); code != 0 {
		t.Errorf("label ends with %d: %s", code, out)
	}
	if code, out := run("verify"); code != 0 {
		t.Errorf("verify ends with %d: %s", code, out)
	}
	if rows := readCSV(t, filepath.Join(data, "out/labels.csv")); len(rows) != 1+12 {
		t.Errorf("the output has %d rows, want 12", len(rows)-1)
	}
	if code, out := run("label"); code != 0 || sim.stats(t, "requests") != 12 {
		t.Errorf("label again ends with %d after %d requests: %s", code, sim.stats(t, "requests"), out)
	}
}

// The container of the example for Kubernetes runs the job file of its ConfigMap.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	documents := strings.Split(read(t, "kubernetes/cronjob.yaml"), "\n---\n")
	var settings struct{ Data map[string]string }
	if err := yaml.Unmarshal([]byte(documents[0]), &settings); err != nil {
		t.Fatal(err)
	}
	var cron struct {
		Spec struct {
			JobTemplate struct {
				Spec struct {
					Template struct {
						Spec struct {
							Containers []struct {
								Args []string
								Env  []struct{ Name, Value string }
							}
						}
					}
				}
			} `yaml:"jobTemplate"`
		}
	}
	if err := yaml.Unmarshal([]byte(documents[2]), &cron); err != nil {
		t.Fatal(err)
	}
	container := cron.Spec.JobTemplate.Spec.Template.Spec.Containers[0]

	data, job, key := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(data, "tickets.csv"), read(t, "cron/tickets.csv"))
	write(t, filepath.Join(job, "job.yaml"), settings.Data["job.yaml"])
	write(t, filepath.Join(key, "key"), "key-of-the-container\n")
	for _, dir := range []string{data, job, key} {
		own(t, dir)
	}
	sim := simulate(t, "--accept-key", "key-of-the-container")
	env := []string{"GENBATCH_ENDPOINT=" + sim.url}
	for _, e := range container.Env {
		env = append(env, e.Name+"="+e.Value)
	}
	code, out := runImage(t, []string{"/data", data, "rw", "/etc/genbatch", job, "ro", "/run/secrets/gemini", key, "ro"}, env, container.Args)
	if code != 0 || out != "" {
		t.Fatalf("the container ends with %d: %s", code, out)
	}
	if rows := readCSV(t, filepath.Join(data, "labels.csv")); len(rows) != 1+12 {
		t.Errorf("the output has %d rows, want 12", len(rows)-1)
	}
}
