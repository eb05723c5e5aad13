// Command receiver receives what genbatch posts at the end of a run, checks that it comes from
// somebody who knows the secret in HOOK_SECRET, and prints a line about each run.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A message is what genbatch posts, as far as this program reads it.
type message struct {
	Type string `json:"type"`
	Job  struct {
		Host   string `json:"host"`
		Output string `json:"output"`
	} `json:"job"`
	Data struct {
		ExitCode int    `json:"exit_code"`
		Error    string `json:"error"`
		Run      struct {
			Rows   int            `json:"rows"`
			Status map[string]int `json:"status"`
		} `json:"run"`
	} `json:"data"`
}

// A receiver takes messages that are signed with a secret.
type receiver struct {
	hook *standardwebhooks.Webhook
	seen sync.Map // ids; a message comes again if its sender has not heard of the first time
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, 1<<20))
	if err != nil {
		http.Error(w, "the message cannot be read", http.StatusBadRequest)
		return
	}
	// The signature is that of the bytes as they came. They are read as JSON after it is checked.
	if err := r.hook.Verify(body, request.Header); err != nil {
		http.Error(w, "the signature is wrong", http.StatusUnauthorized)
		return
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, "the message is not JSON", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	if _, again := r.seen.LoadOrStore(request.Header.Get(standardwebhooks.HeaderWebhookID), true); again || m.Type != "genbatch.run.finished" {
		return
	}
	fmt.Printf("%s: exit code %d, %d rows asked, %d ok\n", filepath.Base(m.Job.Output), m.Data.ExitCode, m.Data.Run.Rows, m.Data.Run.Status["ok"])
	switch m.Data.ExitCode {
	case 0, 3, 5, 130: // the output is there, or a later run goes on
	default:
		fmt.Printf("  somebody has to act, on %s: %s\n", m.Job.Host, m.Data.Error)
	}
}

func main() {
	address := flag.String("listen", "127.0.0.1:8090", "where to listen")
	flag.Parse()
	hook, err := standardwebhooks.NewWebhook(os.Getenv("HOOK_SECRET"))
	if err != nil || os.Getenv("HOOK_SECRET") == "" {
		log.Fatalf(`set HOOK_SECRET, to what echo "whsec_$(openssl rand -base64 32)" prints (%v)`, err)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	http.Handle("POST /genbatch", &receiver{hook: hook})
	log.Fatal(http.Serve(listener, nil))
}
