package objectpeer

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/objects/s3"
)

// versityVariable names the variable that holds the path of versitygw, a server of S3 over files.
// It is too large to be built by each test: go install
// github.com/versity/versitygw/cmd/versitygw@v1.8.0
const versityVariable = "GENBATCH_VERSITYGW"

// TestVersity tests the driver against a server that is a process of its own.
func TestVersity(t *testing.T) {
	program := os.Getenv(versityVariable)
	if program == "" {
		t.Skip("set " + versityVariable + " to the program versitygw")
	}
	s3Environment(t, versity(t, program))
	b, err := s3.Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	// It keeps objects as files, and old metadata where none are given.
	objecttest.Conform(t, b, "metadata is replaced", "a name that is a folder too")
}

// versity starts the server with one bucket, and returns its address.
func versity(t *testing.T, program string) (address string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"data/" + bucket, "meta"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	l.Close()
	server := exec.Command(program, "--access", "id", "--secret", "secret", "--port", host, "--quiet", "--keep-alive", "posix", "--sidecar", filepath.Join(folder, "meta"), filepath.Join(folder, "data"))
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", host)
		if err == nil {
			c.Close()
			return "http://" + host
		}
		if time.Now().After(deadline) {
			t.Fatalf("versitygw does not listen: %v", err)
		}
	}
}
