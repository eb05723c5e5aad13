package journal

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// fill gives every field of v a value of its own, unless it does not know the field's type.
func fill(t *testing.T, v reflect.Value, n *int64) {
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Date(2026, 1, 2, 3, 4, 5, int(*n), time.FixedZone("", 3600))
		return
	case *batch.Fingerprint:
		x[3] = byte(*n)
		return
	case *json.RawMessage:
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("a \"text\" of é\n" + time.Duration(*n).String())
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	default:
		t.Fatalf("what is a %s in a result?", v.Type())
	}
}

func encoded(t testing.TB, r *batch.Result) []byte {
	t.Helper()
	var e encoder
	if err := e.add(r, head{seq: r.Seq}, r.Response); err != nil {
		t.Fatal(err)
	}
	body, ok := durable.VerifySum(e.buf[:len(e.buf)-1])
	if !ok {
		t.Fatalf("bad sum: %s", e.buf)
	}
	return body
}

// plain reports whether decodePlain has read a whole body.
func plain(body []byte, r *batch.Result) bool {
	rest, ok := decodePlain(body, r)
	return ok && len(rest) == 0
}

func TestPlainLines(t *testing.T) {
	var full batch.Result
	var n int64
	fill(t, reflect.ValueOf(&full).Elem(), &n)
	full.Status = batch.Blocked
	results := []*batch.Result{&full, {Seq: 1, Status: batch.Failed}, {Seq: 2, Key: "a \"text\"", Status: batch.OK, Spent: []batch.Spend{{Usage: &batch.Usage{
		TotalTokenCount: 1, PromptTokensDetails: []batch.ModalityTokens{{Modality: "TEXT"}}}}, {Most: &batch.Usage{}}, {}}}}
	for _, r := range results {
		line := encoded(t, r)
		var got, want batch.Result
		if !plain(line, &got) {
			t.Errorf("left to encoding/json: is a field missing in plain.go? %s", line)
		}
		if err := json.Unmarshal(append(bytes.Clone(line), '}'), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", line, got, want)
		}
		for _, used := range results { // what the result held before must leave no trace
			if !plain(encoded(t, used), &got) || !plain(line, &got) || !reflect.DeepEqual(got, want) {
				t.Errorf("%s after %+v:\n got %+v\nwant %+v", line, used, got, want)
			}
		}
	}
	for _, line := range []string{``, `{"seq":1`, `{"seq":1,"other":2}`, `{"seq":"1"}`, `{"spent":[{"other":1}]}`, `{"at":"yesterday"}`, `{"fingerprint":"12"}`,
		`{"fingerprint":` + strings.Repeat("1", 34) + `}`} {
		if plain([]byte(line), new(batch.Result)) {
			t.Errorf("%s was read, and is to be left to encoding/json", line)
		}
	}
}

func FuzzPlainLines(f *testing.F) {
	f.Add(encoded(f, &batch.Result{Seq: 1, Key: "k", Status: batch.OK, Attempts: 2, Shared: 1, Part: "bcd",
		Spent: []batch.Spend{{Usage: &batch.Usage{TotalTokenCount: 1}, Share: batch.Share{Row: 1, Of: 3}}}}))
	f.Fuzz(func(t *testing.T, line []byte) {
		var got, want batch.Result
		if !plain(line, &got) {
			return
		}
		if err := json.Unmarshal(append(bytes.Clone(line), '}'), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v (%v)", line, got, want, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	line := encoded(b, &batch.Result{
		Seq: 12, Row: 12, Status: batch.OK, Endpoint: "google", Model: "gemini-2.5-flash", ModelVersion: "gemini-2.5-flash",
		ResponseID: "kq3xaLDoHcTY1PIPrtnKoAE", FinishReason: "STOP", At: time.Now(), LatencyMS: 1200, Attempts: 1,
		Spent: []batch.Spend{{At: time.Now(), Model: "gemini-2.5-flash", Usage: &batch.Usage{PromptTokenCount: 312, CandidatesTokenCount: 187,
			TotalTokenCount: 499, PromptTokensDetails: []batch.ModalityTokens{{Modality: "TEXT", TokenCount: 312}}}}},
	})
	b.Run("plain", func(b *testing.B) {
		var r batch.Result // reused, as by a Reader
		b.ReportAllocs()
		for b.Loop() {
			if !plain(line, &r) {
				b.Fatal(string(line))
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := json.Unmarshal(append(bytes.Clone(line), '}'), new(batch.Result)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
