package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for what must come. It decides nothing but
// how soon a broken program is found out.
const patience = 30 * time.Second

// commands are the scripts' own.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"simulate":  simulate,
	"stats":     stats,
	"await":     await,
	"awaittext": awaitText,
	"table":     table,
	"rows":      rows,
	"compress":  compress,
	"edit":      edit,
	"stamp":     stamp,
	"untouched": untouched,
	"nowhere":   nowhere,
	"jsonlines": jsonLines,
	"terminate": terminate,
	"proxy":     proxy,
	"tls":       serveTLS,
	"bytes":     writeBytes,
	"parquet":   damageParquet,
	"redirect":  redirect,
	"picture":   picture,
	"sound":     sound,
}

// usage ends a script that uses a command wrongly.
func usage(ts *testscript.TestScript, neg, right bool, text string) {
	if neg || !right {
		ts.Fatalf("usage: %s", text)
	}
}

// starting is held while a simulator reads its flags: the library's flag for help is one
// variable for all commands of a process.
var starting sync.Mutex

// simulate runs genbatch simulate in this process until the script ends, and puts
// its address into a variable.
func simulate(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0, "simulate VARIABLE [FLAG...]")
	signals := make(chan os.Signal, 1)
	out, in := io.Pipe()
	var stderr bytes.Buffer
	done := make(chan int, 1)
	starting.Lock()
	go func() {
		code := run(append([]string{"genbatch", "simulate"}, args[1:]...), signals, strings.NewReader(""), in, &stderr)
		in.Close()
		done <- code
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	starting.Unlock()
	address := regexp.MustCompile(`http://\S+`).FindString(line)
	if err != nil || address == "" {
		ts.Fatalf("the simulator did not start: exit code %d: %s", <-done, stderr.String())
	}
	ts.Defer(func() {
		signals <- os.Interrupt
		if code := <-done; code != 0 {
			ts.Logf("the simulator ended with exit code %d: %s", code, stderr.String())
		}
	})
	ts.Setenv(args[0], address)
}

// condition is one of NAME=N, NAME<=N and NAME>=N.
var condition = regexp.MustCompile(`^([\w.]+)(=|<=|>=)(\d+)$`)

// holds reports whether the simulator's numbers are as the conditions say, and
// what they are. Beside what it counts itself there are distinct, the different
// requests that were answered, and repeated, the answers that were given again.
func holds(ts *testscript.TestScript, address string, conditions []string) (bool, string) {
	u, err := url.Parse(address)
	ts.Check(err)
	resp, err := http.Get("http://" + u.Host + "/sim/stats")
	ts.Check(err)
	defer resp.Body.Close()
	var numbers map[string]any
	ts.Check(json.NewDecoder(resp.Body).Decode(&numbers))
	answers, _ := numbers["answers"].(map[string]any)
	delete(numbers, "answers")
	if answers != nil {
		repeated := 0.0
		for _, n := range answers {
			repeated += n.(float64) - 1
		}
		numbers["distinct"], numbers["repeated"] = float64(len(answers)), repeated
	}
	text, err := json.Marshal(numbers)
	ts.Check(err)
	ok := true
	for _, c := range conditions {
		m := condition.FindStringSubmatch(c)
		if m == nil {
			ts.Fatalf("%q is no condition", c)
		}
		var at any = numbers
		for name := range strings.SplitSeq(m[1], ".") {
			object, _ := at.(map[string]any)
			at = object[name]
		}
		got, _ := at.(float64) // what never happened is not listed
		want, err := strconv.ParseFloat(m[3], 64)
		ts.Check(err)
		switch m[2] {
		case "=":
			ok = ok && got == want
		case "<=":
			ok = ok && got <= want
		case ">=":
			ok = ok && got >= want
		}
	}
	return ok, string(text)
}

// stats checks what a simulator has counted.
func stats(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "stats ADDRESS CONDITION...")
	if ok, text := holds(ts, args[0], args[1:]); !ok {
		ts.Fatalf("the simulator counted %s, want %s", text, strings.Join(args[1:], " "))
	}
}

// await waits until a simulator has counted so much.
func await(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "await ADDRESS CONDITION...")
	poll(ts, func() (bool, string) { return holds(ts, args[0], args[1:]) })
}

// awaitText waits until a file has a match of a regular expression.
func awaitText(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "awaittext FILE REGEXP")
	re := regexp.MustCompile(args[1])
	poll(ts, func() (bool, string) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && re.Match(text), string(text)
	})
}

func poll(ts *testscript.TestScript, done func() (bool, string)) {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		ok, text := done()
		if ok {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("still waiting after %v: %s", patience, text)
		}
	}
}

// table writes a CSV of N rows with the columns id, from 1, and body.
func table(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "table FILE N")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b strings.Builder
	b.WriteString("id,body\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,row number %d\n", i+1, i+1)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o644))
}

