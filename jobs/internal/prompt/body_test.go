package prompt

import (
	"bytes"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// Whatever the rows hold, a body has the same text whether its segments are joined or
// text/template makes it, and where the template says so it is canonical: its
// fingerprint is then taken without looking at it.
func TestBodies(t *testing.T) {
	const text = `classify: {text: "{{.a}} by {{.n}}", labels: {good: "praises & <thanks>", bad: ""}}` + "\n"
	for name, c := range map[string]struct {
		job       string
		canonical bool
	}{
		"prompt":            {`prompt: "{{.a}}{{.n}}"` + "\n" + `system: "Be \"short\", {{.a}}"`, true},
		"no column":         {`prompt: "hello"`, true},
		"other template":    {`prompt: "{{.a | upper}}"`, true},
		"classify":          {text, true},
		"summarize":         {`summarize: {text: "{{.a}}", words: 9}`, true},
		"request":           {`prompt: "{{.a}}"` + "\n" + `request: {generationConfig: {temperature: 0, thinkingConfig: {thinkingBudget: 0}}, labels: {b: x, a: y}}`, true},
		"snake case":        {`prompt: "{{.a}}"` + "\n" + `request: {generation_config: {thinking_config: {thinking_budget: 0}}}`, false},
		"escapes of Go":     {`prompt: "{{.a}}"` + "\n" + `request: {labels: {a: "\u2028"}}`, false},
		"order of RFC 8785": {`prompt: "{{.a}}"` + "\n" + `request: {labels: {"\uffff": x, "\U0001f600": y}}`, false},
		"media":             {`prompt: "{{.a}}"` + "\n" + `request: {systemInstruction: {parts: [{inlineData: {mimeType: image/png, data: dGV4dA==}}]}}`, false},
	} {
		k, err := newKind(job{jobtest.Load(t, c.job), Wording})
		if err != nil {
			t.Fatal(name, err)
		}
		if k.body.canonical != c.canonical {
			t.Errorf("%s: canonical is %t", name, k.body.canonical)
		}
		for _, a := range []string{"", "plain", "dGV4dA==", "\"\\\b\f\n\r\t\x00\x1f\x7f/<>&'", "é\u2028\u2029\ufffd😀"} {
			r := jobtest.Row("a", a, "n", "1.50")
			got, err := k.render(r, "m")
			if err != nil {
				t.Fatal(name, err)
			}
			var want []byte
			for i, slot := range k.body.slots {
				text, err := slot.Render(r)
				if err != nil {
					t.Fatal(name, err)
				}
				want = apijson.AppendString(append(want, k.body.fixed[i]...), text)
			}
			want = append(want, k.body.fixed[len(k.body.slots)]...)
			if !bytes.Equal(got, want) {
				t.Errorf("%s: the body is\n%s, and by its texts\n%s", name, got, want)
			}
			canonical, err := batch.Canonical(got)
			if err != nil || c.canonical && !bytes.Equal(canonical, got) {
				t.Errorf("%s: the body\n%s is in canonical form\n%s, %v", name, got, canonical, err)
			}
			f, err := batch.FingerprintOf("m", got)
			if quick := batch.FingerprintOfCanonical("models/m", canonical); err != nil || quick != f {
				t.Errorf("%s: the fingerprint is %v, and of the canonical form %v, %v", name, f, quick, err)
			}
		}
	}
}
