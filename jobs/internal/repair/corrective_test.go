package repair

import (
	"errors"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

func TestCorrective(t *testing.T) {
	got, err := corrective([]byte(`{"contents":[{"role":"user","parts":[{"text":"q"}]}],"generationConfig":{"temperature":0.10}}`), "maybe", errors.New(`"maybe" is no label`))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), `"temperature":0.10`) {
		t.Errorf("a number was rewritten: %s", got)
	}
	jobtest.SameJSON(t, string(got), `{"generationConfig":{"temperature":0.10},"contents":[{"role":"user","parts":[{"text":"q"}]},
		{"role":"model","parts":[{"text":"maybe"}]},
		{"role":"user","parts":[{"text":"That is not valid: \"maybe\" is no label. Answer again, and correctly."}]}]}`)
}
