package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/record"
)

// recorder starts to record a run whose rows are the seconds that have passed.
func recorder(path string, c Config) *Recorder {
	begin := time.Now()
	c.Path, c.Run = path, record.RunHistory{Model: "gemini-3.5-flash", Endpoint: "google"}
	c.Take = func() record.Sample { return record.Sample{Rows: int64(time.Since(begin) / time.Second)} }
	return Start(c)
}

// elapsed returns the times of samples in seconds.
func elapsed(samples []record.Sample) (s []float64) {
	for i := range samples {
		s = append(s, samples[i].Elapsed)
	}
	return s
}

// every returns the times of n samples at a distance, and those of further ones.
func every(distance float64, n int, more ...float64) (s []float64) {
	for i := range n {
		s = append(s, distance*float64(i+1))
	}
	return append(s, more...)
}

// A run of any length has at most 2,000 samples, at even distances, and the file gives back
// the same ones.
func TestSamplesOverTime(t *testing.T) {
	for _, c := range []struct {
		run  time.Duration
		want []float64
	}{
		{300 * time.Millisecond, []float64{0.3}},
		{4500 * time.Millisecond, []float64{1, 2, 3, 4, 4.5}},
		{1998500 * time.Millisecond, every(1, 1998, 1998.5)},
		{1999500 * time.Millisecond, every(2, 999, 1999.5)}, // the last one makes it 2,000
		{2000500 * time.Millisecond, every(2, 1000, 2000.5)},
		{2003 * time.Second, every(2, 1001, 2003)},
		{24*time.Hour + time.Second, every(64, 1350, 86401)},
		{7*24*time.Hour + time.Second, every(512, 1181, 604801)},
	} {
		t.Run(c.run.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "history.jsonl")
				begin := time.Now()
				r := recorder(path, Config{})
				time.Sleep(c.run)
				r.Stop()
				samples := r.Samples(0)
				if got := elapsed(samples); !slices.Equal(got, c.want) {
					t.Fatalf("%d samples at %v,\nwant %d at %v", len(got), got, len(c.want), c.want)
				}
				for _, s := range samples {
					if !s.At.Equal(begin.Add(time.Duration(s.Elapsed*1000)*time.Millisecond)) || s.Rows != int64(s.Elapsed) {
						t.Errorf("sample %+v", s)
					}
				}
				runs, err := Read(path)
				if err != nil || len(runs) != 1 || !runs[0].Begin.Equal(begin) || runs[0].Model != "gemini-3.5-flash" || runs[0].Endpoint != "google" {
					t.Fatalf("runs %+v: %v", runs, err)
				}
				if got := runs[0].Samples; !slices.EqualFunc(got, samples, equal) {
					t.Errorf("the file has %d samples at %v", len(got), elapsed(got))
				}
			})
		})
	}
}

func equal(a, b record.Sample) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// Who has seen samples gets only those that came after.
func TestSamplesSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recorder(filepath.Join(t.TempDir(), "history.jsonl"), Config{})
		defer r.Stop()
		time.Sleep(10500 * time.Millisecond)
		if got := elapsed(r.Samples(7)); !slices.Equal(got, []float64{8, 9, 10}) {
			t.Errorf("samples at %v", got)
		}
		if got := r.Samples(10); len(got) != 0 {
			t.Errorf("samples %v", got)
		}
		time.Sleep(3000 * time.Second)
		if got := elapsed(r.Samples(2500)); !slices.Equal(got, []float64{3002, 3004, 3006, 3008, 3010}) {
			t.Errorf("samples at %v", got)
		}
	})
}

// Runs follow one another in the file, also after one that was killed in the middle of a
// line, and lines of other programs do no harm.
func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	if runs, err := Read(path); runs != nil || err != nil {
		t.Fatalf("without a file: %v, %v", runs, err)
	}
	synctest.Test(t, func(t *testing.T) {
		for range 2 {
			r := recorder(path, Config{})
			time.Sleep(2500 * time.Millisecond)
			r.Stop()
		}
	})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n\n")); n != 1 {
		t.Errorf("%d empty lines in\n%s", n, text)
	}
	other := `{"type":"run","schema":99,"begin":"2026-11-29T18:00:00Z"}` + "\n" + `{"seq":1,"elapsed_s":5}` + "\n"
	for cut := 0; cut < len(text); cut += 7 {
		if err := os.WriteFile(path, append(slices.Clone(text[:cut]), "\n"+other...), 0o600); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			r := recorder(path, Config{})
			time.Sleep(time.Second / 2)
			r.Stop()
		})
		runs, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(text[:cut], []byte("\n"))
		var want []string
		for _, l := range lines {
			switch {
			case !json.Valid(l):
			case bytes.HasPrefix(l, []byte(`{"type":"run"`)):
				want = append(want, "run")
			default:
				want = append(want, "sample")
			}
		}
		want = append(want, "run", "sample")
		var got []string
		for _, r := range runs {
			got = append(got, "run")
			for range r.Samples {
				got = append(got, "sample")
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("cut after %q: %q, want %q", text[:cut], got, want)
		}
	}
}

