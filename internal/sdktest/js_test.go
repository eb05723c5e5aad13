package sdktest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/sim"
)

// What the SDK for JavaScript finds, a line for each step.
const javaScriptFinds = `{"step":"upload","state":"ACTIVE","mimeType":"application/jsonl"}
{"step":"create","state":"JOB_STATE_PENDING","displayName":"from a file","model":"models/gemini-2.5-flash"}
{"step":"delete the input twice","status":403}
{"step":"wait","states":["JOB_STATE_PENDING","JOB_STATE_RUNNING","JOB_STATE_SUCCEEDED"],"file":true}
{"step":"row","key":"row-1","text":"One."}
{"step":"row","key":"row-2","code":14}
{"step":"inline","texts":["Inline."],"keys":["a"]}
{"step":"cancel","states":["JOB_STATE_CANCELLED"]}
{"step":"list","names":["stuck","inline","from a file"]}
{"step":"get after delete","status":404}
`

func TestJavaScriptBatches(t *testing.T) {
	peers := os.Getenv("GENBATCH_JS_GENAI")
	if peers == "" {
		t.Skip("needs Google's SDK for JavaScript: `npm install --prefix DIR @google/genai@2.32.0` and GENBATCH_JS_GENAI=DIR, as .ci/run does")
	}
	faults, err := sim.ParseBatchFaults("stuck@3")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.Listen("", sim.Config{Batches: sim.Batches{Pending: 200 * time.Millisecond, Running: 400 * time.Millisecond, Faults: faults}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	script, err := os.ReadFile("testdata/batches.mjs")
	if err != nil {
		t.Fatal(err)
	}
	// A module finds its packages beside itself.
	f, err := os.CreateTemp(peers, "batches-*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(script); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Base(f.Name()), s.URL, t.TempDir())
	cmd.Dir = peers
	var warnings strings.Builder
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	t.Logf("%s", out)
	if err != nil || string(out) != javaScriptFinds {
		t.Errorf("%v, want\n%s\n%s", err, javaScriptFinds, warnings.String())
	}
}
