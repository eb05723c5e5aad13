package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/rogpeppe/go-internal/testscript"
)

// writeBytes writes texts that a script cannot hold as they are: each is what
// stands between the quotes of a Go string, and N*TEXT stands for N of it.
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0, "bytes FILE [TEXT | N*TEXT]...")
	var b bytes.Buffer
	for _, arg := range args[1:] {
		n := 1
		if count, text, ok := strings.Cut(arg, "*"); ok {
			if times, err := strconv.Atoi(count); err == nil {
				n, arg = times, text
			}
		}
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(arg, `"`, `\"`) + `"`)
		if err != nil {
			ts.Fatalf("bytes: %s: %v", arg, err)
		}
		b.WriteString(strings.Repeat(text, n))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o644))
}

// damageParquet writes a Parquet file of rows with id and body, in row groups of
// ten, and damages the data of one of its row groups, or its footer.
func damageParquet(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "parquet FILE ROWS none|footer|schema|short|GROUP")
	type row struct {
		ID   int64  `parquet:"id"`
		Body string `parquet:"body"`
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.Compression(&parquet.Snappy))
	for i := range n {
		_, err := w.Write([]row{{int64(i + 1), fmt.Sprintf("row number %d", i+1)}})
		ts.Check(err)
		if (i+1)%10 == 0 {
			ts.Check(w.Flush())
		}
	}
	ts.Check(w.Close())
	data := b.Bytes()
	footer := len(data) - 8 - int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	switch args[2] {
	case "none":
	case "footer": // its length leads beyond the file
		binary.LittleEndian.PutUint32(data[len(data)-8:], 1<<30)
	case "schema":
		for i := footer; i < footer+40; i++ {
			data[i] = 0xFF
		}
	case "short":
		data = data[:len(data)-20]
	default:
		group, err := strconv.Atoi(args[2])
		ts.Check(err)
		f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		ts.Check(err)
		chunk := f.Metadata().RowGroups[group].Columns[1].MetaData
		from := chunk.DataPageOffset
		for i := from + 10; i < from+chunk.TotalCompressedSize; i++ {
			data[i] = 0xFF
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

// within is the program "within MIB PROGRAM ARG...": it runs the program, ends with
// its exit code, and with 99 when it took more memory.
func within() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: within MIB PROGRAM ARG...")
		os.Exit(1)
	}
	limit, err := strconv.ParseInt(os.Args[1], 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, "within:", err)
		os.Exit(1)
	}
	c := exec.Command(os.Args[2], os.Args[3:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "within:", err)
		os.Exit(99)
	}
	_ = c.Wait() // the exit code says it
	if used := peakMemory(c.ProcessState) >> 20; used > limit {
		fmt.Fprintf(os.Stderr, "within: %s took %d MiB, and may take %d\n", os.Args[2], used, limit)
		os.Exit(99)
	}
	os.Exit(c.ProcessState.ExitCode())
}

// redirect serves redirects to another host, whose address and page hold SECRET.
func redirect(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "redirect VARIABLE SECRET")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/login?"+url.Values{"key": {args[1]}, "next": {r.URL.String()}}.Encode(), http.StatusFound)
		fmt.Fprintf(w, "<p>moved with %s", args[1])
	}))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}
