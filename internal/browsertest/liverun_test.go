package browsertest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A realRun is genbatch run --ui over a table, with genbatch simulate for its endpoint.
type realRun struct {
	address   string // of the page
	simulator string // its address
	output    string
	process   *exec.Cmd
	ended     chan error
}

// startSimulator starts genbatch simulate until the end of the test, and returns its address.
func startSimulator(t *testing.T, flags ...string) string {
	t.Helper()
	c := exec.Command(genbatch, append([]string{"simulate"}, flags...)...)
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	})
	return addressIn(t, stdout)
}

// addressIn returns the first address that a program prints.
func addressIn(t *testing.T, r io.Reader) string {
	t.Helper()
	printed := bufio.NewScanner(r)
	for printed.Scan() {
		for word := range strings.FieldsSeq(printed.Text()) {
			if strings.HasPrefix(word, "http://") {
				return word
			}
		}
	}
	t.Fatal("the program prints no address")
	return ""
}

// startRun runs a table of texts.
func startRun(t *testing.T, simulator string, texts []string, flags ...string) *realRun {
	t.Helper()
	dir := t.TempDir()
	input := filepath.Join(dir, "reviews.csv")
	if err := os.WriteFile(input, []byte("text\n"+strings.Join(texts, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &realRun{simulator: simulator, output: filepath.Join(dir, "labels.csv"), ended: make(chan error, 1)}
	r.process = exec.Command(genbatch, append([]string{
		"run", "-i", input, "-o", r.output, "-m", "gemini-2.5-flash", "--endpoint", simulator, "--ui",
		"--label", "positive", "--label", "negative", "--text", "{{.text}}",
	}, flags...)...)
	r.process.Env = append(os.Environ(), "GENBATCH_API_KEY=any", "XDG_STATE_HOME="+filepath.Join(dir, "state"))
	stderr, err := r.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.process.Process.Kill() })
	r.address = addressIn(t, stderr)
	go func() {
		_, _ = io.Copy(io.Discard, stderr)
		r.ended <- r.process.Wait()
	}()
	return r
}

// exitCode waits for the end of the run.
func (r *realRun) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case err := <-r.ended:
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			t.Fatal(exit, err)
		}
		return r.process.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		t.Fatal("the run does not end")
		return 0
	}
}

// calls returns how many calls the simulator has had, and how many it has at the moment.
func (r *realRun) calls(t *testing.T) (all, inFlight int) {
	t.Helper()
	answer, err := http.Get(r.simulator + "/sim/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var stats struct{ Requests, InFlight int }
	if err := json.NewDecoder(answer.Body).Decode(&stats); err != nil {
		t.Fatal(err)
	}
	return stats.Requests, stats.InFlight
}

// texts are rows, each with what the simulator is to do with it.
func texts(n int, special map[int]string) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprintf("Review %d: a good lamp. %s", i+1, special[i+1]))
	}
	return texts
}

