package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// genbatch is the program that the tests use, built once.
var genbatch string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	genbatch = filepath.Join(dir, "genbatch")
	build := exec.Command("go", "build", "-o", genbatch, "./cmd/genbatch")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// chromium returns the path of the browser.
func chromium(t *testing.T) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if name := os.Getenv("GENBATCH_CHROMIUM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("there is no %s: install chromium (apt-get install chromium), or name it by GENBATCH_CHROMIUM", strings.Join(names, ", "))
	return ""
}

// A browser is a window without a screen.
type browser struct {
	context.Context

	mu         sync.Mutex
	complaints []string
}

// open starts a browser with a window of the given width, until the end of the test.
func open(t *testing.T, width int) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.WindowSize(width, 900),
		chromedp.Flag("force-device-scale-factor", "1"),
	)
	ctx, cancelProcess := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancelProcess)
	ctx, cancelTab := chromedp.NewContext(ctx)
	t.Cleanup(cancelTab)
	b := &browser{Context: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.complaints = append(b.complaints, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
		case *runtime.EventConsoleAPICalled:
			for _, arg := range e.Args {
				b.complaints = append(b.complaints, string(arg.Value))
			}
		case *log.EventEntryAdded: // what the browser refuses, such as a script of another origin
			b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// complained returns what pages have written to the console so far, what their scripts threw,
// and what the browser refused them.
func (b *browser) complained() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.complaints)
}

// do performs steps in the browser, within half a minute.
func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// get performs an action in the browser, within half a minute, and returns its value.
func get[T any](t *testing.T, b *browser, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b, 30*time.Second)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// look has the page of a browser be seen in a window of this width, light or dark.
func look(width int64, scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// TestOpen sees that the browser of the tests tells about errors: without that, no other test
// would notice one.
func TestOpen(t *testing.T) {
	b := open(t, 800)
	page := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(page, []byte(`<!doctype html><title>try</title><script>throw new Error("heard")</script>`), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.Navigate("file://"+page))
	title, complaints := get(t, b, chromedp.Title()), b.complained()
	if title != "try" || len(complaints) != 1 || !strings.Contains(complaints[0], "heard") {
		t.Errorf("title %q, complaints %q", title, complaints)
	}
}
