package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

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

// natsOf waits until a file says where workers can connect, and puts that into a variable.
func natsOf(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "nats VARIABLE FILE")
	address := regexp.MustCompile(`nats://[\w.:]+`)
	poll(ts, func() (bool, string) {
		text, err := os.ReadFile(ts.MkAbs(args[1]))
		found := address.Find(text)
		if err != nil || found == nil || !bytes.HasSuffix(text, []byte("\n")) {
			return false, string(text)
		}
		ts.Setenv(args[0], string(found))
		return true, ""
	})
}
