package main

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// distOf returns goreleaser's folder, which .ci/snapshot has made.
func distOf(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("GENBATCH_DIST")
	if dir == "" {
		t.Skip("set GENBATCH_DIST to the folder dist of goreleaser; .ci/snapshot does")
	}
	return dir
}

// beside are the files that come with the binary.
var beside = []string{
	"README.md", "LICENSE", "CHANGELOG.md", "man/genbatch.1", "man/genbatch-run.1",
	"completions/genbatch.bash", "completions/genbatch.zsh", "completions/genbatch.fish", "completions/genbatch.ps1",
}

// TestArchives holds each archive to what it must hold, and to its sum.
func TestArchives(t *testing.T) {
	dist := distOf(t)
	sums := sumsOf(t, filepath.Join(dist, "checksums.txt"))
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			name, program := fmt.Sprintf("genbatch_%s_%s.tar.gz", system, arch), "genbatch"
			read := namesOfTar
			if system == "windows" {
				name, program = strings.Replace(name, ".tar.gz", ".zip", 1), "genbatch.exe"
				read = namesOfZip
			}
			text, err := os.ReadFile(filepath.Join(dist, name))
			if err != nil {
				t.Error(err)
				continue
			}
			if sum := sha256.Sum256(text); sums[name] != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: checksums.txt has %q, and its sum is %x", name, sums[name], sum)
			}
			modes, err := read(text)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for _, want := range append([]string{program}, beside...) {
				mode, ok := modes[want]
				if expected := map[bool]os.FileMode{true: 0o755, false: 0o644}[want == program]; !ok || mode != expected {
					t.Errorf("%s: %s is there: %v, with mode %v, want %v", name, want, ok, mode, expected)
				}
			}
		}
	}
	for _, name := range []string{"genbatch_linux_amd64.deb", "genbatch_linux_arm64.deb", "genbatch_linux_amd64.rpm", "genbatch_linux_arm64.rpm"} {
		if sums[name] == "" {
			t.Errorf("checksums.txt lacks %s", name)
		}
	}
}

func sumsOf(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	return sums
}

// namesOfTar returns the mode of each file.
func namesOfTar(text []byte) (map[string]os.FileMode, error) {
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	modes := make(map[string]os.FileMode)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return modes, nil
		} else if err != nil {
			return nil, err
		}
		modes[h.Name] = h.FileInfo().Mode()
	}
}

func namesOfZip(text []byte) (map[string]os.FileMode, error) {
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	modes := make(map[string]os.FileMode)
	for _, f := range z.File {
		modes[f.Name] = f.Mode()
	}
	return modes, nil
}

