//go:build unix

package hooks

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genbatch/genbatch/jobs/spec"
)

// ended returns what the command of hooks prints, and what they warn of.
func ended(t *testing.T, ctx context.Context, s spec.Spec, jobFile string, environ ...string) (printed, warned string) {
	t.Helper()
	var out, log bytes.Buffer
	h, err := New(&s, jobFile, Options{Environ: append(environ, "PATH="+os.Getenv("PATH")), Stderr: &out, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	h.Tell(ctx, &Run{Record: []byte("{\"exit_code\":5}\n"), ExitCode: 5, Output: "/data/out.csv", State: "/data/out.csv.genbatch", JobFile: jobFile})
	return out.String(), log.String()
}

// A command gets the record, and finds the rest in its environment and its folder.
func TestCommand(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	printed, warned := ended(t, t.Context(), spec.Spec{OnFinish: `cat; echo "$GENBATCH_RUN_EXIT_CODE $GENBATCH_RUN_OUTPUT $GENBATCH_RUN_STATE $GENBATCH_RUN_JOB $(pwd)" >&2`}, filepath.Join(dir, "job.yaml"))
	want := "{\"exit_code\":5}\n5 /data/out.csv /data/out.csv.genbatch " + dir + "/job.yaml " + dir + "\n"
	if printed != want || warned != "" {
		t.Errorf("it prints %q, want %q; warned: %s", printed, want, warned)
	}
}

// What fails is warned of. A command need not read what it gets, and may leave something running.
func TestCommandsThatFail(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{"exit 3": "the command failed: exit status 3", "kill -9 $$": "the command failed: signal: killed", "true": "", "sleep 60 & echo $!": ""} {
		printed, warned := ended(t, t.Context(), spec.Spec{OnFinish: command}, "")
		if want == "" && warned != "" || !strings.Contains(warned, want) {
			t.Errorf("%s: warned %q, want %q", command, warned, want)
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(printed)); err == nil {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Errorf("what the command left running was ended: %v", err)
			}
		}
	}
}

// The keys that the job and any endpoint use are not in the environment of a command, and
// neither are other variables that hold the same.
func TestCommandHasNoSecrets(t *testing.T) {
	t.Setenv("HOOK_SECRET", publishedSecret)
	environ := []string{
		"GEMINI_API_KEY=k-gemini", "GOOGLE_API_KEY=k-google", "GENBATCH_API_KEY=k-own", "TEAM_KEY=k-team", "COPY=k-team", "Google_Api_Key=k-cased", "GENBATCH_HEADER=X-Key=k-header",
		"HOOK_SECRET=" + publishedSecret, "GENBATCH_ON_FINISH=again", "GENBATCH_WEBHOOK=https://example.com/t0ken", "SENDGRID_API_KEY=the mail's own", "EMPTY=",
	}
	s := spec.Spec{OnFinish: "env", APIKeyEnv: "TEAM_KEY"}
	withHook := s
	withHook.Webhook = spec.Webhook{URL: "https://example.com/t0ken", SecretEnv: "HOOK_SECRET"}
	for _, text := range withoutSecrets(environ, &withHook) {
		if !slices.Contains([]string{"SENDGRID_API_KEY=the mail's own", "EMPTY="}, text) {
			t.Errorf("the command would find %s", text)
		}
	}
	printed, _ := ended(t, t.Context(), s, "", environ...)
	if strings.Contains(printed, "k-") || strings.Contains(printed, "again") || !strings.Contains(printed, "the mail's own") {
		t.Errorf("the command finds\n%s", printed)
	}
}

// A command that takes too long is ended with all that it has started, whether or not they obey.
func TestHangingCommand(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		signal bool
		spec   spec.Spec
		want   string
	}{
		"obeys":     {false, spec.Spec{OnFinish: "sleep 60 & echo $!; wait", OnFinishTimeout: time.Second}, "took longer than 1s"},
		"disobeys":  {false, spec.Spec{OnFinish: "trap '' TERM; sleep 60 & echo $!; wait", OnFinishTimeout: time.Second}, "took longer than 1s"},
		"cancelled": {true, spec.Spec{OnFinish: "sleep 60 & echo $!; wait"}, "ended by a signal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if one.signal {
				time.AfterFunc(time.Second, cancel)
			}
			printed, warned := ended(t, ctx, one.spec, "")
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if !strings.Contains(warned, one.want) {
				t.Errorf("warned %q, want %q", warned, one.want)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(printed))
			if err != nil {
				t.Fatalf("the command prints %q", printed)
			}
			// It has another parent by now, which may not have waited for it yet.
			for range 100 {
				if err = syscall.Kill(pid, 0); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			if text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); !strings.Contains(string(text), ") Z ") {
				t.Errorf("the process %d of the command still runs", pid)
			}
		})
	}
}

// After the signal that ends the webhook, no command is started.
func TestNothingIsStartedAfterASignal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if printed, _ := ended(t, ctx, spec.Spec{OnFinish: "echo started"}, ""); printed != "" {
		t.Errorf("it prints %q", printed)
	}
}
