package sim

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

func TestModelsAndCount(t *testing.T) {
	s := New(Config{})
	var page struct {
		Models        []wire.ModelInfo
		NextPageToken string
	}
	var names []string
	for token := ""; ; token = page.NextPageToken {
		page.NextPageToken, page.Models = "", nil
		r := httptest.NewRequest("GET", "/v1beta/models?pageSize=5&pageToken="+token, nil)
		r.Header.Set("X-Goog-Api-Key", "k")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Models) == 0 || len(page.Models) > 5 {
			t.Fatalf("%v: %s", err, w.Body)
		}
		for _, m := range page.Models {
			names = append(names, strings.TrimPrefix(m.Name, "models/"))
		}
		if page.NextPageToken == "" {
			break
		}
	}
	if strings.Join(names, " ") != strings.Join(wire.Listed, " ") {
		t.Errorf("the pages list %v", names)
	}

	w := call(s, "/v1beta/models/gemini-2.5-flash:countTokens", ask("abcdefgh", ""))
	if want := `{"totalTokens":2,"promptTokensDetails":[{"modality":"TEXT","tokenCount":2}]}`; w.Body.String() != want {
		t.Errorf("countTokens: %s, want %s", w.Body, want)
	}
	w = call(s, "/v1beta/models/gemini-2.5-flash:countTokens", `{"generate_content_request":{"model":"models/x","contents":[{"parts":[{"text":"abcd"}]}],"systemInstruction":{"parts":[{"text":"abcd"}]}}}`)
	if !strings.Contains(w.Body.String(), `"totalTokens":2`) {
		t.Errorf("countTokens of a whole request: %s", w.Body)
	}
}
