package jobs

import (
	"fmt"
	"os"
	"testing"
)

// TestMain keeps the tests, and the processes that they start, away from the user's
// own state.
func TestMain(m *testing.M) {
	if os.Getenv(stateEnv) == "" {
		dir, err := os.MkdirTemp("", "genbatch-jobs-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer os.RemoveAll(dir)
		os.Setenv(stateEnv, dir)
		os.Setenv("XDG_STATE_HOME", dir)
	}
	m.Run()
}

// stateEnv tells a test's child process that the folder is made already.
const stateEnv = "GENBATCH_TEST_STATE"
