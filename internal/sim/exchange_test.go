package sim

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestResponseIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		s := New(Config{})
		for range 100 {
			seen[read(t, call(s, flash, ask("hi", ""))).ID] = true
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d different ids of 200", len(seen))
	}
}

func TestBodyLimit(t *testing.T) {
	large := bytes.Repeat([]byte(" "), gatewayBodyLimit+1)
	for _, tt := range []struct {
		dialect Dialect
		want    int
	}{{YEScale, 413}, {Google, 400}} { // all spaces: no JSON, but not too large for Google
		w := do(New(Config{Dialect: tt.dialect}), "POST", flash, large, keyHeader, "k")
		if w.Code != tt.want || strings.Contains(w.Body.String(), "exceeds the limit") != (tt.want == 413) {
			t.Errorf("%s: %d %s", tt.dialect, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest("POST", flash, endless{})
	r.Header.Set(keyHeader, "k")
	r.ContentLength = bodyLimit + 1
	w := httptest.NewRecorder()
	New(Config{}).ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "Request payload size exceeds the limit: 104857600 bytes.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// endless is a body of spaces that nobody should read to its end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}
