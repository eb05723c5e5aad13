package reader

import (
	"fmt"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/message"
)

// Compressed files come in several members, with padding, and cut short.
func TestCompressedMembers(t *testing.T) {
	const one, two = "{\"a\":1}\n", "{\"a\":2}\n"
	const skippable = "\x52\x2a\x4d\x18\x03\x00\x00\x00abc"
	zeros := strings.Repeat("\x00", 1000)
	for name, compress := range map[string]func(string) string{"a.jsonl.gz": func(s string) string { return gzipped(s) }, "a.jsonl.zst": zstded} {
		a, b := compress(one), compress(two)
		tests := []struct {
			name, in string
			rows     int
			fault    string
		}{
			{"one", a, 1, ""},
			{"two", a + b, 2, ""},
			{"a line over two", compress(one[:4]) + compress(one[4:]+two), 2, ""},
			{"an empty one between", a + compress("") + b, 2, ""},
			{"padded", a + zeros, 1, ""},
			{"padded to four", a + zeros[:4], 1, ""},
			{"two, padded", a + b + zeros, 2, ""},
			{"cut short", a + b[:len(b)-3], 2, "cut short"},
			{"cut in its head", a + b[:5], 1, "cut short"},
			{"something behind", a + "some more text", 1, "follow the compressed data"},
			{"something behind the padding", a + zeros + "x" + zeros, 1, "follow the compressed data"},
		}
		if strings.HasSuffix(name, ".zst") {
			tests = append(tests, []struct {
				name, in string
				rows     int
				fault    string
			}{
				{"skippable first", skippable + a, 1, ""},
				{"skippable between and last", a + skippable + b + skippable, 2, ""},
				{"skippable, padded", a + skippable + zeros, 1, ""},
			}...)
		}
		if strings.HasSuffix(name, ".gz") {
			tests = append(tests, []struct {
				name, in string
				rows     int
				fault    string
			}{
				{"one byte behind", a + "x", 1, "follow the compressed data"},
				{"what begins like a member behind", a + "\x1f\x8bsome more text", 1, "follow the compressed data"},
				{"the first byte of a member behind", a + b[:1], 1, "cut short"},
				{"a sum that is wrong", a[:len(a)-8] + "\x00" + a[len(a)-7:], 1, "the gzip data is damaged, and some rows"},
			}...)
		}
		for _, tt := range tests {
			t.Run(fmt.Sprint(name, " ", tt.name), func(t *testing.T) {
				rows, err := all(open(t, Config{}, write(t, name, tt.in)))
				if tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
					t.Errorf("error %v, want %q", err, tt.fault)
				}
				if err != nil && strings.Count(message.Plain(err), "too early") > 1 {
					t.Errorf("%q says it twice", message.Plain(err))
				}
				if len(rows) != tt.rows && err == nil || len(rows) > tt.rows {
					t.Errorf("%d rows, want %d", len(rows), tt.rows)
				}
			})
		}
	}
	for _, name := range []string{"z.jsonl.gz", "z.jsonl.zst"} {
		if in, err := Open(Config{Paths: []string{write(t, name, zeros)}}); err == nil {
			if rows, err := all(in); err == nil {
				t.Errorf("%s holds zeros alone, and was read as %d rows", name, len(rows))
			}
		}
	}
}
