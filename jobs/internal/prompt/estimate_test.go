package prompt

import (
	"strings"
	"testing"
)

func TestEstimateTokens(t *testing.T) {
	prompt := `{"contents":[{"parts":[{"text":"` + strings.Repeat("word ", 400) + `"}],"role":"user"}]}`
	if n := EstimateTokens([]byte(prompt)); n < 480 || n > 520 {
		t.Errorf("2,000 letters are %d tokens, want about 500", n)
	}
	if n := EstimateTokens([]byte(`{"x":"` + strings.Repeat("語", 1000) + `"}`)); n < 700 || n > 900 {
		t.Errorf("1,000 characters of Japanese are %d tokens, want about 800", n)
	}
	image := `{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"` + strings.Repeat("A", 1<<20) + `"}}]}]}`
	if n := EstimateTokens([]byte(image)); n > 400 {
		t.Errorf("an image of 1 MiB is %d tokens, want about 258", n)
	}
}
