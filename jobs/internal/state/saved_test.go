package state

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A job is read back as it was saved, without its secrets. Numbers keep their digits.
func TestSpecRoundTrip(t *testing.T) {
	f, s := newFolder(t)
	if HasJob(f.Dir) {
		t.Error("a folder has a job that was not saved")
	}
	_, err := LoadSpec(f.Dir)
	jobtest.IsSpecError(t, "before", err, "no run has left its state in "+f.Dir)

	s.Force, s.Header = true, spec.List{"Authorization=Bearer abcdefghijklmnop"}
	s.Request = map[string]any{"seed": json.Number("12345678901234567890")}
	if asksElse, err := f.SaveSpec(s, nil, 1); asksElse != "" || err != nil {
		t.Fatalf("the first time: asks something else: %q, %v", asksElse, err)
	}
	text, err := os.ReadFile(f.Path(specFile))
	if err != nil || strings.Contains(string(text), "abcdefghijklmnop") {
		t.Errorf("job.json holds a secret, or %v", err)
	}
	got, err := LoadSpec(f.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if !HasJob(f.Dir) || got.State != f.Dir || got.Force || got.Prompt != s.Prompt || got.Request["seed"] != json.Number("12345678901234567890") {
		t.Errorf("read back: %+v", got)
	}
	write(t, f.Path(specFile), "{")
	_, err = LoadSpec(f.Dir)
	jobtest.IsSpecError(t, "half a job.json", err, f.Path(specFile))
	if asksElse, err := f.SaveSpec(s, nil, 1); asksElse != "" || err != nil {
		t.Errorf("over half a job.json: %q, %v", asksElse, err)
	}
}

// SaveSpec reports that the folder was begun with another question, and not what is
// asked of the same question in another way.
func TestSaveSpecAsksElse(t *testing.T) {
	f, s := newFolder(t)
	for _, tt := range []struct {
		name   string
		change func()
		want   string // how the folder was begun; empty if it asks the same
	}{
		{"the first time", func() {}, ""},
		{"again", func() {}, ""},
		{"other limits", func() { s.RPM = 5 }, ""},
		{"another prompt", func() { s.Prompt = "?" }, "another model, prompt or request"},
		{"again", func() {}, ""},
		{"shared calls", func() { s.RowsPerCall = 25 }, "one row a call"},
		{"more rows of a call", func() { s.RowsPerCall = 50 }, ""},
		{"alone", func() { s.RowsPerCall = 0 }, "rows that share calls"},
		{"another prompt and shared calls", func() { s.Prompt, s.RowsPerCall = "!", 2 }, "another model, prompt or request"},
	} {
		tt.change()
		asksElse, err := f.SaveSpec(s, nil, 1)
		begun, _, _ := strings.Cut(strings.TrimPrefix(asksElse, "was begun with "), ": ")
		if begun != tt.want || err != nil {
			t.Errorf("%s: begun with %q, want %q: %v", tt.name, begun, tt.want, err)
		}
	}
}

// A folder of a later version's wording is left alone, since this version would ask all
// rows anew.
func TestSaveSpecOfLaterWording(t *testing.T) {
	f, s := newFolder(t)
	if _, err := f.SaveSpec(s, nil, 2); err != nil {
		t.Fatal(err)
	}
	before := contents(t, f.Dir)[specFile]
	_, err := f.SaveSpec(s, nil, 1)
	jobtest.IsSpecError(t, "an earlier wording", err, "was begun by genbatch")
	oneOf(t, "after the refusal", f.Path(specFile), before)
	if _, err := f.SaveSpec(s, nil, 3); err != nil {
		t.Errorf("a later wording: %v", err)
	}
}

// A job that cannot be saved leaves the one before, or is there as a whole.
func TestSaveSpecFaults(t *testing.T) {
	eachFault(t,
		func(f *Folder, s *spec.Spec) {
			if _, err := f.SaveSpec(s, nil, 1); err != nil {
				t.Fatal(err)
			}
		},
		func(f *Folder, s *spec.Spec) error { s.Prompt = "new"; _, err := f.SaveSpec(s, nil, 1); return err },
		func(what string, f *Folder, s *spec.Spec) {
			if got, err := LoadSpec(f.Dir); err != nil || got.Prompt != "new" && got.Prompt != "{{.q}}" {
				t.Errorf("%s: the job is %+v, %v", what, got, err)
			}
		})
}

// A forecast that cannot be written leaves the old one or the new one, and nothing else.
func TestForecastIsOldOrNew(t *testing.T) {
	f, _ := newFolder(t)
	if text, err := f.Forecast(); text != nil || err != nil {
		t.Errorf("before a pilot: %q, %v", text, err)
	}
	eachFault(t,
		func(f *Folder, _ *spec.Spec) {
			if err := f.SaveForecast([]byte("old")); err != nil {
				t.Fatal(err)
			}
		},
		func(f *Folder, _ *spec.Spec) error { return f.SaveForecast([]byte("new")) },
		func(what string, f *Folder, _ *spec.Spec) {
			oneOf(t, what, f.Path(forecastFile), "old\n", "new\n")
		})
}
