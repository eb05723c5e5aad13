package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/internal/sim/batches"
)

const batchPath = "/v1beta/models/gemini-2.5-flash:batchGenerateContent"

// An operation is what a test reads of a batch.
type operation struct {
	Name     string
	Done     *bool
	Metadata struct {
		DisplayName, State, EndTime, Priority string
		BatchStats                            map[string]string
		Output                                json.RawMessage
		InputConfig                           *struct{ FileName string }
	}
	Error    *struct{ Code int }
	Response map[string]json.RawMessage
}

// lines makes the lines of an input: a key and a text each.
func lines(texts ...string) []byte {
	var b strings.Builder
	for i, text := range texts {
		fmt.Fprintf(&b, `{"key":"r%d","request":%s}`+"\n", i+1, ask(text, ""))
	}
	return []byte(b.String())
}

// create makes a batch of a file, and returns its name.
func create(t *testing.T, s *Server, key string, input []byte) string {
	t.Helper()
	f := put(t, s, key, "application/jsonl", `{}`, input)
	w := do(s, "POST", batchPath, []byte(`{"batch":{"displayName":"mine","inputConfig":{"fileName":"`+f.Name+`"}}}`), keyHeader, key)
	var o operation
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil || w.Code != 200 || !strings.HasPrefix(o.Name, "batches/") || o.Done != nil {
		t.Fatalf("%v: %d %s", err, w.Code, w.Body)
	}
	return o.Name
}

// poll gets a batch.
func poll(t *testing.T, s *Server, key, name string) operation {
	t.Helper()
	w := do(s, "GET", "/v1beta/"+name, nil, keyHeader, key)
	var o operation
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil || w.Code != 200 {
		t.Fatalf("%v: %d %s", err, w.Code, w.Body)
	}
	return o
}

// results downloads the results of a batch, as lines.
func results(t *testing.T, s *Server, key, name string) []string {
	t.Helper()
	w := do(s, "GET", "/download/v1beta/files/batch-"+strings.TrimPrefix(name, "batches/")+":download?alt=media", nil, keyHeader, key)
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
}

// withFaults returns a server with faults of batches.
func withFaults(t *testing.T, spec string) *Server {
	t.Helper()
	faults, err := batches.ParseFaults(spec)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Batches: batches.Config{Faults: faults}})
	t.Cleanup(s.Close)
	return s
}

func TestBatchLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		defer s.Close()
		name := create(t, s, "k", lines("Hello there.", "Blocked [[sim:block]]", "Refused [[sim:503]]", "Hangs [[sim:hang]]", "Cut [[sim:cut]]"))
		if o := poll(t, s, "k", name); o.Done != nil || o.Metadata.State != "BATCH_STATE_PENDING" || o.Metadata.DisplayName != "mine" ||
			o.Metadata.BatchStats["pendingRequestCount"] != "5" || o.Metadata.BatchStats["requestCount"] != "5" || len(o.Metadata.BatchStats) != 2 || o.Metadata.InputConfig == nil {
			t.Errorf("pending: %+v", o)
		}
		time.Sleep(500 * time.Millisecond)
		if o := poll(t, s, "k", name); o.Done != nil || o.Metadata.State != "BATCH_STATE_RUNNING" || o.Metadata.Output != nil {
			t.Errorf("running: %+v", o)
		}
		time.Sleep(500 * time.Millisecond)
		o := poll(t, s, "k", name)
		file := `{"responsesFile":"files/batch-` + strings.TrimPrefix(name, "batches/") + `"}`
		if o.Done == nil || o.Metadata.State != "BATCH_STATE_SUCCEEDED" || string(o.Metadata.Output) != file || o.Error != nil ||
			o.Metadata.BatchStats["successfulRequestCount"] != "2" || o.Metadata.BatchStats["failedRequestCount"] != "3" || o.Metadata.EndTime == "" ||
			`{"responsesFile":`+string(o.Response["responsesFile"])+`}` != file {
			t.Errorf("done: %+v", o)
		}
		got := results(t, s, "k", name)
		want := []string{`"text":"Hello there."`, `"blockReason":"PROHIBITED_CONTENT"`, `"error":{"code":14`, `"error":{"code":4`, `"error":{"code":14`}
		for i := range want {
			if !strings.Contains(got[i], want[i]) || !strings.Contains(got[i], fmt.Sprintf(`"key":"r%d"`, i+1)) {
				t.Errorf("%s, want %s", got[i], want[i])
			}
		}
		if !strings.Contains(got[0], `"serviceTier":"standard"`) {
			t.Errorf("no tier: %s", got[0])
		}
		st := s.Stats().Batches
		if st.Billed != 2 || st.Created != 1 || st.Ended["SUCCEEDED"] != 1 || st.Repeats != 0 || st.Doubled != 0 || st.Jobs[0].Rows != 5 || st.Jobs[0].Billed != 2 {
			t.Errorf("%+v", st)
		}
		again := create(t, s, "k", lines("Hello there."))
		time.Sleep(time.Second)
		if st := s.Stats().Batches; st.Billed != 3 || st.Doubled != 1 || st.Repeats != 1 || st.Jobs[1].Name != again {
			t.Errorf("asked again: %+v", st)
		}

		time.Sleep(6 * 7 * 24 * time.Hour) // the results are gone, the batch is not
		if o := poll(t, s, "k", name); o.Metadata.Output != nil || o.Metadata.State != "BATCH_STATE_SUCCEEDED" {
			t.Errorf("weeks later: %+v", o)
		}
	})
}

// While one call answers the rows, others find the batch running, and nothing is billed twice.
func TestBatchPollsAtOnce(t *testing.T) {
	s := New(Config{Batches: Batches{Pending: -1, Running: -1}})
	defer s.Close()
	texts := make([]string, 3000)
	for i := range texts {
		texts[i] = fmt.Sprint("Row ", i)
	}
	f := put(t, s, "k", "jsonl", `{}`, lines(texts...))
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			do(s, "POST", batchPath, []byte(`{"batch":{"inputConfig":{"fileName":"`+f.Name+`"}}}`), keyHeader, "k")
		})
		for range 4 {
			group.Go(func() {
				do(s, "GET", "/v1beta/batches", nil, keyHeader, "k")
				s.Stats()
			})
		}
	}
	group.Wait()
	st := s.Stats().Batches
	if st.Billed != 9000 || st.Doubled != 6000 || st.Created != 3 {
		t.Errorf("%+v", st)
	}
	for _, j := range st.Jobs {
		if o := poll(t, s, "k", j.Name); o.Metadata.BatchStats["successfulRequestCount"] != "3000" || len(results(t, s, "k", j.Name)) != 3000 {
			t.Errorf("%+v", o)
		}
	}
}
