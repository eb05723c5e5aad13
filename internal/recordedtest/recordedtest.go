// Package recordedtest reads recorded traffic for tests that are held to it. The traffic
// is no part of the project.
package recordedtest

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// folderEnv names the folder of recorded traffic.
const folderEnv = "GENBATCH_RECORDED"

// Lines decodes each line of a file of recorded traffic, of which there must be one at
// least. It skips the test when the environment does not say where the traffic is.
func Lines[T any](t *testing.T, name string) []T {
	t.Helper()
	dir := os.Getenv(folderEnv)
	if dir == "" {
		t.Skipf("set %s to the folder of recorded traffic, which is no part of the project", folderEnv)
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []T
	s := bufio.NewScanner(f)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			t.Fatalf("%s:%d: %v", name, len(all)+1, err)
		}
		all = append(all, v)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return all
}
