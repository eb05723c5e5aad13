package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// evil is what a terminal obeys, or shows as nothing: colours, a title, a wiped screen, C1
// codes, text that runs backwards, no width, lines of its own.
const evil = "\x1b[31mred\x1b]0;title\x07\x1b[2J\r\u009b31m\u202e\u200b\u2028\x7f"

// unsafeIn returns the first character of text that a terminal may obey; "" if there is none.
func unsafeIn(text string) string {
	for _, r := range text {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) || r == utf8.RuneError {
			return fmt.Sprintf("%U", r)
		}
	}
	return ""
}

// hostileServer answers rows by their text with names, errors and reasons that hold evil, or
// are very long.
func hostileServer(t *testing.T) string {
	t.Helper()
	answer := func(model, finish string) string {
		text, err := json.Marshal(map[string]any{
			"candidates":    []any{map[string]any{"content": map[string]any{"parts": []any{map[string]any{"text": evil}}}, "finishReason": finish}},
			"usageMetadata": map[string]any{"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2, "serviceTier": "t" + evil},
			"modelVersion":  model, "responseId": evil,
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case bytes.Contains(body, []byte("long model")):
			io.WriteString(w, answer(strings.Repeat("m", 2_000_000), "STOP"))
		case bytes.Contains(body, []byte("bad model")):
			io.WriteString(w, answer("gemini"+evil, "STOP"))
		case bytes.Contains(body, []byte("finish")):
			io.WriteString(w, answer("gemini-2.5-flash-lite", "NEW"+evil))
		case bytes.Contains(body, []byte("refuse")):
			w.WriteHeader(http.StatusBadRequest)
			json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": 400, "message": "no " + evil, "status": "INVALID_ARGUMENT"}})
		default:
			io.WriteString(w, answer("gemini-2.5-flash-lite", "STOP"))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// No command lets through what a server, a column, a file or an argument holds for the
// terminal, nor text without end.
func TestNothingReachesTheTerminal(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", dir)
	t.Setenv("GENBATCH_MODLE\x1b[31m", "x")
	url := hostileServer(t)
	name := "b\x1b[31m\u202e\u200b\u009b"
	input, output := filepath.Join(dir, name+".csv"), filepath.Join(dir, "out"+name+".csv")
	rows := "\"" + name + "\",body\nx,fine\nx,long model\nx,bad model\nx,finish\nx,refuse\n"
	if err := os.WriteFile(input, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := []string{"-i", input, "-o", output, "-m", "gemini-2.5-flash-lite", "--endpoint", url, "--auth", "none", "-p", "{{.body}}"}
	command := func(name string, more ...string) []string { return append(append([]string{name}, ask...), more...) }
	for _, args := range [][]string{
		command("plan"), command("plan", "--json"), command("run"), command("run", "--json"), command("run", "--fresh", "--yes", "--json"),
		command("run", "--key", name), command("run", "--columns", evil), command("run", "--label", evil, "--text", "{{.nope}}"),
		command("run", "-m", "x"+evil, "--max-cost", "1"), command("run", "--limit", evil), command("run", "--"+evil), command("run", "--tier", evil),
		command("run", "--endpoint", evil), command("run", "--prices", evil), command("run", "-p", "@"+evil), command("run", "--schema", evil),
		{"status", output}, {"status", output, "--json"}, {"verify", output}, {"verify", output, "--json"}, {"export", output, "--force"}, {"show", output, "--row", "1-3"}, {"show", output, "--json", "--full"}, {"show", output, "--where", evil + "=" + evil}, {"show", output, "--key", evil, "--label", evil},
		{"export", output, "--force", "--json"}, {"export", output, "--status", evil}, {"prune", output, "--orphaned", "--dry-run"},
		{"limits"}, {"limits", evil}, {"limits", "forget", evil}, {"prices", evil}, {"prices", "--prices", evil},
		{"simulate", "--dialect", evil}, {"simulate", "--faults", evil}, {"simulate", "--listen", evil}, {evil}, {"run", evil}, {"run", evil + ".yaml"}, {"status", evil},
	} {
		var stdout, stderr bytes.Buffer
		run(append([]string{"genbatch"}, args...), nil, strings.NewReader(""), &stdout, &stderr)
		for _, text := range []string{stdout.String(), stderr.String()} {
			if bad := unsafeIn(text); bad != "" {
				t.Errorf("%q: %s reaches the terminal: %.300q", args, bad, text)
			}
			if whole := args[0] == "show" && slices.Contains(args, "--json"); len(text) > 100_000 && !whole { // that is for programs, and has all
				t.Errorf("%q: %d bytes", args, len(text))
			}
		}
	}
	// What is kept is as it came.
	text, err := os.ReadFile(output)
	if err != nil || !strings.Contains(string(text), evil) {
		t.Errorf("the output lost what the answer holds: %v", err)
	}
}

// stuck is a stderr that nobody reads.
type stuck struct{}

func (stuck) Write([]byte) (int, error) { select {} }

// A signal is obeyed also when its message cannot be written.
func TestSignalWithStuckStderr(t *testing.T) {
	con := newConsole(nil, io.Discard, stuck{})
	ctx, stop := con.untilSignal(t.Context())
	defer stop()
	signals, done := make(chan os.Signal), make(chan struct{})
	go con.watch(signals, done)
	signals <- os.Interrupt
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the context has not ended")
	}
	close(done)
}
