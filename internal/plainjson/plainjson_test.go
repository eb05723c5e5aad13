package plainjson_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/genbatch/genbatch/internal/plainjson"
)

// sample is what the tests read, with a Scanner and with encoding/json.
type sample struct {
	Name string   `json:"name"`
	Size int64    `json:"size"`
	Good bool     `json:"good"`
	List []string `json:"list"`
	In   struct {
		Deep string `json:"deep"`
	} `json:"in"`
}

func scan(text []byte) (v sample, compact []byte, ok bool) {
	s := plainjson.New(text)
	s.Object([]string{"name", "size", "good", "list", "in"}, func(name int) {
		switch name {
		case 0:
			v.Name = s.String()
		case 1:
			v.Size = s.Int()
		case 2:
			v.Good = s.Bool()
		case 3:
			v.List = []string{}
			s.Array(func() { v.List = append(v.List, s.String()) })
		case 4:
			s.Object([]string{"deep"}, func(int) { v.In.Deep = s.String() })
		}
	})
	if ok = s.Plain(); ok {
		compact = s.Compact()
	}
	return v, compact, ok
}

var plain = []string{
	`{}`,
	`{"name":"a","size":12,"good":true,"list":["x","y"],"in":{"deep":"z"}}`,
	" {\n  \"name\" : \"caf\u00e9 \\u00e9 \\ud83d\\ude00 \\n\\/\",\r\n\t\"size\" : 0 , \"list\" : [ ] }\n",
	`{"other":{"a":[1,-2.5e+3,null,true,false,"\"",{}],"b":{"name":1}},"good":false}`,
	`{"name":"half of a pair: \ud800, and then \ud800\u0041"}`,
	`{"size":999999999999999}`,
	`{"name":"a longer text, of which eight bytes at a time are looked at, \"and\" its \\ \u0041 end","in":{"deep":"sixteen letters!"}}`,
	`{"name":"žluťoučký kůň úpěl ďábelské ódy","list":["12345678","1234567","123456789",""]}`,
}

// odd holds texts that must be left to encoding/json, whatever it makes of them.
var odd = []string{
	``, `null`, `[]`, `"a"`, `{`, `{"name":"a"`, `{"name":"a",}`, `{"name" "a"}`, `{"name":"a"}x`, `{"name":"a"}{}`,
	`{"name":null}`, `{"name":1}`, `{"size":"1"}`, `{"size":-1}`, `{"size":1.0}`, `{"size":1e3}`, `{"size":01}`, `{"size":9999999999999999}`,
	`{"good":1}`, `{"list":{}}`, `{"list":[1]}`, `{"in":[]}`, `{"list":["a",]}`,
	`{"Name":"a"}`, `{"NAME":"a"}`, `{"n\u0061me":"a"}`, "{\"li\u017ft\":[]}",
	`{"name":"a","name":"b"}`,
	"{\"name\":\"\xff\"}", "{\"name\":\"a\nb\"}", "{\"name\":\"0123456\x1f89012345\"}", "{\"name\":\"01234567\x00\"}", `{"name":"\x"}`, `{"name":"\u12g4"}`,
	`{"other":01}`, `{"other":1.}`, `{"other":-}`, `{"other":1e}`, `{"other":nul}`, `{"other":[1 2]}`, `{"other":{"a"}}`, `{"other":"\q"}`,
}

func TestPlain(t *testing.T) {
	for _, text := range plain {
		check(t, []byte(text), true)
	}
}

func TestOdd(t *testing.T) {
	for _, text := range odd {
		if _, _, ok := scan([]byte(text)); ok {
			t.Errorf("%q was read, and is to be left to encoding/json", text)
		}
	}
	deep := bytes.Repeat([]byte("["), 200)
	if _, _, ok := scan(append(append([]byte(`{"other":`), deep...), append(bytes.Repeat([]byte("]"), 200), '}')...)); ok {
		t.Error("200 arrays inside each other were read")
	}
}

func check(t *testing.T, text []byte, must bool) {
	got, compact, ok := scan(text)
	if !ok {
		if must {
			t.Errorf("%q was left to encoding/json", text)
		}
		return
	}
	var want sample
	if err := json.Unmarshal(text, &want); err != nil {
		t.Errorf("%q was read, and encoding/json says: %v", text, err)
	} else if !reflect.DeepEqual(got, want) {
		t.Errorf("%q is %+v, and for encoding/json %+v", text, got, want)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil || !bytes.Equal(b.Bytes(), compact) {
		t.Errorf("%q is compact %q, and for encoding/json %q (%v)", text, compact, b.Bytes(), err)
	}
}

func FuzzScanner(f *testing.F) {
	for _, text := range append(plain, odd...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text, false) })
}
