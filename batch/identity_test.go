package batch

import (
	"strings"
	"testing"
)

func TestFingerprintOf(t *testing.T) {
	const base = `{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"temperature":0.50,"maxOutputTokens":9}}`
	tests := []struct {
		name, body string
		same       bool
	}{
		{"itself", base, true},
		{"white space and order", ` { "generationConfig" : {"maxOutputTokens":9,"temperature":0.50},
			"contents":[{"parts":[{"text":"hi"}],"role":"user"}]} `, true},
		{"snake_case", `{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generation_config":{"temperature":0.50,"max_output_tokens":9}}`, true},
		{"escapes", `{"contents":[{"role":"user","parts":[{"text":"\u0068i"}]}],"generationConfig":{"temperature":0.50,"maxOutputTokens":9}}`, true},
		{"other text", strings.Replace(base, "hi", "ho", 1), false},
		{"a number written otherwise", strings.Replace(base, "0.50", "0.5", 1), false},
		{"another order of parts", `{"contents":[{"role":"user","parts":[{"text":"h"},{"text":"i"}]}]}`, false},
	}
	want, err := FingerprintOf("gemini-2.5-flash", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		got, err := FingerprintOf("models/gemini-2.5-flash", []byte(tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if (got == want) != tt.same {
			t.Errorf("%s: same fingerprint is %v, want %v", tt.name, got == want, tt.same)
		}
	}
	if other, _ := FingerprintOf("gemini-2.5-pro", []byte(base)); other == want {
		t.Error("the model is no part of the fingerprint")
	}
}

// The names that a user chose must not be folded: two requests that differ only
// in them are two requests.
func TestFingerprintKeepsUserNames(t *testing.T) {
	for _, body := range []string{
		`{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"NAME":1}}}]}]}`,
		`{"generationConfig":{"responseJsonSchema":{"properties":{"NAME":{}}}}}`,
		`{"generationConfig":{"responseSchema":{"properties":{"NAME":{}}}}}`,
		`{"labels":{"NAME":"x"}}`,
	} {
		snake, err1 := FingerprintOf("m", []byte(strings.ReplaceAll(body, "NAME", "mime_type")))
		camel, err2 := FingerprintOf("m", []byte(strings.ReplaceAll(body, "NAME", "mimeType")))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if snake == camel {
			t.Errorf("%s: a name of the user's was folded", body)
		}
	}
	// Inside a schema's properties the API's own names are folded again.
	a, _ := FingerprintOf("m", []byte(`{"generationConfig":{"responseSchema":{"properties":{"a":{"min_items":1}}}}}`))
	b, _ := FingerprintOf("m", []byte(`{"generation_config":{"response_schema":{"properties":{"a":{"minItems":1}}}}}`))
	if a != b {
		t.Error("a schema field below properties was not folded")
	}
}

func TestFingerprintMedia(t *testing.T) {
	body := `{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"DATA"}}]}]}`
	of := func(data string) Fingerprint {
		f, err := FingerprintOf("m", []byte(strings.Replace(body, "DATA", data, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	if of("+/8=") != of("-_8") {
		t.Error("the two alphabets of base64 give two fingerprints")
	}
	if of("+/8=") == of("+/4=") {
		t.Error("other media gives the same fingerprint")
	}
}

func TestFingerprintErrors(t *testing.T) {
	for body, want := range map[string]string{
		``:                             "JSON object",
		`[]`:                           "JSON object",
		`{"contents":[}`:               "not valid JSON",
		`{"contents":[]`:               "not valid JSON",
		`{"contents":[]} x`:            "after",
		`{"a":1,"a":2}`:                `"a" twice`,
		`{"topP":1,"top_p":2}`:         `"topP" twice`,
		`{"labels":{"a":"1","a":"2"}}`: `"a" twice`,
	} {
		if _, err := FingerprintOf("m", []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", body, err, want)
		}
	}
}

func TestFingerprintText(t *testing.T) {
	f, err := FingerprintOf("m", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := f.MarshalText()
	var g Fingerprint
	if err := g.UnmarshalText(text); err != nil || g != f {
		t.Errorf("%s reads back as %s, %v", text, g, err)
	}
	if err := g.UnmarshalText(text[1:]); err == nil {
		t.Error("a short fingerprint is read")
	}
}
