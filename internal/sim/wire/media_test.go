package wire

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestMediaRefusals(t *testing.T) {
	inline := func(mime, data string) string {
		return `{"contents":[{"parts":[{"inlineData":{"mimeType":"` + mime + `","data":"` + data + `"}}]}]}`
	}
	text := base64.StdEncoding.EncodeToString([]byte("<!DOCTYPE html><p>no picture"))
	tests := []struct{ name, body, message string }{
		{"not base64", inline("image/png", "%%%"), "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES)"},
		{"no type", inline("", "AAAA"), "mime_type must be specified"},
		{"archive", inline("application/zip", "UEsDBA=="), "Unsupported MIME type: application/zip"},
		{"page as image", inline("image/jpeg", text), "Unable to process input image"},
		{"empty image", inline("image/jpeg", ""), "Unable to process input image"},
		{"page as PDF", inline("application/pdf", text), "The document has no pages."},
		{"page as sound", inline("audio/mp3", text), "Request contains an invalid argument."},
	}
	for _, tt := range tests {
		if _, e := check(t, Google, flash, tt.body); e == nil || e.HTTPStatus != 400 || !strings.Contains(e.message, tt.message) {
			t.Errorf("%s: %+v, want %q", tt.name, e, tt.message)
		}
	}
	for _, body := range []string{inline("text/csv", "YSxi"), inline("image/png", "-_AA")} {
		if _, e := check(t, Google, flash, body); e != nil {
			t.Errorf("%s: %+v", body, e)
		}
	}
}
