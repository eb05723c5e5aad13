package gemini

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A key that comes back in an answer is removed, in whatever pieces it comes.
func TestEchoedKey(t *testing.T) {
	event := func(text string) string {
		return fmt.Sprintf(`data: {"candidates":[{"content":{"parts":[{"text":%q}],"role":"model"},"index":0}]}`+"\n\n", text)
	}
	last := `data: {"candidates":[{"content":{"parts":[{"text":"!"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4},"modelVersion":"m-1"}` + "\n\n"
	for name, body := range map[string]string{
		"whole":             strings.Replace(stopAnswer, "yes", "the key is "+testKey+"!", 1),
		"in a field":        strings.Replace(stopAnswer, "r-1", testKey, 1),
		"in one event":      event("the key is "+testKey) + last,
		"over three events": event("the key is "+testKey[:5]) + event(testKey[5:9]) + event(testKey[9:]) + last,
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		o := ask(t, c, `{"contents":[]}`)
		if strings.Contains(string(o.Response), testKey) || strings.Contains(o.ResponseID, testKey) {
			t.Errorf("%s: the key is in %s", name, o.Response)
		}
		a, err := Parse(o.Response)
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, o.Response)
		}
		if want := "the key is [redacted]!"; name != "in a field" && a.Text != want {
			t.Errorf("%s: the text is %q, want %q", name, a.Text, want)
		}
		if a.FinishReason != "STOP" || o.Usage == nil || o.Usage.TotalTokenCount != 4 {
			t.Errorf("%s: finish reason %q, usage %+v", name, a.FinishReason, o.Usage)
		}
	}
}
