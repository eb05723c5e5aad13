package registry

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/price"
)

// folder makes a state folder.
func folder(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func begin(t *testing.T, r Registry, state string, at time.Time) {
	t.Helper()
	if err := r.Begin(Job{State: state, Output: state + ".csv", Model: "m", Last: at}); err != nil {
		t.Fatal(err)
	}
}

// list returns the state folders that are listed, in order.
func list(t *testing.T, r Registry) (states []string, all []Job) {
	t.Helper()
	all, err := r.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range all {
		states = append(states, j.State)
	}
	return states, all
}

func TestRunsOfAJob(t *testing.T) {
	r := Registry{Dir: filepath.Join(t.TempDir(), "a", "b")}
	if states, _ := list(t, r); states != nil {
		t.Fatalf("without a folder it lists %q", states)
	}
	a, b := folder(t, "a"), folder(t, "b")
	first := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	begin(t, r, a, first)
	begin(t, r, b, first.Add(time.Minute))
	ending := Ending{At: first.Add(time.Hour), ExitCode: 3, Rows: 5000, NotOK: 40, Cost: new(price.USD(12))}
	if err := r.End(a, ending); err != nil {
		t.Fatal(err)
	}
	states, all := list(t, r)
	if !slices.Equal(states, []string{b, a}) || all[0].Ending != nil || all[1].Ending == nil || all[1].Ending.NotOK != 40 || *all[1].Ending.Cost != 12 {
		t.Fatalf("listed: %+v", all)
	}
	// The next run of a job begins: how the last one ended is past, and the job is the newest.
	begin(t, r, a, first.Add(2*time.Hour))
	states, all = list(t, r)
	if !slices.Equal(states, []string{a, b}) || all[0].Ending != nil || !all[0].First.Equal(first) || !all[0].Last.Equal(first.Add(2*time.Hour)) {
		t.Errorf("listed: %+v", all)
	}
	if info, err := os.Stat(r.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", info.Mode(), err)
	}
}

// A job whose folder is gone is forgotten. What is no job of this registry is passed over, and
// stays.
func TestWhatIsGone(t *testing.T) {
	r := Registry{Dir: t.TempDir()}
	gone, here := folder(t, "gone"), folder(t, "here")
	now := time.Now()
	begin(t, r, gone, now)
	begin(t, r, here, now)
	text, err := os.ReadFile(r.path(here))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"damaged.json": "{", "copy.json": string(text), "notes.txt": "mine"} {
		if err := os.WriteFile(filepath.Join(r.Dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	if states, _ := list(t, r); !slices.Equal(states, []string{here}) {
		t.Errorf("listed: %q", states)
	}
	if _, err := os.Stat(r.path(gone)); err == nil {
		t.Error("the job whose folder is gone is remembered still")
	}
	for _, name := range []string{"damaged.json", "copy.json", "notes.txt"} {
		if _, err := os.Stat(filepath.Join(r.Dir, name)); err != nil {
			t.Errorf("%s was touched: %v", name, err)
		}
	}
}

// A registry is bounded: those that were noted first are forgotten.
func TestBound(t *testing.T) {
	r := Registry{Dir: t.TempDir()}
	old := time.Now().Add(-time.Hour)
	for i := range most + 5 {
		path := filepath.Join(r.Dir, fmt.Sprintf("%04d.json", i))
		at := old.Add(time.Duration(i) * time.Second)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	here := folder(t, "here")
	begin(t, r, here, time.Now())
	files, err := r.files()
	if err != nil || len(files) != most {
		t.Fatalf("%d files are left, %v", len(files), err)
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "0005.json")); err == nil {
		t.Error("the oldest are not those that are forgotten")
	}
	if states, _ := list(t, r); !slices.Equal(states, []string{here}) {
		t.Errorf("listed: %q", states)
	}
}

// Where there is no place for state, nothing is kept, and nothing fails.
func TestNoPlace(t *testing.T) {
	r := Of(func(string) string { return "" })
	if err := r.Begin(Job{State: "/x"}); err != nil {
		t.Error(err)
	}
	if err := r.End("/x", Ending{}); err != nil {
		t.Error(err)
	}
	if all, err := r.List(); all != nil || err != nil {
		t.Errorf("listed: %v, %v", all, err)
	}
	if got, want := Of(func(string) string { return "/home/me/state" }).Dir, filepath.Join("/home/me/state", "genbatch", "jobs"); got != want {
		t.Errorf("the registry is in %s, want %s", got, want)
	}
}
