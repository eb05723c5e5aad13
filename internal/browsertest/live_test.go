package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestLive has genbatch watch show a run that is not real.
func TestLive(t *testing.T) {
	f := newFakeRun(t, aState())
	address, stop := watch(t, f.output)
	b := open(t, 800)
	t.Run("controls", func(t *testing.T) { testControls(t, b, f, address) })
	t.Run("hostile", func(t *testing.T) { testHostile(t, b, f, address) })
	t.Run("foreign", func(t *testing.T) { testForeign(t, b, f, address) })
	t.Run("states", func(t *testing.T) { testStates(t, b, f, address, stop) })
}

// The page says what the run does, in each state, fits into each width, and has nothing that
// the browser complains of.
func testStates(t *testing.T, b *browser, f *fakeRun, address string, stop func()) {
	before := len(b.complained())
	b.do(t, chromedp.Navigate(address))
	for name, s := range states() {
		f.set(aState())
		f.set(s.change)
		b.do(t, chromedp.Reload())
		b.shows(t, s.says)
		for _, width := range []int64{360, 800, 1280} {
			b.do(t, look(width, "light"))
			if wide := get(t, b, chromedp.Evaluate[int64]("document.documentElement.scrollWidth")); wide > width {
				t.Errorf("%s: the page is %d px wide in a window of %d", name, wide, width)
			}
		}
	}
	if location := get(t, b, chromedp.Location()); strings.Contains(location, "token") {
		t.Errorf("the token stays in the address: %s", location)
	}
	if complaints := b.complained()[before:]; len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}

	// The run ends without a word, another one begins, and then genbatch watch goes away.
	f.set(aState())
	b.shows(t, `!$("pause").disabled`)
	f.stop()
	b.shows(t, `$("badge").textContent === "not running" && $("pause").disabled && $("notice-text").textContent.startsWith("No process runs the job of ")`)
	f.set(object{"process": object{"pid": 4712, "host": "workstation", "since": time.Now().Format(time.RFC3339)}})
	f.start(t)
	b.shows(t, `$("badge").textContent === "running" && !$("pause").disabled && $("notice").hidden && $("about").textContent.includes("process 4712")`)
	stop()
	b.shows(t, `$("badge").textContent === "connection lost" && $("pause").disabled && $("notice-title").textContent === "Connection lost, trying again"`)
}

// Each control asks the run for what it says, and shows what comes of it.
func testControls(t *testing.T, b *browser, f *fakeRun, address string) {
	b.do(t, chromedp.Navigate(address))
	b.shows(t, `!$("pause").disabled`)
	for _, tt := range []struct {
		step chromedp.Action[chromedp.Void]
		want string // what the run is asked
		says string
	}{
		{chromedp.Click("#pause"), "/v1/pause", `$("answer").textContent.startsWith("Paused")`},
		{chromedp.Click("#retry"), "/v1/retry", `$("answer").textContent.startsWith("Rows that failed (12 so far)")`},
		{chromedp.SendKeys("#rpm", "1,200\r"), `/v1/set {"rpm":1200}`, `$("answer").textContent.startsWith("Requests a minute: ") && $("rpm").value === ""`},
		{chromedp.SendKeys("#tpm", "\r"), `/v1/set {"tpm":0}`, `$("answer").textContent.startsWith("Input tokens a minute: ")`},
		{chromedp.SendKeys("#rpd", "500\r"), `/v1/set {"rpd":500}`, `$("answer").textContent.startsWith("Requests a day: ")`},
		{chromedp.Steps(chromedp.SendKeys("#concurrency", "8"), chromedp.Click("[data-limit=concurrency] button")), `/v1/set {"concurrency":8}`, `$("answer").textContent.startsWith("Most calls in flight: ")`},
		{chromedp.SendKeys("#max_cost", "$7.50\r"), `/v1/set {"max_cost":"7.50"}`, `$("answer").textContent.startsWith("Most cost")`},
		{chromedp.SendKeys("#rpm", "fast\r"), "", `$("rpm-error").textContent.includes("whole number") && $("rpm").ariaInvalid === "true"`},
		{chromedp.Click("#stop"), "", `$("confirm").open && document.activeElement === $("confirm-keep")`},
		{chromedp.Click("#confirm-keep"), "", `!$("confirm").open`},
		{chromedp.Steps(chromedp.Click("#stop"), chromedp.Click("#confirm-stop")), "/v1/stop", `$("answer").textContent.startsWith("Stopping")`},
	} {
		b.do(t, tt.step)
		b.shows(t, tt.says)
		if asked := f.told(); asked != tt.want {
			t.Errorf("the run was asked %q, want %q", asked, tt.want)
		}
	}

	f.refuse(object{"error": "max_cost is 0.01, and the job has cost $1.50", "hint": "set more than that"})
	b.do(t, chromedp.SendKeys("#max_cost", "0.01\r"))
	b.shows(t, `$("max_cost-error").textContent === "max_cost is 0.01, and the job has cost $1.50: set more than that" && $("max_cost").value === "0.01"`)
	if asked := f.told(); asked != `/v1/set {"max_cost":"0.01"}` {
		t.Errorf("the run was asked %q", asked)
	}

	f.set(object{"paused_since": time.Now().Format(time.RFC3339)})
	b.shows(t, `$("pause").textContent === "Resume"`)
	f.refuse(nil)
	b.do(t, chromedp.Click("#pause"))
	b.shows(t, `$("answer").textContent.startsWith("Resumed")`)
	if asked := f.told(); asked != "/v1/resume" {
		t.Errorf("the run was asked %q to resume", asked)
	}
	for _, complaint := range b.complained() {
		if !strings.Contains(complaint, "400 (Bad Request)") { // as it was told
			t.Errorf("the browser complains: %s", complaint)
		}
	}
}

