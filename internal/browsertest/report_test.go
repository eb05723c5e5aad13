package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// hostile are texts that would run, load or hide something if a page took them for anything
// but text. Those that run set the variable pwned.
var hostile = []string{
	`</script><script>window.pwned=1</script>`,
	`<img src=x onerror="window.pwned=2">`,
	`"><svg onload=window.pwned=3>`,
	`' autofocus onfocus='window.pwned=4`,
	`<a href="javascript:window.pwned=5">a link</a>`,
	"${window.pwned=6} `${window.pwned=6}` {{.Rows}}",
	`<!--<script>`,
	`</style><style>*{display:none}</style>`,
	`<iframe srcdoc="<script>parent.pwned=7</script>"></iframe>`,
	`<meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/">`,
	`<link rel=stylesheet href="http://127.0.0.1:9/x.css"><img src="http://127.0.0.1:9/x.png">`,
	`</textarea></title></pre></noscript><body onload=window.pwned=8>`,
	"a line\u2028a separator\u2029]]>",
	"\u202egnp.exe\u202c and \u2066isolated",
	"a\x00nul, a bell\x07 and \x1b[31mred",
	`<base href="http://127.0.0.1:9/"><form action="http://127.0.0.1:9/"><button autofocus>`,
}

// shown returns a text as the page is to show it: what cannot be seen stands there as its escape.
func shown(text string) string {
	return strings.NewReplacer(
		"\u2028", `\u2028`, "\u2029", `\u2029`, "\u202e", `\u202e`, "\u202c", `\u202c`, "\u2066", `\u2066`,
		"\x00", `\u0000`, "\x07", `\u0007`, "\x1b", `\u001b`,
	).Replace(text)
}

// A hostileModel answers each row with what the row says, wherever an answer can have a text.
func hostileModel(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request struct {
			Contents []struct{ Parts []struct{ Text string } }
		}
		if json.Unmarshal(body, &request) != nil || len(request.Contents) == 0 {
			http.NotFound(w, r)
			return
		}
		text := request.Contents[0].Parts[0].Text
		w.Header().Set("Content-Type", "application/json")
		if refused, ok := strings.CutPrefix(text, "refuse: "); ok {
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(t, w, map[string]any{"error": map[string]any{"code": 400, "status": "INVALID_ARGUMENT", "message": refused}})
			return
		}
		writeJSON(t, w, map[string]any{
			"candidates": []any{map[string]any{
				"finishReason": "STOP",
				"content":      map[string]any{"role": "model", "parts": []any{map[string]any{"text": "thinking of " + text, "thought": true}, map[string]any{"text": text}}},
			}},
			"modelVersion": "model" + hostile[2], "responseId": hostile[0],
			"usageMetadata": map[string]any{"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
		})
	}))
	t.Cleanup(s.Close)
	return s
}

func writeJSON(t *testing.T, w io.Writer, v any) {
	t.Helper()
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}

