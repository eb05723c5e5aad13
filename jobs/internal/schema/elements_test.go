package schema

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// decoded is Elements by the decoder of encoding/json.
func decoded(text string) (elements []string, whole bool) {
	for at := 0; ; {
		next := strings.IndexByte(text[at:], '[')
		if next < 0 {
			return elements, whole
		}
		if at += next; !beginsList(text[at:]) {
			at++
			continue
		}
		d := json.NewDecoder(strings.NewReader(text[at:]))
		if _, err := d.Token(); err != nil {
			return elements, false
		}
		for d.More() {
			var e json.RawMessage
			if d.Decode(&e) != nil {
				return elements, false
			}
			elements = append(elements, string(e))
		}
		if _, err := d.Token(); err != nil {
			return elements, false
		}
		whole = true
		at += int(d.InputOffset())
	}
}

// checkElements compares the objects. Before a fault in the list, a decoder also takes a number that
// runs into it.
func checkElements(t *testing.T, text string) {
	t.Helper()
	want, wantWhole := decoded(text)
	found, whole := Elements(text)
	var got []string
	for _, e := range found {
		got = append(got, string(e))
	}
	if other := func(e string) bool { return e[0] != '{' }; !wantWhole {
		want, got = slices.DeleteFunc(want, other), slices.DeleteFunc(got, other)
	}
	if !slices.Equal(got, want) || whole != wantWhole {
		t.Errorf("%q: %q, whole %v, and by encoding/json %q, %v", text, got, whole, want, wantWhole)
	}
}

// answersOfPacks are the seeds of what Elements is held to encoding/json with.
var answersOfPacks = []string{
	`[{"id":"bcd","answer":"a, \"b\" ]}"},{"id":"fgh","answer":{"n":[1,2.5e3,{"x":null}],"s":"\\"}} , {"id":"jkl","answer":true}]`,
	"Here:\n```json\n{ \"answers\" : [\n {\"id\":\"bcd\",\"answer\":\"ü\"}, 7 , null,[], [ ] ,\"x\"\n] }\n``` and [1] {\"x\":[{\"y\":1}]}",
	`[] [ {"a":{}},{}, -1, 0x, "\u00e9" ]`,
}

func TestElements(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 3))
	const bytes = "[]{},:\"\\ \n1ae-"
	for _, text := range answersOfPacks {
		for cut := range len(text) + 1 {
			checkElements(t, text[:cut])
			checkElements(t, text[cut:])
		}
		for range 20_000 {
			b := []byte(text)
			for range 1 + r.IntN(3) {
				i, c := r.IntN(len(b)), bytes[r.IntN(len(bytes))]
				switch r.IntN(3) {
				case 0:
					b[i] = c
				case 1:
					b = slices.Insert(b, i, c)
				default:
					b = slices.Delete(b, i, i+1)
				}
			}
			checkElements(t, string(b))
			if t.Failed() {
				return
			}
		}
	}
}

func FuzzElements(f *testing.F) {
	for _, text := range answersOfPacks {
		f.Add(text)
	}
	f.Fuzz(checkElements)
}
