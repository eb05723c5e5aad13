package batch

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// FuzzFingerprintOf holds the fingerprint against encoding/json: what is one JSON
// object has one, unless it gives a field twice, and what is not has none. Then it
// writes the same body in other ways, none of which may change the fingerprint.
func FuzzFingerprintOf(f *testing.F) {
	for _, body := range []string{
		`{}`, ` {"a" : [ ] , "b":{ } } `, `{"contents":[{"parts":[{"text":"a\n\"b\"\\ \/ \u00e9 é 😀 \ud83d\ude00"}]}]}`,
		`{"a":-0.10e+05,"b":[true,false,null,0,1E400]}`, `{"a":1,"a":1}`, `{"max_output_tokens":1,"maxOutputTokens":2}`,
		`{"\u006dax_items":1,"lone":"\ud800","\udc00x":"\u0000"}`, `{"z":1,"y":{"é":1,"😀":2,"ﬀ":3},"":0}`,
		`{"inlineData":{"data":"-_8=","mime_type":"x"}}`, `{"labels":{"a_b":{"top_p":1}}}`,
		`{`, `{}}`, `{}x`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,"a":1}`, `{"a" 1}`, `{a:1}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`,
		`{"a":01}`, `{"a":1.}`, `{"a":+1}`, `{"a":.5}`, `{"a":nul}`, `{"a":"` + "\x01" + `"}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"`, `{"a":"\`,
		"{}\x00", "{\x00}", "{\"a\":1\x00}", "{\"a\":\"\xff\"}", `{"a":1"b"}`, `[]`, ``,
		`{"a":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`,
		`{"a":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`,
		strings.Repeat(`{"a":`, 20000),
	} {
		f.Add([]byte(body), uint64(len(body)))
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		want, err := FingerprintOf("m", body)
		isObject := json.Valid(body) && bytes.TrimLeft(body, " \t\r\n")[0] == '{'
		if err != nil {
			if isObject && !strings.Contains(err.Error(), "twice") {
				t.Fatalf("%q is a JSON object: %v", body, err)
			}
			return
		}
		if !isObject {
			t.Fatalf("%q is no JSON object, and has a fingerprint", body)
		}
		r := &rewriter{rand: rand.New(rand.NewPCG(seed, 1)), in: json.NewDecoder(bytes.NewReader(body))}
		r.in.UseNumber()
		var compact bytes.Buffer
		if err := json.Compact(&compact, body); err != nil {
			t.Fatal(err)
		}
		for _, other := range [][]byte{compact.Bytes(), r.value()} {
			got, err := FingerprintOf("models/m", other)
			if err != nil {
				t.Fatalf("%q, written as %q: %v", body, other, err)
			}
			if got != want {
				t.Fatalf("%q, written as %q, has another fingerprint", body, other)
			}
		}
	})
}

// A rewriter writes JSON in another way: members in another order, white space
// between all parts, characters as escapes.
type rewriter struct {
	rand *rand.Rand
	in   *json.Decoder
}

func (r *rewriter) value() []byte {
	token, _ := r.in.Token()
	switch v := token.(type) {
	case json.Delim:
		var items [][]byte
		for r.in.More() {
			item := r.value()
			if v == '{' {
				item = slices.Concat(item, r.space(), []byte{':'}, r.space(), r.value())
			}
			items = append(items, slices.Concat(r.space(), item, r.space()))
		}
		r.in.Token()
		if v == '[' {
			return slices.Concat([]byte{'['}, bytes.Join(items, []byte{','}), r.space(), []byte{']'})
		}
		r.rand.Shuffle(len(items), func(i, k int) { items[i], items[k] = items[k], items[i] })
		return slices.Concat([]byte{'{'}, bytes.Join(items, []byte{','}), r.space(), []byte{'}'})
	case string:
		return r.text(v)
	case json.Number:
		return []byte(v)
	}
	text, _ := json.Marshal(token)
	return text
}

func (r *rewriter) space() []byte {
	return []byte([]string{"", " ", "\n", "\r\n\t"}[r.rand.IntN(4)])
}

func (r *rewriter) text(s string) []byte {
	out := []byte{'"'}
	for _, c := range s {
		if r.rand.IntN(2) == 0 && c != '"' && c != '\\' && c >= 0x20 {
			out = append(out, string(c)...)
			continue
		}
		if c == '/' {
			out = append(out, `\/`...)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			const digits = "0123456789abcdefABCDEF"
			out = append(out, '\\', 'u')
			for shift := 12; shift >= 0; shift -= 4 {
				d := int(unit>>shift) & 15
				if d > 9 && r.rand.IntN(2) == 0 {
					d += 6
				}
				out = append(out, digits[d])
			}
		}
	}
	return append(out, '"')
}
