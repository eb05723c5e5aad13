package redact

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestString(t *testing.T) {
	r := New("s3cret/key+1", "abc")
	tests := []struct{ name, in, want string }{
		{"exact", "bad s3cret/key+1 here", "bad [redacted] here"},
		{"in a query", "Get https://x/?q=s3cret%2Fkey%2B1: EOF", "Get https://x/?q=[redacted]: EOF"},
		{"in a path", "https://x/s3cret%2Fkey+1/y", "https://x/[redacted]/y"},
		{"a secret too short to search for", "abcdef", "abcdef"},
		{"standard key", "Consumer 'api_key:AIzaSyA1234567890abcdef' has been suspended.", "Consumer 'api_key:[redacted]' has been suspended."},
		{"new key", "key AQ.Ab8RN6Lxxxxxxxxxxx_y-z is bad", "key [redacted] is bad"},
		{"gateway key", "[sk-h6L***rYK] used up", "[[redacted]] used up"},
		{"not a key", "risk-adjusted, task-force", "risk-adjusted, task-force"},
		{"access token", "token ya29.a0AfH6SMBxyz/abc expired", "token [redacted] expired"},
		{"query parameter", "https://h/v1beta/m:generateContent?key=whatever&alt=sse", "https://h/v1beta/m:generateContent?key=[redacted]&alt=sse"},
		{"bearer", "Authorization: Bearer abcdefghijklmnop.qrs", "Authorization: Bearer [redacted]"},
		{"a word after bearer", "uses Bearer authentication", "uses Bearer authentication"},
		{"named", `"api_key": "hunter2hunter2"`, `"api_key": "[redacted]"`},
		{"debug detail", "Invalid API key: key1234", "Invalid API key: [redacted]"},
		{"sentence", "API key not valid. Please pass a valid API key.", "API key not valid. Please pass a valid API key."},
		{"proxy", "proxy http://me:pass@proxy:3128 refused", "proxy http://[redacted]@proxy:3128 refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.String(tt.in); got != tt.want {
				t.Errorf("String(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestZero(t *testing.T) {
	for _, r := range []*Redactor{nil, {}, New(), New("")} {
		if got := r.String("key=abc plain"); got != "key=[redacted] plain" {
			t.Errorf("String = %q", got)
		}
	}
}

func TestLine(t *testing.T) {
	r := New("topsecretkey")
	tests := []struct {
		name, in string
		limit    int
		want     string
	}{
		{"space and control", " a\r\n\tb\x00\x1b[31m\u202ec ", 100, "a b [31m c"},
		{"cut at a rune", "ééééé", 8, "éé…"},
		{"just fits", "abcdef", 6, "abcdef"},
		{"no room", "abcdef", 3, ""},
		{"bad bytes", "a\xffb", 10, "a\uFFFDb"},
		{"huge", strings.Repeat("ab ", 1<<20), 9, "ab ab…"},
		{"a secret at the limit leaves no half", "xxxx topsecretkey", 12, "xxxx [red…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := r.Line(tt.in, tt.limit)
			if got != tt.want {
				t.Errorf("Line = %q, want %q", got, tt.want)
			}
			if len(got) > tt.limit || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r") {
				t.Errorf("Line = %q breaks its promise", got)
			}
		})
	}
}

func TestBody(t *testing.T) {
	r := New("a-key/of-16-bytes", "dummy")
	for _, tt := range []struct{ name, in, want string }{
		{"exact", `{"text":"a-key/of-16-bytes"}`, `{"text":"[redacted]"}`},
		{"JSON", `{"text":"a-key\/of-16-bytes"}`, `{"text":"[redacted]"}`},
		{"in an address", `{"text":"?key=a-key%2Fof-16-bytes"}`, `{"text":"?key=[redacted]"}`},
		{"a key that may be a word", `{"text":"a dummy"}`, `{"text":"a dummy"}`},
		{"what only looks like one", `{"text":"password=hunter2 AIzaSyA1234567890abcdef"}`, `{"text":"password=hunter2 AIzaSyA1234567890abcdef"}`},
	} {
		in := []byte(tt.in)
		if got := string(r.Body(in)); got != tt.want || string(in) != tt.in {
			t.Errorf("%s: Body = %s of %s, want %s", tt.name, got, in, tt.want)
		}
	}
	if got := string((*Redactor)(nil).Body([]byte("x"))); got != "x" {
		t.Errorf("Body = %s", got)
	}
}