// A job that cron runs every minute has a file that stays short, with the last runs in it.
func TestFileStaysShort(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "history.jsonl")
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		most, least := int64(0), int64(longest)
		first := `{"type":"run","schema":1,"begin":"1999-12-31T00:00:00Z"}` + "\n" + `{"seq":1}` + "\n"
		if err := os.WriteFile(path, bytes.Repeat([]byte(first), longest/len(first)-200), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			last = time.Now()
			r := recorder(path, Config{FS: unsynced})
			time.Sleep(500 * time.Millisecond)
			r.Stop()
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Size() < most {
				least = min(least, info.Size())
			}
			most = max(most, info.Size())
		}
		if most > longest+1000 || least < longest/3 {
			t.Errorf("the file has between %d and %d bytes", least, most)
		}
		runs, err := Read(path)
		if err != nil || len(runs) < 1000 || !runs[len(runs)-1].Begin.Equal(last) {
			t.Errorf("%d runs, %v", len(runs), err)
		}
		for i, r := range runs {
			if len(r.Samples) != 1 || i > 0 && r.Begin.Before(runs[i-1].Begin) {
				t.Fatalf("run %d: %+v", i, r)
			}
		}
	})
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 {
		t.Errorf("files %q", files)
	}
}

// unsynced is a disk without its slow operations.
var unsynced = durable.FS{Hook: func(op durable.Op, _ string) (bool, error) {
	return op != durable.OpSync && op != durable.OpSyncDir, nil
}}

// Every operation on the disk fails once. One warning says so, and the samples are at hand.
func TestDiskFails(t *testing.T) {
	long := strings.Repeat("x", longest) + "\n"
	for fail := 0; ; fail++ {
		failed := false
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.jsonl")
			if err := os.WriteFile(path, []byte(long), 0o600); err != nil {
				t.Fatal(err)
			}
			var ops, warnings atomic.Int64
			r := recorder(path, Config{
				FS: durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
					if ops.Add(1)-1 == int64(fail) {
						failed = true
						return false, &os.PathError{Op: string(op), Path: path, Err: syscall.ENOSPC}
					}
					return op != durable.OpSync && op != durable.OpSyncDir, nil
				}},
				Warn: func(text string) {
					warnings.Add(1)
					if !strings.Contains(text, syscall.ENOSPC.Error()) || !strings.Contains(text, filepath.Dir(path)) {
						t.Errorf("warning %q", text)
					}
				},
			})
			time.Sleep(3500 * time.Millisecond)
			r.Stop()
			last := fail > 0 && !failed
			if got, want := warnings.Load(), int64(1); failed && got != want || last && got != 0 {
				t.Errorf("operation %d: %d warnings", fail, got)
			}
			if got := elapsed(r.Samples(0)); !slices.Equal(got, []float64{1, 2, 3, 3.5}) {
				t.Errorf("operation %d: samples at %v", fail, got)
			}
		})
		if !failed {
			if fail < 9 {
				t.Errorf("there are %d operations only", fail)
			}
			return
		}
	}
}

// A disk that hangs holds up the end of a run for a second, and nothing before it.
func TestDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		begin := time.Now()
		r := recorder(filepath.Join(t.TempDir(), "history.jsonl"), Config{FS: durable.FS{Hook: func(op durable.Op, _ string) (bool, error) {
			<-hangs
			return false, errors.ErrUnsupported
		}}})
		time.Sleep(5500 * time.Millisecond)
		r.Stop()
		if d := time.Since(begin); d != 6500*time.Millisecond {
			t.Errorf("it ends after %v", d)
		}
		if got := elapsed(r.Samples(0)); !slices.Equal(got, []float64{5.5}) {
			t.Errorf("samples at %v", got)
		}
		close(hangs)
	})
}

// What is no regular file is left as it is: a pipe would be waited for, and a link lead to
// another's file. A warning says so, and the samples are at hand.
func TestNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("theirs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "history.jsonl")
	if err := os.Symlink(other, path); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var warned []string
		r := recorder(path, Config{Warn: func(text string) { warned = append(warned, text) }})
		time.Sleep(1500 * time.Millisecond)
		r.Stop()
		if len(warned) != 1 || !strings.Contains(warned[0], "no regular file") {
			t.Errorf("warnings %q", warned)
		}
		if got := elapsed(r.Samples(0)); !slices.Equal(got, []float64{1, 1.5}) {
			t.Errorf("samples at %v", got)
		}
	})
	if text, err := os.ReadFile(other); err != nil || string(text) != "theirs\n" {
		t.Errorf("the other file holds %q: %v", text, err)
	}
	if _, err := Read(path); err == nil {
		t.Error("it is read")
	}
}
