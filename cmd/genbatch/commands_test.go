package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for what must come. It decides nothing but
// how soon a broken program is found out.
const patience = 30 * time.Second

// commands are the scripts' own.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"simulate":     simulate,
	"unbilled":     unbilled,
	"ownprices":    ownPrices,
	"died":         died,
	"stats":        stats,
	"await":        await,
	"awaittext":    awaitText,
	"table":        table,
	"rows":         rows,
	"compress":     compress,
	"edit":         edit,
	"stamp":        stamp,
	"untouched":    untouched,
	"nowhere":      nowhere,
	"jsonlines":    jsonLines,
	"narrow":       narrow,
	"asjournalled": asJournalled,
	"terminate":    terminate,
	"proxy":        proxy,
	"tls":          serveTLS,
	"bytes":        writeBytes,
	"parquet":      damageParquet,
	"redirect":     redirect,
	"picture":      picture,
	"sound":        sound,
	"odd":          serveOdd,
	"hostile":      serveHostile,
	"served":       served,
	"nats":         natsOf,
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
	ts.Value(billKey{}).(*scriptBill).watch(ts, address)
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

// terminate sends SIGTERM to the programs in the background.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 0, "terminate")
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}