// command runs genbatch in a folder, and returns what it printed. It may end with one of these
// codes.
func command(t *testing.T, dir string, codes []int, args ...string) string {
	t.Helper()
	c := exec.Command(genbatch, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GENBATCH_API_KEY=none", "XDG_STATE_HOME="+filepath.Join(dir, "home"), "XDG_CACHE_HOME="+filepath.Join(dir, "home"))
	out, err := c.CombinedOutput()
	if code := c.ProcessState.ExitCode(); !slices.Contains(codes, code) {
		t.Fatalf("genbatch %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// hostileReport runs a job whose every text is hostile, and returns its page.
func hostileReport(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	name := `r"><svg onload=window.pwned=9>.jsonl` // of the input: a path has no slash in a name
	var rows bytes.Buffer
	for i, text := range hostile {
		writeJSON(t, &rows, map[string]any{"id": fmt.Sprintf("%d %s", i, text), "body": text, "<b>" + hostile[1]: text})
		writeJSON(t, &rows, map[string]any{"id": fmt.Sprintf("refused %d %s", i, text), "body": "refuse: " + text, "<b>" + hostile[1]: text})
	}
	for i := range 40 {
		writeJSON(t, &rows, map[string]any{"id": fmt.Sprint("plain ", i), "body": "a plain row about lamps", "<b>" + hostile[1]: "plain"})
	}
	if err := os.WriteFile(filepath.Join(dir, name), rows.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out := `out<img src=x onerror=window.pwned=10>.csv`
	command(t, dir, []int{0, 3}, "run", "-i", name, "-o", out, "-m", "gemini-2.5-flash", "--key", "id", "-p", "{{.body}}",
		"--endpoint", hostileModel(t).URL, "--max-attempts", "1", "--max-failures", "100%", "--no-preflight")
	command(t, dir, []int{0}, "report", out, "-o", "page.html")
	return filepath.Join(dir, "page.html")
}

// A witness notes what a page asks of the network, and which dialogs it opens.
type witness struct {
	mu   sync.Mutex
	seen []string
}

func (w *witness) start(t *testing.T, b *browser) {
	t.Helper()
	err := chromedp.Listen(b, func(event any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if url := e.Request.URL; !strings.HasPrefix(url, "data:") {
				w.seen = append(w.seen, url)
			}
		case *page.EventJavascriptDialogOpening:
			w.seen = append(w.seen, "dialog: "+e.Message)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		return err
	}))
}

// since returns what was seen from the n-th on.
func (w *witness) since(n int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen[n:])
}

// evaluate returns the value of an expression in the page.
func evaluate[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	return get(t, b, chromedp.Evaluate[T](expression))
}

// press presses keys, as a user does who has no mouse.
func (b *browser) press(t *testing.T, keys ...string) {
	t.Helper()
	for _, k := range keys {
		b.do(t, chromedp.KeyEvent(k))
	}
}

// tabTo presses Tab until an element has the focus.
func (b *browser) tabTo(t *testing.T, selector string) {
	t.Helper()
	for range 200 {
		b.press(t, kb.Tab)
		if evaluate[bool](t, b, `document.activeElement.matches(`+quote(selector)+`)`) {
			return
		}
	}
	t.Fatalf("Tab does not come to %s", selector)
}

func quote(s string) string {
	text, _ := json.Marshal(s) // a string always has a JSON form
	return string(text)
}

// TestReport looks at the page of a job whose rows, answers, errors and names are hostile.
func TestReport(t *testing.T) {
	b := open(t, 1280)
	var w witness
	w.start(t, b)

	// The texts are what they say: as markup, they do run.
	raw := filepath.Join(t.TempDir(), "raw.html")
	if err := os.WriteFile(raw, []byte("<!doctype html><div>"+hostile[1]+"</div>"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.Navigate("file://"+raw))
	if !get(t, b, chromedp.Poll[bool](`window.pwned === 2`)) {
		t.Fatal("what is hostile does nothing, even in a page that takes it for markup")
	}

	before, complaints := len(w.since(0)), len(b.complained())
	path := hostileReport(t)
	address := "file://" + path
	b.do(t, look(1280, "light"), chromedp.Navigate(address))
	t.Run("hostile", func(t *testing.T) {
		b.do(t, chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => d.open = true)`))
		if evaluate[bool](t, b, `"pwned" in window`) {
			t.Errorf("a script of a row has run: %d", evaluate[int](t, b, `window.pwned`))
		}
		if got := w.since(before); !slices.Equal(got, []string{address}) {
			t.Errorf("the page asked for %q", got)
		}
		if got := b.complained()[complaints:]; len(got) > 0 {
			t.Errorf("the browser complained: %q", got)
		}
		text := evaluate[string](t, b, `document.body.textContent`)
		for _, h := range hostile {
			if !strings.Contains(text, shown(h)) {
				t.Errorf("the page does not show %q", shown(h))
			}
			if n := strings.Count(text, "thinking of "+shown(h)); n == 0 {
				t.Errorf("the page does not show the thoughts of %q", shown(h))
			}
		}
		for _, foreign := range []string{"img", "iframe", "base", "form:not(#controls)", "a[href^='javascript']", "svg[onload]", "[onerror]", "[onfocus]", "link"} {
			if n := evaluate[int](t, b, `document.querySelectorAll(`+quote(foreign)+`).length`); n > 0 {
				t.Errorf("the page has %d of %s", n, foreign)
			}
		}
	})
	t.Run("widths", func(t *testing.T) {
		for _, width := range []int64{360, 800, 1280} {
			b.do(t, look(width, "light"))
			if got := evaluate[int64](t, b, `document.scrollingElement.scrollWidth`); got > width {
				t.Errorf("in a window of %d the page is %d wide", width, got)
			}
		}
	})
	t.Run("contrast", func(t *testing.T) {
		for _, scheme := range []string{"light", "dark"} {
			b.do(t, look(1280, scheme))
			for _, fault := range evaluate[[]string](t, b, contrastFaults) {
				t.Errorf("%s: %s", scheme, fault)
			}
		}
	})
	t.Run("names", func(t *testing.T) {
		for _, fault := range evaluate[[]string](t, b, nameFaults) {
			t.Error(fault)
		}
	})
	t.Run("keyboard", func(t *testing.T) { testKeyboard(t, b, address) })
}

// testKeyboard finds, sorts and opens rows with keys alone.
func testKeyboard(t *testing.T, b *browser, address string) {
	const visible = `[...document.querySelectorAll("#list > li")].filter(row => !row.hidden)`
	b.do(t, chromedp.Navigate(address))
	all := evaluate[int](t, b, visible+`.length`)
	b.tabTo(t, "#search")
	if !evaluate[bool](t, b, `getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
		t.Error("one does not see that the search has the focus")
	}
	b.press(t, "lamps")
	if got := evaluate[int](t, b, visible+`.length`); got != 40 || all != 40+2*len(hostile) {
		t.Errorf("%d of %d rows have the word", got, all)
	}
	if got, want := evaluate[string](t, b, `document.getElementById("found").textContent`), fmt.Sprintf("40 of %d listed rows", all); got != want {
		t.Errorf("%q; want %q", got, want)
	}
	for range len("lamps") {
		b.press(t, kb.Backspace)
	}
	b.tabTo(t, "#status")
	b.press(t, "rej")
	if got := evaluate[[]string](t, b, `[...new Set(`+visible+`.map(row => row.dataset.status))]`); !slices.Equal(got, []string{"rejected"}) {
		t.Errorf("the rows of the status are %q", got)
	}
	b.tabTo(t, "#sort")
	b.press(t, "row")
	numbers := evaluate[[]int](t, b, visible+`.map(row => +row.dataset.number)`)
	if !slices.IsSorted(numbers) || len(numbers) != len(hostile) {
		t.Errorf("sorted by row: %v", numbers)
	}
	b.tabTo(t, "#list summary")
	b.press(t, kb.Enter)
	if got := evaluate[int](t, b, `document.querySelectorAll("#list details[open]").length`); got != 1 {
		t.Errorf("Enter opened %d rows", got)
	}
	b.do(t, chromedp.Evaluate[chromedp.Void](`scrollTo(0, 0)`))
	b.do(t, chromedp.Navigate(address))
	b.tabTo(t, ".causes a")
	b.press(t, kb.Enter)
	get(t, b, chromedp.Poll[bool](`document.querySelector(":target details")?.open`)) // the link opens it, shortly after the key
}

// contrastFaults lists texts that have too little contrast: WCAG 2.2, 1.4.3.
const contrastFaults = `(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) known.set(colour, read(colour));
    return known.get(colour);
  };
  const read = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (c) => {
    const [r, g, b] = c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c[3] === 255) return c;
    }
    return [255, 255, 255, 255];
  };
  const faults = new Set();
  let looked = 0;
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || e.closest("script, style, .unseen") || e.getClientRects().length === 0) continue;
    looked++;
    const style = getComputedStyle(e);
    const [a, b] = [rgba(e.namespaceURI.endsWith("svg") ? style.fill : style.color), ground(e)].map(luminance).sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faults.add(e.tagName + "." + (e.getAttribute("class") || "") + " " + ratio.toFixed(2));
  }
  if (looked < 50) faults.add("only " + looked + " texts were looked at");
  return [...faults];
})()`

// nameFaults lists what a screen reader would miss.
const nameFaults = `(() => {
  const faults = [];
  for (const e of document.querySelectorAll("input, select, textarea")) {
    if (!e.labels.length && !e.ariaLabel) faults.push("no label: " + e.outerHTML.slice(0, 80));
  }
  for (const e of document.querySelectorAll("button, a, summary")) {
    if (!e.textContent.trim()) faults.push("no text: " + e.outerHTML.slice(0, 80));
  }
  let last = 0;
  for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const level = +h.tagName[1];
    if (level > last + 1) faults.push("the heading " + h.textContent + " skips a level");
    last = level;
  }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  if (!document.documentElement.lang) faults.push("no language");
  for (const table of document.querySelectorAll("main table:not(.u-legend)")) {
    if (!table.caption) faults.push("a table has no caption");
    for (const th of table.querySelectorAll("th")) if (!th.scope) faults.push("no scope: " + th.textContent);
  }
  for (const svg of document.querySelectorAll("svg")) {
    if (svg.ariaHidden !== "true" && !(svg.getAttribute("role") === "img" && svg.ariaLabel)) faults.push("a figure has no text");
  }
  for (const box of document.querySelectorAll(".scroll")) {
    if (box.tabIndex !== 0 || !box.ariaLabel) faults.push("a box that scrolls cannot be reached");
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) faults.push("twice: #" + id);
  return faults;
})()`