// Nothing that comes from rows, models or files is run or becomes a part of the page.
func testHostile(t *testing.T, b *browser, f *fakeRun, address string) {
	before := len(b.complained())
	const script = `"><img src=x onerror="window.ran=1"><script>window.ran=1</script><style>*{display:none}</style>`
	state := aState()
	for _, key := range []string{"output", "state", "job_file", "model", "endpoint"} {
		state[key] = script
	}
	state["process"] = object{"pid": 1, "host": script, "since": "2026-01-01T00:00:00Z"}
	progress := state["progress"].(object)
	progress["status"] = object{script: 1}
	progress["quota"] = object{"text": script, "limit": "pause", "trouble": true, "why": script}
	state["limits"] = object{"rpm": object{"value": nil, "source": script}, script: object{"value": 1, "source": script}}
	state["failures"] = []object{{"seq": 1, "at": "2026-01-01T00:00:00Z", "row": 1, "key": script, "status": script, "error": script + "\u202e\x00" + strings.Repeat("x", 100_000)}}
	state["batches"] = []object{{"id": script, "name": script, "state": script, "rows": 1, "why": script}}
	f.set(state)
	b.do(t, chromedp.Navigate(address), look(360, "light"))
	b.shows(t, `document.querySelectorAll("#failure-rows tr").length === 1`)
	f.set(object{"ended": object{"exit_code": 1, "error": script}})
	b.shows(t, `$("notice-text").textContent.includes("onerror") && $("notice-command").textContent.includes("onerror")`)
	if got := get(t, b, chromedp.Evaluate[string](`[typeof window.ran, document.querySelectorAll("main img, main script, main style").length,
		document.documentElement.scrollWidth, document.getElementById("failure-rows").innerText.includes("onerror")].join()`)); got != "undefined,0,360,true" {
		t.Errorf("the page has come to %s", got)
	}
	if complaints := b.complained()[before:]; len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}
}

// A page of another origin can neither read the run's state nor steer it, even if it knows the
// token.
func testForeign(t *testing.T, b *browser, f *fakeRun, address string) {
	origin, token, _ := strings.Cut(address, "/#token=")
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!doctype html><title>foreign</title>
<iframe name="frame" src="%[1]s/"></iframe>
<form method="post" action="%[1]s/v1/stop" target="frame" enctype="text/plain"><input name="token" value="%[2]s"></form>
<script>
const tries = {
  "fetch with the token": () => fetch("%[1]s/v1/pause", {method: "POST", headers: {Authorization: "Bearer %[2]s"}}),
  "state with the token": () => fetch("%[1]s/v1/state", {headers: {Authorization: "Bearer %[2]s"}}),
  "fetch without CORS": () => fetch("%[1]s/v1/pause", {method: "POST", mode: "no-cors", credentials: "include"}),
  "a script": () => import("%[1]s/live.js"),
  "a form": async () => { document.forms[0].submit(); await new Promise((done) => setTimeout(done, 300)); },
  "a beacon": async () => navigator.sendBeacon("%[1]s/v1/stop", "{}"),
  "a frame": async () => { if (frames[0].document.getElementById("pause")) return; throw 0; },
};
(async () => {
  window.results = [];
  for (const [name, go] of Object.entries(tries)) {
    try {
      const r = await go();
      results.push(name + (r?.ok ? ": came through" : ": sent blindly"));
    } catch { results.push(name + ": refused"); }
  }
  window.done = true;
})();
</script>`, origin, token)
	}))
	defer foreign.Close()
	f.set(aState())
	b.do(t, chromedp.Navigate(foreign.URL))
	b.shows(t, `window.done`)
	want := "fetch with the token: refused,state with the token: refused,fetch without CORS: refused,a script: refused,a form: sent blindly,a beacon: sent blindly,a frame: refused"
	if got := get(t, b, chromedp.Evaluate[string]("results.join()")); got != want {
		t.Errorf("a page of another origin comes to\n%s, want\n%s", got, want)
	}
	if asked := f.told(); asked != "" {
		t.Errorf("the run was steered: %s", asked)
	}
}
