package examples_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The receiver of the example checks the signature by the library of Standard Webhooks. So this
// is also where another hand says that what genbatch posts is signed right.
func TestWebhook(t *testing.T) {
	t.Parallel()
	e := copyExample(t, "webhook")
	e.goTool("mod", "tidy", "-diff") // go.mod and go.sum are whole
	e.goTool("vet", "./...")
	e.goTool("build", "-o", "receiver.exe", ".")

	const secret = "HOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	receiver := exec.CommandContext(t.Context(), e.path("receiver.exe"), "-listen", "127.0.0.1:0")
	receiver.Env = append(e.env, secret)
	out, err := receiver.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { receiver.Process.Kill(); receiver.Wait() })
	said := bufio.NewReader(out)
	line := func() string {
		t.Helper()
		text, err := said.ReadString('\n')
		if err != nil {
			t.Fatalf("the receiver says %q: %v", text, err)
		}
		return text
	}
	at, err := url.Parse(address.FindString(strings.TrimSpace(line())))
	if err != nil {
		t.Fatal(err)
	}
	// On the way stands something that is broken at first, and then loses the first reply: the
	// receiver gets one message twice, and says one line.
	forward := httputil.NewSingleHostReverseProxy(at)
	var ids []string
	way := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids = append(ids, r.Header.Get("webhook-id"))
		switch len(ids) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			lost := httptest.NewRecorder()
			forward.ServeHTTP(lost, r)
			w.WriteHeader(lost.Code + http.StatusBadGateway - http.StatusNoContent)
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(way.Close)

	run := func(env ...string) (code int, out string) {
		c := exec.CommandContext(t.Context(), program(), "run", "job.yaml", "--endpoint", "sim", "--quiet")
		c.Dir, c.Env = e.dir, append(append(e.env, "GENBATCH_WEBHOOK="+way.URL+"/genbatch"), env...)
		text, err := c.CombinedOutput()
		if c.ProcessState == nil {
			t.Fatal(err)
		}
		return c.ProcessState.ExitCode(), string(text)
	}
	if code, out := run(secret); code != 0 || out != "" {
		t.Fatalf("the run ends with %d: %s", code, out)
	}
	_, shown, _ := strings.Cut(read(t, "webhook/README.md"), "```text\n")
	shown, _, _ = strings.Cut(shown, "```")
	if got := line(); got != shown {
		t.Errorf("the receiver says %q, and its README shows %q", got, shown)
	}
	if len(ids) != 3 || len(slices.Compact(slices.Clone(ids))) != 1 {
		t.Errorf("one message came with the ids %q", ids)
	}
	if code, out := run(secret); code != 0 || out != "" {
		t.Fatalf("the run ends with %d: %s", code, out)
	}
	if got := line(); got != "labels.csv: exit code 0, 0 rows asked, 0 ok\n" {
		t.Errorf("of a run that was up to date, the receiver says %q", got)
	}
	// During a change of secrets, both sign. A wrong one alone is refused, which is warned of.
	if code, out := run("HOOK_SECRET=whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"); code != 0 || out != "" {
		t.Fatalf("the run ends with %d: %s", code, out)
	}
	line()
	code, warned := run("HOOK_SECRET=whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	if code != 0 || !strings.Contains(warned, "was not told: it answered 401 Unauthorized: the signature is wrong") {
		t.Errorf("with a wrong secret the run ends with %d: %s", code, warned)
	}
	if strings.Contains(warned, "/genbatch") || strings.Contains(warned, "AAAA") {
		t.Errorf("the warning shows too much: %s", warned)
	}
	receiver.Process.Kill()
	if rest, _ := io.ReadAll(said); len(rest) > 0 {
		t.Errorf("the receiver also says %q", rest)
	}
}