// rows checks that a JSONL output has the rows of table, each once and in order,
// and every one with the status. Its response must be its own: it holds the row's
// body.
func rows(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "rows FILE N STATUS")
	text := ts.ReadFile(args[0])
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if fmt.Sprint(len(lines)) != args[1] {
		ts.Fatalf("%s has %d rows, want %s", args[0], len(lines), args[1])
	}
	for i, line := range lines {
		var row struct{ ID, Body, Response, Status string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			ts.Fatalf("%s, row %d: %v", args[0], i+1, err)
		}
		switch {
		case row.ID != fmt.Sprint(i+1):
			ts.Fatalf("%s, row %d: the id is %s", args[0], i+1, row.ID)
		case row.Status != args[2]:
			ts.Fatalf("%s, row %d: the status is %s, want %s", args[0], i+1, row.Status, args[2])
		case row.Status == "ok" && !strings.Contains(row.Response, row.Body):
			ts.Fatalf("%s, row %d: the answer %q is another row's", args[0], i+1, row.Response)
		}
	}
}

// compress writes a file again, compressed, or not compressed, as the two names
// end.
func compress(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "compress FROM TO")
	var text io.Reader = strings.NewReader(ts.ReadFile(args[0]))
	var err error
	switch filepath.Ext(args[0]) {
	case ".gz":
		text, err = gzip.NewReader(text)
	case ".zst":
		text, err = zstd.NewReader(text)
	}
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	defer f.Close()
	var w io.WriteCloser = f
	switch filepath.Ext(args[1]) {
	case ".gz":
		w = gzip.NewWriter(f)
	case ".zst":
		w, err = zstd.NewWriter(f)
	}
	ts.Check(err)
	_, err = io.Copy(w, text)
	ts.Check(err)
	ts.Check(w.Close())
}

// edit replaces the first occurrence of a text in a file, which must be there.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "edit FILE OLD NEW")
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not have %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// stampsKey is where a script keeps what stamp has seen: a map of path to
// fs.FileInfo.
type stampsKey struct{}

// stamp notes which file a path leads to, for untouched.
func stamp(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "stamp FILE")
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Value(stampsKey{}).(map[string]fs.FileInfo)[args[0]] = info
}

// untouched checks that a file is the one that stamp saw, neither replaced nor
// written to.
func untouched(ts *testscript.TestScript, neg bool, args []string) {
	before, seen := ts.Value(stampsKey{}).(map[string]fs.FileInfo)[args[0]]
	if !seen {
		ts.Fatalf("untouched %s: there is no stamp of it", args[0])
	}
	now, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	same := os.SameFile(before, now) && before.ModTime().Equal(now.ModTime()) && before.Size() == now.Size()
	if same == neg {
		ts.Fatalf("%s: untouched is %v", args[0], same)
	}
}

// nowhere checks that a text stands in no file of the script, but for those that
// are named, and not in what the last program printed.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0 && args[0] != "", "nowhere TEXT [FILE...]")
	var files int
	root := ts.Getenv("WORK")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || slices.Contains(args[1:], name) {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(args[0])) {
			return fmt.Errorf("%s holds %q", name, args[0])
		}
		return err
	})
	ts.Check(err)
	if files == 0 {
		ts.Fatalf("there are no files in %s", root)
	}
	for _, name := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(name), args[0]) {
			ts.Fatalf("%s holds %q", name, args[0])
		}
	}
}

// jsonLines checks that a file, stdout or stderr holds lines of JSON objects and
// nothing else, at least one, and that the last one's type is TYPE.
func jsonLines(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "jsonlines FILE TYPE")
	var last struct{ Type string }
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		last.Type = ""
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			ts.Fatalf("%s: %v in the line %q", args[0], err, line)
		}
	}
	if last.Type != args[1] {
		ts.Fatalf("the last line's type is %q, want %q", last.Type, args[1])
	}
}

// terminate sends SIGTERM to the programs in the background.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 0, "terminate")
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}

// proxy serves on a free port what TARGET answers, and writes the head of every
// request to LOG. It can be a client's forward proxy as well, with CONNECT too:
// everything goes to TARGET, whatever host it is for.
func proxy(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "proxy VARIABLE TARGET LOG")
	target, err := url.Parse(args[1])
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[2]))
	ts.Check(err)
	var mu sync.Mutex // guards f
	forward := forwardTo(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		fmt.Fprintf(f, "%s %s%s\n", r.Method, r.Host, r.URL.RequestURI())
		_ = r.Header.Write(f) // a script that looks for what is missing will fail
		mu.Unlock()
		if r.Method == http.MethodConnect {
			tunnel(w, target.Host)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	ts.Defer(func() { server.Close(); f.Close() })
	ts.Setenv(args[0], server.URL)
}

func forwardTo(target *url.URL) http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, target.Host
	}}
}

// tunnel answers CONNECT: bytes go both ways until one side ends.
func tunnel(w http.ResponseWriter, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer client.Close()
	fmt.Fprint(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	done := make(chan struct{}, 2)
	relay := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // ends with either connection
		done <- struct{}{}
	}
	go relay(server, client)
	go relay(client, server)
	<-done
}

// serveTLS serves on a free port what TARGET answers, by HTTPS with a certificate
// of a private authority for 127.0.0.1 and example.com, which it writes to CERTIFICATE.
func serveTLS(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "tls VARIABLE TARGET CERTIFICATE")
	target, err := url.Parse(args[1])
	ts.Check(err)
	server := httptest.NewUnstartedServer(forwardTo(target))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse the certificate are the point
	server.StartTLS()
	ts.Defer(server.Close)
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), pem.EncodeToMemory(block), 0o644))
	ts.Setenv(args[0], server.URL)
}
