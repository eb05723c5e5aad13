package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
)

// An older version did not write for which key it had learned a limit. It is shown, and the
// error says how it can be forgotten.
func TestLimitsOfAnUnknownKey(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir := jobs.QuotaDir(os.Getenv)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	record, err := json.Marshal(map[string]any{
		"version": 1, "endpoint": "google", "model": "gemini-a", "day": "2026-11-02",
		"learned": []quota.Learned{{Limit: quota.LimitRPM, Value: 600, At: time.Now()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gemini-a-0123.json"), record, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"limits"}, 0, "gemini-a at google\n  600 rpm  named by the server  0 s ago\n", ""},
		{[]string{"limits", "forget"}, 1, "", "the limits of gemini-a at google cannot be forgotten: an older version of genbatch wrote them"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(append([]string{"genbatch"}, tt.args...), nil, strings.NewReader(""), &stdout, &stderr)
		if code != tt.code || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) || tt.stdout == "" && stdout.Len() > 0 {
			t.Errorf("%v: exit code %d, stdout\n%s\nstderr\n%s", tt.args, code, &stdout, &stderr)
		}
	}
}
