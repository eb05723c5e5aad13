package sim

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Whatever the body, the answer is JSON and comes without a panic.
func FuzzGenerate(f *testing.F) {
	f.Add(ask("hi", ""))
	f.Add(`{"contents":{"parts":[{"text":"Summarize in 0 sentences: a. B. c"}]}}`)
	f.Add(ask("x", `"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":["null"],"enum":[],"items":5,"$ref":"#/a/b"}}`))
	f.Add(ask("é", `"generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"enum":["é",""]},"maxOutputTokens":1,"responseLogprobs":true,"logprobs":5,"thinkingConfig":{"thinkingBudget":0}}`))
	f.Add(ask("7 -1e300 12", `"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"array","minItems":2,"maxItems":1,"items":{"type":"integer","minimum":5,"maximum":2,"multipleOf":3}}}`))
	f.Add(ask("a", `"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"number","minimum":-1e308,"maximum":1e308}}`))
	f.Add(`{"contents":[null,{"parts":[null]}],"generation_config":null}`)
	f.Add(ask("call f at 3 / 0, see https://a.example/x", `"tools":[{"functionDeclarations":[{"name":"f","parameters":{"properties":{"a":{"type":"STRING","pattern":"^[^a]*(b|$)"}}}}]},{"codeExecution":{}},{"urlContext":{}},{"googleSearch":{}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"},"includeServerSideToolInvocations":true}`))
	f.Add(`{"contents":[{"parts":[{"inlineData":{"mimeType":"video/mp4","data":"AAAA"},"videoMetadata":{"fps":1e300,"startOffset":"9s","endOffset":"1s"}},{"fileData":{"fileUri":"https://a/files/"}},{"functionResponse":{"name":1}}]}],"generationConfig":{"candidateCount":8,"mediaResolution":5}}`)
	f.Add(ask("Sort by topic.\n- e-mail: letters, e.g. by post\n- e: \n\nAn e-mail", `"generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["e-mail","e","E E","\n","::","é"]}}`))
	s := New(Config{})
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, directiveMark) {
			t.Skip("faults break answers, and may wait")
		}
		for _, path := range []string{flash, "/v1beta/models/gemini-2.5-flash:streamGenerateContent", "/v1beta/models/gemini-2.5-flash:countTokens",
			imageModel, ttsModel, flash3} {
			if w := call(s, path, body); !json.Valid(w.Body.Bytes()) || w.Code == http.StatusInternalServerError {
				t.Errorf("%s\nanswers %d %s", body, w.Code, w.Body)
			}
		}
	})
}
