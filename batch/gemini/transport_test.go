package gemini

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

func TestRedirect(t *testing.T) {
	var followed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/?key="+testKey, status)
		})
		o := ask(t, c, `{}`)
		if o.Err == nil || o.Err.Kind != batch.KindConfig || o.Refusal == "" || o.Consequence != batch.Retry {
			t.Errorf("%d: %+v %v", status, o, o.Err)
		}
		if strings.Contains(o.Err.Message, testKey) || !strings.Contains(o.Err.Message, other.URL) {
			t.Errorf("%d: message %q", status, o.Err.Message)
		}
	}
	if n := followed.Load(); n > 0 {
		t.Errorf("%d redirects followed", n)
	}
}

func TestGzip(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, stopAnswer)
		z.Close()
	})
	if o := ask(t, c, `{}`); o.Status != batch.OK || string(o.Response) != stopAnswer {
		t.Errorf("%+v %v", o, o.Err)
	}
}

func TestTooLarge(t *testing.T) {
	var written atomic.Int64
	endless := func(w io.Writer) {
		block := bytes.Repeat([]byte(" "), 64<<10)
		for range 1 << 14 { // 1 GiB
			n, err := w.Write(block)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
	tests := []struct {
		name string
		h    http.HandlerFunc
		kind batch.Kind
		seen string
	}{
		{"answer", func(w http.ResponseWriter, r *http.Request) { endless(w) }, batch.KindAnswer, "larger than 1048576 bytes"},
		{"compressed", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			block := bytes.Repeat([]byte(" "), 1<<20)
			for range 8 {
				z.Write(block)
			}
			z.Close()
		}, batch.KindAnswer, "larger than"},
		{"error", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, "it went wrong")
			endless(w)
		}, batch.KindServer, "it went wrong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			written.Store(0)
			c := serve(t, tt.h, func(c *Config) { c.MaxResponseBytes = 1 << 20 })
			o := ask(t, c, `{}`)
			if o.Err == nil || o.Err.Kind != tt.kind || o.Consequence != batch.Retry || !strings.Contains(o.Err.Message, tt.seen) {
				t.Errorf("%+v %v", o, o.Err)
			}
			if o.MaybeBilled != (tt.kind == batch.KindAnswer) {
				t.Errorf("MaybeBilled %v", o.MaybeBilled)
			}
			if n := written.Load(); n > 256<<20 {
				t.Errorf("%d bytes were taken", n)
			}
		})
	}
}

// cut answers with a body that ends before its Content-Length.
func cut(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)+1000))
		io.WriteString(w, body)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestCut(t *testing.T) {
	event := func(text, finish string) string {
		return fmt.Sprintf("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":%q}]}%s}],\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":2,\"totalTokenCount\":7}}\r\n\r\n", text, finish)
	}
	const stop = `,"finishReason":"STOP"`
	tests := []struct {
		name, body string
		want       class
		usage      bool
	}{
		{"nothing came", "", class{batch.Retry, "", batch.KindTransport, false}, false},
		{"half an object", stopAnswer[:60], class{batch.Retry, "", batch.KindTransport, false}, false},
		{"all of an object", stopAnswer, okClass, true},
		{"a stream without its end", event("a", "") + event("b", ""), class{batch.Retry, "", batch.KindTransport, false}, false},
		{"a stream with its end", event("a", "") + event("b", stop), okClass, true},
		{"half an event", event("a", "") + "data: {\"cand", class{batch.Retry, "", batch.KindTransport, false}, false},
		{"half a word", "da", class{batch.Retry, "", batch.KindTransport, false}, false},
		{"half a page", "<html><head>", class{batch.Retry, "", batch.KindTransport, false}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := ask(t, serve(t, cut(tt.body)), `{}`)
			if got := classOf(&o); got != tt.want {
				t.Errorf("%+v, want %+v; %v", got, tt.want, o.Err)
			}
			if tt.usage != (o.Usage != nil) {
				t.Errorf("usage %+v", o.Usage)
			}
			if o.MaybeBilled == tt.usage {
				t.Errorf("MaybeBilled %v, usage %v", o.MaybeBilled, o.Usage)
			}
		})
	}
}

// TestConnections checks that successive calls share a connection, refusals included, and
// that simultaneous calls do not wait for each other.
func TestConnections(t *testing.T) {
	const atOnce = 32
	var connections, inside atomic.Int32
	all := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "together") {
			if inside.Add(1) == atOnce {
				close(all)
			}
			<-all
		} else if strings.Contains(r.URL.Path, "refused") {
			w.WriteHeader(429)
		}
		io.WriteString(w, stopAnswer)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	e, err := ParseEndpoint(EndpointOptions{Name: s.URL, Auth: "none"}, environment())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Endpoint: e, Concurrency: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	attempt := func(model string) batch.Outcome {
		return c.Attempt(t.Context(), &batch.Request{Model: model, Body: json.RawMessage(`{}`)})
	}
	for range 10 {
		attempt("ok")
		attempt("refused")
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for calls after one another", n)
	}
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			if o := attempt("together"); o.Status != batch.OK {
				t.Errorf("%+v %v", o, o.Err)
			}
		})
	}
	wg.Wait()
}
