package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Confidence is said, logprobs, or true as before; in a state folder said is still true.
func TestConfidence(t *testing.T) {
	for text, want := range map[string]Confidence{"true": Said, "said": Said, "logprobs": Logprobs, "false": "", `"said"`: Said, "": ""} {
		path := filepath.Join(t.TempDir(), "job.yaml")
		if err := os.WriteFile(path, []byte("classify: {text: x, confidence: "+text+"}"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(path)
		if err != nil || s.Classify.Confidence != want {
			t.Errorf("%s is read as %+v, %v", text, s, err)
			continue
		}
		stored, err := json.Marshal(s.Classify)
		var again Classify
		if err != nil || json.Unmarshal(stored, &again) != nil || again.Confidence != want || want == Said != strings.Contains(string(stored), `"confidence":true`) {
			t.Errorf("%s is stored as %s, and read as %q: %v", text, stored, again.Confidence, err)
		}
	}
	for _, text := range []string{"sure", "0.8", "[said]", "{said: true}"} {
		path := filepath.Join(t.TempDir(), "job.yaml")
		if err := os.WriteFile(path, []byte("classify: {text: x, confidence: "+text+"}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "confidence is said or logprobs") {
			t.Errorf("%s: %v", text, err)
		}
	}
	var c Confidence
	if err := json.Unmarshal([]byte("0.8"), &c); err == nil {
		t.Errorf("0.8 is read as %q", c)
	}
}

// What nothing can be known of is refused, with the remedy.
func TestCheckConfidence(t *testing.T) {
	config := map[string]any{"generationConfig": map[string]any{"response_logprobs": false}}
	for _, tt := range []struct {
		name string
		spec Spec
		want string // empty: nothing is refused
	}{
		{"marked by what is said", Spec{ReviewBelow: 0.8, Classify: &Classify{Confidence: Said}}, ""},
		{"all are marked", Spec{ReviewBelow: 1, Classify: &Classify{Confidence: Logprobs}}, ""},
		{"no confidence", Spec{ReviewBelow: 0.8, Classify: &Classify{}}, "add --confidence"},
		{"no classification", Spec{ReviewBelow: 0.8, Prompt: "x"}, "add --confidence"},
		{"percent", Spec{ReviewBelow: 80, Classify: &Classify{Confidence: Said}}, "review_below is 80; write a confidence from 0 to 1"},
		{"below 0", Spec{ReviewBelow: -0.1, Classify: &Classify{Confidence: Said}}, "review_below is -0.1"},
		{"switched off in the request", Spec{Request: config, Classify: &Classify{Confidence: Logprobs}}, "keep one of them"},
		{"switched off, and not needed", Spec{Request: config, Classify: &Classify{Confidence: Said}}, ""},
	} {
		err := checkConfidence(&tt.spec)
		text := ""
		if err != nil {
			text = err.Error()
			if e := (err.(*Error)); e.Hint != "" && !strings.Contains(text, e.Hint) {
				text += "; " + e.Hint
			}
		}
		if (err == nil) != (tt.want == "") || !strings.Contains(text, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, text, tt.want)
		}
	}
}
