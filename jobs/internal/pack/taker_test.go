package pack

import (
	"fmt"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// What a taker finds in requests is what is found in each by itself, whatever it has seen before.
func TestTaker(t *testing.T) {
	body := func(system, text, more string) string {
		return fmt.Sprintf(`{"contents":[{"parts":[{"text":"an example"}],"role":"user"},{"parts":[{"text":"yes"}],"role":"model"},{"parts":[{"text":%s}],"role":"user"}],%s"systemInstruction":{"parts":[{"text":%s}]}}`, text, more, system)
	}
	var of taker
	fast := 0
	for i, b := range []string{
		body(`"say"`, `"a"`, ""), body(`"say"`, `"b, \"c\" \u00e9 \\"`, ""), body(`"say"`, `"an example"`, ""), body(`"say"`, `"é"`, ""), body(`"say"`, `""`, ""),
		body(`"say"`, `"x"},{"text":"y"`, ""),                      // two parts
		body(`"say"`, `"x","thought":true,"y":"z"`, ""),            // more than a text
		body(`"say"`, `7`, ""), body(`"say"`, `"a" , "b":"c"`, ""), // no text alone
		body(`"say"`, "\"\xff\"", ""), body(`"say"`, "\"a\x01\"", ""), // no JSON, strictly
		body(`"other"`, `"a"`, ""), body(`"other"`, `"b"`, ""), body(`"other"`, `"\u0062"`, `"safetySettings":[],`), body(`"other"`, `"c"`, `"safetySettings":[],`),
		body(`"abc"`, `"\u0061bc"`, ""), body(`"abd"`, `"\u0061bc"`, ""), body(`"abe"`, `"\u0061bc"`, ""), // the text stands elsewhere, in another form
		`{"contents":[]}`, `{`,
	} {
		for _, model := range []string{"m", "n"} {
			r := &batch.Request{Model: model, Body: []byte(b)}
			if _, ok := of.like(r); ok {
				fast++
			}
			key, text, err := of.take(r)
			wantKey, wantText, wantErr := take(r)
			if key != wantKey || text != wantText || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%d: %q, %q, %v; want %q, %q, %v", i, key, text, err, wantKey, wantText, wantErr)
			}
		}
	}
	of = taker{}
	for i := range 10 {
		r := &batch.Request{Model: "m", Body: []byte(body(`"say"`, fmt.Sprintf(`"text %d"`, i), ""))}
		if _, ok := of.like(r); ok != (i > 0) {
			t.Errorf("row %d is taken apart by its bytes: %v", i, ok)
		}
		if _, _, err := of.take(r); err != nil {
			t.Fatal(err)
		}
	}
	r := &batch.Request{Model: "m", Body: []byte(body(`"say"`, `"a"`, "")), Media: make([]batch.Media, 1)}
	if _, _, err := of.take(r); err == nil {
		t.Error("a request with media is taken apart")
	}
}