// Each control changes the run itself.
func TestLiveRun(t *testing.T) {
	simulator := startSimulator(t, "--latency", "20ms")
	b := open(t, 1280)

	t.Run("pause, limits and another try", func(t *testing.T) {
		r := startRun(t, simulator, texts(300, map[int]string{2: "[[sim:500x2]]"}), "--rpm", "240", "--max-attempts", "2", "--concurrency", "4")
		b.do(t, chromedp.Navigate(r.address))
		b.shows(t, `$("badge").textContent === "running" && $("why").innerText.startsWith("Waiting: 240 rpm")`)
		b.shows(t, `$("failure-rows").innerText.includes("HTTP 500") && $("statuses").innerText.includes("failed")`)

		b.do(t, chromedp.Click("#pause"))
		b.shows(t, `$("badge").textContent === "paused" && $("in-flight").textContent === "0"`)
		before, _ := r.calls(t)
		b.do(t, chromedp.SendKeys("#concurrency", "1\r"))
		b.shows(t, `$("concurrency-force").textContent === "1, set for this run"`)
		b.do(t, chromedp.SendKeys("#rpm", "60000\r"))
		b.shows(t, `$("rpm-force").textContent === "60,000, set for this run"`)
		time.Sleep(time.Second)
		if after, _ := r.calls(t); after != before {
			t.Errorf("while the run was paused it made %d calls", after-before)
		}
		b.do(t, chromedp.Click("#retry"))
		b.shows(t, `$("retry").disabled && $("retry").textContent === "Failed rows are tried again"`)

		b.do(t, chromedp.Click("#pause"))
		b.shows(t, `$("badge").textContent === "running"`)
		begin := time.Now()
		for range 20 {
			if _, inFlight := r.calls(t); inFlight > 1 {
				t.Fatalf("%d calls are in flight at once, and one may be", inFlight)
			}
			time.Sleep(20 * time.Millisecond)
		}
		after, _ := r.calls(t)
		if pace := float64(after-before) / time.Since(begin).Seconds(); pace < 8 { // 4 a second before
			t.Errorf("at 60,000 requests a minute the run makes %.1f calls a second", pace)
		}
		b.do(t, chromedp.SendKeys("#concurrency", "\r"))
		b.shows(t, `$("notice-title").textContent === "Done: every row is ok" && $("share").textContent === "100 %"`)
		if code := r.exitCode(t); code != 0 {
			t.Errorf("the run ends with %d: the row that failed was not tried again", code)
		}
	})

	for _, tt := range []struct {
		name string
		step chromedp.Action[chromedp.Void]
		code int
		says string
	}{
		{"stop", chromedp.Steps(chromedp.Click("#stop"), chromedp.Click("#confirm-stop")), 130, `$("badge").textContent === "stopped" && $("notice-title").textContent === "Stopped"`},
		{"cap", chromedp.SendKeys("#max_cost", "0.00001\r"), 6, `$("notice-title").textContent === "The cap on the cost is reached"`},
		{"requests a day", chromedp.SendKeys("#rpd", "5\r"), 5, `$("notice-title").textContent === "It goes on later"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := startRun(t, simulator, texts(300, nil), "--rpm", "300", "--max-cost", "10")
			b.do(t, chromedp.Navigate(r.address))
			b.shows(t, `!$("stop").disabled && parseInt($("share").textContent) >= 1`)
			b.do(t, tt.step)
			b.shows(t, tt.says)
			if code := r.exitCode(t); code != tt.code {
				t.Errorf("the run ends with %d, want %d", code, tt.code)
			}
		})
	}
}

// drawWatch draws the pictures of docs/watch.md, of a real run that is paused and sped up by the
// page.
func drawWatch(t *testing.T) {
	simulator := startSimulator(t, "--latency", "600ms", "--jitter", "900ms", "--faults", "503=0.06")
	r := startRun(t, simulator, texts(1200, map[int]string{
		7: "[[sim:400]]", 19: "[[sim:block]]", 31: "[[sim:400]]", 55: "[[sim:block]]", 80: "[[sim:400]]", 300: "[[sim:400]]",
	}), "--rpm", "120", "--max-cost", "1", "--concurrency", "24")
	b := open(t, 1280)
	b.do(t, chromedp.Navigate(r.address))
	b.shows(t, `$("badge").textContent === "running"`)
	// The pictures are to look like a user's, and not like those of a test's folder.
	b.do(t, chromedp.Evaluate[chromedp.Void](`for (const [id, text] of [
			["about", "gemini-2.5-flash at the simulator · job.yaml · process 4711 on workstation, since " + document.getElementById("about").textContent.slice(-8)],
			["place", "The journal is in /home/you/labels.csv.genbatch"]]) {
		const element = document.getElementById(id);
		element.textContent = text;
		Object.defineProperty(element, "textContent", { get: () => text, set() {} });
	}`))

	time.Sleep(45 * time.Second)
	b.shows(t, `$("why").innerText.startsWith("Waiting: 120 rpm")`)
	photograph(t, b, "watch-quota.png", 1280, "light")

	b.do(t, chromedp.Click("#pause"))
	b.shows(t, `$("in-flight").textContent === "0"`)
	time.Sleep(8 * time.Second)
	photograph(t, b, "watch-paused.png", 1280, "dark")

	b.do(t, chromedp.Click("#pause"), chromedp.SendKeys("#rpm", "900\r"))
	time.Sleep(25 * time.Second)
	photograph(t, b, "watch-faster.png", 1280, "light")
	b.do(t, look(1280, "light"), chromedp.Click("#stop"), chromedp.Click("#confirm-stop"))
	if code := r.exitCode(t); code != 130 {
		t.Errorf("the run ends with %d", code)
	}
}
