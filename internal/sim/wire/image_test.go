package wire

import "testing"

func TestImageSizeSpelling(t *testing.T) {
	for _, d := range Dialects {
		want := 400
		if d == GPTProto {
			want = 200
		}
		got := 200
		_, e := check(t, d, imageModel, ask("x", `"generationConfig":{"imageConfig":{"imageSize":"1k"}}`))
		if e != nil {
			got = e.HTTPStatus
		}
		if got != want {
			t.Errorf("%s: 1k: %d %+v, want %d", d, got, e, want)
		}
	}
}
