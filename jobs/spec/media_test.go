package spec

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestMediaInYAML(t *testing.T) {
	for text, want := range map[string]string{
		"media: a":           `[{"column":"a"}]`,
		"media: [a, b]":      `[{"column":"a"},{"column":"b"}]`,
		"media: {column: a}": `[{"column":"a"}]`,
		"media: [a, {column: b, mime_type: image/png, resolution: low, max_bytes: 5}]": `[{"column":"a"},{"column":"b","mime_type":"image/png","resolution":"low","max_bytes":5}]`,
	} {
		s, err := loadText(t, text+"\nmedia_root: pictures\n")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, _ := json.Marshal(s.Media)
		if string(got) != want || !filepath.IsAbs(s.MediaRoot) || filepath.Base(s.MediaRoot) != "pictures" {
			t.Errorf("%s: %s below %s, want %s", text, got, s.MediaRoot, want)
		}
	}
	if _, err := loadText(t, "media: [{colum: a}]\n"); err == nil || !strings.Contains(err.Error(), "line 1") || !strings.Contains(err.Error(), `did you mean "column"?`) {
		t.Errorf("an unknown key below media: %v", err)
	}
}