// TestDeb unpacks the package into an empty folder, and runs genbatch there with nothing
// else of the system.
func TestDeb(t *testing.T) {
	deb := filepath.Join(distOf(t), "genbatch_linux_"+runtime.GOARCH+".deb")
	needsChroot(t)
	for field, want := range map[string]string{
		"Package": "genbatch", "Architecture": runtime.GOARCH, "Section": "utils", "Priority": "optional", "Recommends": "ca-certificates",
		"Homepage": "https://github.com/genbatch/genbatch", "Depends": "",
	} {
		if got := strings.TrimSpace(output(t, exec.Command("dpkg-deb", "--field", deb, field))); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	root := t.TempDir()
	output(t, exec.Command("dpkg-deb", "--extract", deb, root))
	for _, file := range []string{
		"usr/bin/genbatch", "usr/share/doc/genbatch/copyright", "usr/share/man/man1/genbatch.1.gz", "usr/share/man/man1/genbatch-run.1.gz",
		"usr/share/bash-completion/completions/genbatch", "usr/share/zsh/vendor-completions/_genbatch", "usr/share/fish/vendor_completions.d/genbatch.fish",
	} {
		if info, err := os.Stat(filepath.Join(root, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	tryInside(t, box{root: root, program: "/usr/bin/genbatch", dir: "/"})
}

// TestImage puts together what the Dockerfile copies and what its base has, and runs genbatch
// in that, as the base's user and as another. It trusts the base's certificates.
func TestImage(t *testing.T) {
	dist := distOf(t)
	needsChroot(t)
	root := t.TempDir()
	b := box{root: root, user: 65532}
	// What gcr.io/distroless/static has: no shell, no libc.
	mkdir(t, root, "tmp", 0o1777)
	mkdir(t, root, "home/nonroot", 0o755)
	mkdir(t, root, "etc/ssl/certs", 0o755)
	write(t, root, "etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")

	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	copied := 0
	for line := range strings.Lines(string(text)) {
		word := strings.Fields(line)
		switch {
		case len(word) == 0 || strings.HasPrefix(line, "#"):
		case word[0] == "FROM" && strings.HasPrefix(word[1], "gcr.io/distroless/static-") && strings.HasSuffix(word[1], ":nonroot"):
		case word[0] == "ARG" && word[1] == "TARGETPLATFORM":
		case word[0] == "COPY" && len(word) == 3:
			from := filepath.Join("../..", word[1])
			if name, ok := strings.CutPrefix(word[1], "$TARGETPLATFORM/"); ok {
				binaries, err := filepath.Glob(filepath.Join(dist, "genbatch_linux_"+runtime.GOARCH+"*", name))
				if err != nil || len(binaries) != 1 {
					t.Fatalf("the binaries are %q (%v)", binaries, err)
				}
				from = binaries[0]
			}
			program, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			mkdir(t, root, filepath.Dir(word[2]), 0o755)
			write(t, root, word[2], string(program))
			if err := os.Chmod(filepath.Join(root, word[2]), 0o755); err != nil {
				t.Fatal(err)
			}
			copied++
		case word[0] == "ENV":
			b.env = append(b.env, word[1])
		case word[0] == "WORKDIR":
			b.dir = word[1]
			mkdir(t, root, word[1], 0o777) // the user's folder is mounted there
		case word[0] == "ENTRYPOINT":
			b.program = strings.Trim(word[1], `[]"`)
		default:
			t.Fatalf("the test does not know what this makes: %s", line)
		}
	}
	if copied != 2 {
		t.Errorf("the Dockerfile copies %d files, want 2", copied)
	}
	tryInside(t, b)
	if err := os.RemoveAll(filepath.Join(root, "tmp/state")); err != nil { // each container has its own
		t.Fatal(err)
	}
	b.user = 1234 // docker run -u, a user that is in no file
	tryInside(t, b)

	// An endpoint whose authority only the image knows.
	sim := exec.Command(filepath.Join(root, b.program), "simulate", "--listen", "127.0.0.1:0")
	sim.Env = []string{"HOME=" + t.TempDir()}
	var address string
	start(t, sim, func(line string) bool {
		address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
		return address != ""
	})
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	defer server.Close()
	write(t, root, "etc/ssl/certs/ca-certificates.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	b.env = append(b.env, "GENBATCH_API_KEY=any")
	b.run(t, 0, "run", "-i", "in.csv", "-o", "tls.csv", "-m", "gemini-2.5-flash-lite", "-p", "{{.body}}", "--endpoint", server.URL)
}

// A box is a folder as a whole file system, with a program in it.
type box struct {
	root, dir, program string
	user               int
	env                []string
}

// tryInside runs a job in a box, and verifies it.
func tryInside(t *testing.T, b box) {
	t.Helper()
	work := filepath.Join(b.root, b.dir)
	write(t, work, "in.csv", "id,body\n1,one\n2,two\n")
	out := fmt.Sprintf("out%d.csv", b.user)
	if got := b.run(t, 0, "version"); !strings.Contains(got, "linux/"+runtime.GOARCH) {
		t.Errorf("version: %s", got)
	}
	b.run(t, 0, "run", "-i", "in.csv", "-o", out, "-m", "gemini-2.5-flash-lite", "-p", "{{.body}}", "--endpoint", "sim")
	if got := b.run(t, 0, "verify", out); !strings.Contains(got, "2 rows: 2 ok") {
		t.Errorf("verify: %s", got)
	}
	b.run(t, 2, "run", "-i", "missing.csv", "-o", "x.csv", "-m", "m", "-p", "{{.body}}", "--endpoint", "sim")
}

func mkdir(t *testing.T, root, dir string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(root, dir)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if mode&0o1000 != 0 {
		mode = mode&0o777 | os.ModeSticky
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, root, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// output runs a command that must succeed, and returns what it printed.
func output(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	text, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", c, err, text)
	}
	return string(text)
}

// start runs a server until the test ends, and returns when a line that it printed is the
// one that ready waits for.
func start(t *testing.T, c *exec.Cmd, ready func(line string) bool) {
	t.Helper()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()
	})
	for s := bufio.NewScanner(out); s.Scan(); {
		if ready(s.Text()) {
			return
		}
	}
	t.Fatalf("%s ended before it was ready", c)
}

// TestNPM installs the packages with npm itself, and runs genbatch through Node.
func TestNPM(t *testing.T) {
	dir := packagesOf(t, "npm")
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("install npm to try the packages for it")
	}
	home := t.TempDir()
	install := exec.Command("npm", append([]string{"install", "--offline", "--no-audit", "--no-fund", "--prefix", home}, dir...)...)
	install.Env = append(os.Environ(), "npm_config_cache="+filepath.Join(home, "cache"))
	output(t, install)
	program := filepath.Join(home, "node_modules", ".bin", "genbatch")
	if got := output(t, exec.Command(program, "version")); !strings.Contains(got, runtime.GOOS+"/"+runtime.GOARCH) {
		t.Errorf("version: %s", got)
	}
	var exit *exec.ExitError
	if err := exec.Command(program, "no-such-command").Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("a command that is not there: %v, want exit code 2", err)
	}
	// Without the package of the machine the shim says what to do.
	if err := os.RemoveAll(filepath.Join(home, "node_modules", "@genbatch")); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command(program, "version").CombinedOutput(); err == nil || !strings.Contains(string(text), "--omit=optional") {
		t.Errorf("without its platform's package: %v, %s", err, text)
	}
}

// TestWheel installs the wheel of this machine with pip.
func TestWheel(t *testing.T) {
	wheel := packagesOf(t, "wheels")
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("install Python 3 with pip to try the wheels")
	}
	home := t.TempDir()
	output(t, exec.Command("python3", append([]string{"-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-cache-dir", "--prefix", home}, wheel...)...))
	if got := output(t, exec.Command(filepath.Join(home, "bin", "genbatch"), "version")); !strings.Contains(got, runtime.GOOS+"/"+runtime.GOARCH) {
		t.Errorf("version: %s", got)
	}
}

// packagesOf makes the packages for npm or pip, and returns those for this machine.
func packagesOf(t *testing.T, kind string) (files []string) {
	t.Helper()
	dist, err := filepath.Abs(distOf(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..") // README and LICENSE are there
	made, again := t.TempDir(), t.TempDir()
	for _, dir := range []string{made, again} {
		if err := run([]string{kind, dist, dir}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := filepath.Glob(filepath.Join(made, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		a, errA := os.ReadFile(file)
		b, errB := os.ReadFile(filepath.Join(again, filepath.Base(file)))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs from when it was made before (%v, %v)", filepath.Base(file), errA, errB)
		}
		if len(a) > 40<<20 {
			t.Errorf("%s has %d MiB: that is too much for a registry", filepath.Base(file), len(a)>>20)
		}
	}
	machine := map[string]string{"npm": nodeName(runtime.GOOS) + "-" + nodeName(runtime.GOARCH), "wheels": wheelTags[runtime.GOOS+"/"+runtime.GOARCH]}[kind]
	files = slices.DeleteFunc(all, func(file string) bool {
		top := regexp.MustCompile(`^genbatch-\d+\.\d+\.\d+[^/]*\.tgz$`).MatchString(filepath.Base(file))
		return !top && !strings.Contains(filepath.Base(file), machine)
	})
	if len(files) != map[string]int{"npm": 2, "wheels": 1}[kind] {
		t.Fatalf("of %s the packages for this machine are %q", kind, files)
	}
	return files
}

func TestPythonVersion(t *testing.T) {
	for version, want := range map[string]string{
		"0.6.0": "0.6.0", "1.0.0-rc.2": "1.0.0rc2", "1.0.0-beta1": "1.0.0b1", "0.0.1-snapshot.0624168a": "0.0.1.dev0+snapshot.0624168a",
	} {
		if got := pythonVersion(version); got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
}
