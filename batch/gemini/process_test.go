package gemini

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// TestMain makes one attempt instead of testing if attemptIn has started the test binary.
// A process of its own is needed because proxies and certificate roots are read only once
// in a process.
func TestMain(m *testing.M) {
	base := os.Getenv("GENBATCH_TEST_ATTEMPT")
	if base == "" {
		os.Exit(m.Run())
	}
	e, err := ParseEndpoint(EndpointOptions{Name: base}, os.Getenv)
	if err != nil {
		panic(err)
	}
	c, err := New(Config{Endpoint: e, Key: func() string { return testKey }})
	if err != nil {
		panic(err)
	}
	o := c.Attempt(context.Background(), &batch.Request{Model: "m", Body: json.RawMessage(`{}`)})
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		panic(err)
	}
}

// attemptIn makes one attempt at base in a process with these variables.
func attemptIn(t *testing.T, base string, env ...string) batch.Outcome {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(v), "=")
		return strings.HasSuffix(name, "_PROXY") || strings.HasPrefix(name, "SSL_CERT_")
	}), append(env, "GENBATCH_TEST_ATTEMPT="+base)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	var o batch.Outcome
	if err := json.Unmarshal(out, &o); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return o
}

// TestProxyAndPrivateCA goes through an HTTPS proxy to a server whose certificate is
// trusted only because of SSL_CERT_FILE.
func TestProxyAndPrivateCA(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("this system has certificate roots of its own and ignores SSL_CERT_FILE: run the test on Linux")
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Goog-Api-Key") != testKey || r.Host != "example.com" || r.ProtoMajor != 2 {
			t.Errorf("%s %s, headers %v", r.Proto, r.Host, r.Header)
		}
		io.WriteString(w, stopAnswer)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(roots, block, 0o600); err != nil {
		t.Fatal(err)
	}

	var tunnels atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "example.com:443" || r.Header.Get("X-Goog-Api-Key") != "" {
			t.Errorf("the proxy was asked to %s %s: %v", r.Method, r.Host, r.Header)
		}
		tunnels.Add(1)
		tunnel(t, w, server.Listener.Addr().String())
	}))
	defer proxy.Close()

	o := attemptIn(t, "https://example.com", "HTTPS_PROXY="+proxy.URL, "SSL_CERT_FILE="+roots)
	if o.Status != batch.OK || tunnels.Load() != 1 {
		t.Errorf("%d tunnels, outcome %+v %v", tunnels.Load(), o, o.Err)
	}

	o = attemptIn(t, "https://example.com", "HTTPS_PROXY="+proxy.URL, "SSL_CERT_FILE="+os.DevNull)
	if o.Err == nil || o.Err.Kind != batch.KindConfig || o.Refusal == "" || o.MaybeBilled || !strings.Contains(o.Err.Hint, "SSL_CERT_FILE") {
		t.Errorf("unknown certificate: %+v %v", o, o.Err)
	}
}

// tunnel carries bytes between the client of a CONNECT and to.
func tunnel(t *testing.T, w http.ResponseWriter, to string) {
	out, err := net.Dial("tcp", to)
	if err != nil {
		t.Error(err)
		return
	}
	defer out.Close()
	w.WriteHeader(http.StatusOK)
	in, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer in.Close()
	var both sync.WaitGroup
	// The server may have read the client's first bytes by now.
	both.Go(func() { io.Copy(out, buffered); out.(*net.TCPConn).CloseWrite() })
	both.Go(func() { io.Copy(in, out); in.Close() })
	both.Wait()
}
