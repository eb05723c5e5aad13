package gemini

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/recordedtest"
)

// told returns the details as text, for comparison.
func told(d *Details) string {
	d.Media = slices.Clone(d.Media)
	var media []string
	for i := range d.Media {
		b, err := d.Media[i].Bytes()
		media = append(media, fmt.Sprintf("%s %q %v", d.Media[i].MIMEType, b, err))
	}
	text, err := json.Marshal(struct {
		C []string          `json:",omitempty"`
		M []string          `json:",omitempty"`
		X []Execution       `json:",omitempty"`
		Q []string          `json:",omitempty"`
		S []Source          `json:",omitempty"`
		P []json.RawMessage `json:",omitempty"`
		U []json.RawMessage `json:",omitempty"`
		R []json.RawMessage `json:",omitempty"`
		I []json.RawMessage `json:",omitempty"`
		L []json.RawMessage `json:",omitempty"`
		A *float64          `json:",omitempty"`
	}{d.Candidates, media, d.Code, d.SearchQueries, d.Sources, d.Supports, d.URLs, d.SafetyRatings, d.Citations, d.Logprobs, d.AvgLogprobs})
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(text), `\"`, `'`), `"`, `'`)
}

func TestParseDetails(t *testing.T) {
	parts := func(list string) string { return `{"candidates":[{"content":{"parts":[` + list + `]}}]}` }
	with := func(fields string) string {
		return `{"candidates":[{"content":{"parts":[{"text":"t"}]},` + fields + `}]}`
	}
	for _, tt := range []struct{ name, raw, want string }{
		{"text", parts(`{"text":"a"},{"text":"hm","thought":true},{"text":"b"}`), `{'C':['ab']}`},
		{"signature", parts(`{"text":"a","thoughtSignature":"QUJD"},{"text":"","thoughtSignature":"QUJD"}`), `{'C':['a']}`},
		{"image", parts(`{"text":"here"},{"inlineData":{"mimeType":"image/png","data":"UE5H"}}`), `{'C':['here'],'M':['image/png 'PNG' \u003cnil\u003e']}`},
		{"drafts of a thinking image model", parts(`{"thought":true,"inlineData":{"mimeType":"image/png","data":"UE5H"}},{"inlineData":{"mimeType":"image/png","data":"T0s"}}`), `{'C':[''],'M':['image/png 'OK' \u003cnil\u003e']}`},
		{"two images", parts(`{"inlineData":{"mimeType":"image/png","data":"QQ=="}},{"inlineData":{"mimeType":"image/jpeg","data":"_-8"}}`), `{'C':[''],'M':['image/png 'A' \u003cnil\u003e','image/jpeg '\\xff\\xef' \u003cnil\u003e']}`},
		{"not base64", parts(`{"inlineData":{"mimeType":"image/png","data":"!"}}`), `{'C':[''],'M':['image/png '' the answer's inlineData is not base64']}`},
		{
			"code", parts(`{"executableCode":{"language":"PYTHON","code":"1+1"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"2"}},{"executableCode":{"code":"1/0"}},{"codeExecutionResult":{"outcome":"OUTCOME_FAILED"}},{"text":"two"}`),
			`{'C':['two'],'X':[{'language':'PYTHON','code':'1+1','outcome':'OUTCOME_OK','output':'2'},{'code':'1/0','outcome':'OUTCOME_FAILED'}]}`,
		},
		{
			"code that runs side by side", parts(`{"executableCode":{"id":"a","code":"1"}},{"executableCode":{"id":"b","code":"2"}},{"codeExecutionResult":{"id":"a","outcome":"OUTCOME_OK","output":"one"}},{"codeExecutionResult":{"id":"b","outcome":"OUTCOME_OK","output":"two"}}`),
			`{'C':[''],'X':[{'id':'a','code':'1','outcome':'OUTCOME_OK','output':'one'},{'id':'b','code':'2','outcome':'OUTCOME_OK','output':'two'}]}`,
		},
		{"a result without its code", parts(`{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"2"}}`), `{'C':[''],'X':[{'code':'','outcome':'OUTCOME_OK','output':'2'}]}`},
		{
			"grounding", with(`"groundingMetadata":{"webSearchQueries":["a","b"],"groundingChunks":[{"web":{"uri":"https://a","title":"A"}},{"holo":{}},{"maps":{"uri":"https://m","title":"M","placeId":"p"}},{"image":{"sourceUri":"https://i","title":"I"}},{"retrievedContext":{"title":"doc","text":"said"}}],"groundingSupports":[{"segment":{"endIndex":1},"groundingChunkIndices":[0]}]}`),
			`{'C':['t'],'Q':['a','b'],'S':[{'uri':'https://a','title':'A'},{},{'uri':'https://m','title':'M'},{'uri':'https://i','title':'I'},{'title':'doc','text':'said'}],'P':[{'segment':{'endIndex':1},'groundingChunkIndices':[0]}]}`,
		},
		{"url context", with(`"urlContextMetadata":{"urlMetadata":[{"retrievedUrl":"https://u","urlRetrievalStatus":"URL_RETRIEVAL_STATUS_ERROR"}]}`), `{'C':['t'],'U':[{'retrievedUrl':'https://u','urlRetrievalStatus':'URL_RETRIEVAL_STATUS_ERROR'}]}`},
		{"logprobs", with(`"avgLogprobs":-0.5,"logprobsResult":{"chosenCandidates":[{"token":"t"}]}`), `{'C':['t'],'L':[{'chosenCandidates':[{'token':'t'}]}],'A':-0.5}`},
		{"logprobs, NaN", with(`"avgLogprobs":"NaN","logprobsResult":null`), `{'C':['t']}`},
		{"logprobs as text", with(`"avgLogprobs":"-1.5"`), `{'C':['t'],'A':-1.5}`},
		{"citations of Google AI", with(`"citationMetadata":{"citationSources":[{"uri":"u"}]}`), `{'C':['t'],'I':[{'uri':'u'}]}`},
		{"citations of Vertex AI", with(`"citationMetadata":{"citations":[{"uri":"u","license":""}]}`), `{'C':['t'],'I':[{'uri':'u','license':''}]}`},
		{"ratings", with(`"safetyRatings":[{"category":"c","probability":"LOW"}]`), `{'C':['t'],'R':[{'category':'c','probability':'LOW'}]}`},
		{"ratings of a blocked prompt", `{"promptFeedback":{"blockReason":"SAFETY","safetyRatings":[{"blocked":true}]}}`, `{'R':[{'blocked':true}]}`},
		{
			"candidates", `{"candidates":[{"index":0,"content":{"parts":[{"text":"x"}]},"avgLogprobs":-1},{"index":1,"content":{"parts":[{"text":"y"},{"inlineData":{"mimeType":"image/png","data":"QQ=="}}]},"avgLogprobs":-2}]}`,
			`{'C':['x','y'],'A':-1}`,
		},
		{"candidates without an index", `{"candidates":[{"content":{"parts":[{"text":"x"}]}},{"content":{"parts":[{"text":"y"}]}}]}`, `{'C':['x','y']}`},
		{"candidates out of order", `{"candidates":[{"index":1,"content":{"parts":[{"text":"y"}]}},{"index":0,"content":{"parts":[{"text":"x"}]}}]}`, `{'C':['x','y']}`},

		{
			"stream", `[` + parts(`{"text":"hm","thought":true},{"executableCode":{"code":"1"}}`) + `,` + parts(`{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}},{"text":"a"}`) + `,` +
				`{"candidates":[{"content":{"parts":[{"text":"b"}]},"avgLogprobs":-0.25,"logprobsResult":{"n":1},"groundingMetadata":{"webSearchQueries":["q"],"groundingChunks":[{"web":{"uri":"u"}}]}}]},` +
				`{"candidates":[{"finishReason":"STOP","groundingMetadata":{},"logprobsResult":{"n":2}}],"usageMetadata":{}}]`,
			`{'C':['ab'],'X':[{'code':'1','outcome':'OUTCOME_OK','output':'1'}],'Q':['q'],'S':[{'uri':'u'}],'L':[{'n':1},{'n':2}],'A':-0.25}`,
		},
		{
			"citations that a stream goes on with", `[` + with(`"citationMetadata":{"citationSources":[{"uri":"a"}]}`) + `,` + with(`"citationMetadata":{"citationSources":[{"uri":"a"},{"uri":"b"}]}`) + `,` + with(`"citationMetadata":{"citationSources":[{"uri":"c"}]}`) + `]`,
			`{'C':['ttt'],'I':[{'uri':'a'},{'uri':'b'},{'uri':'c'}]}`,
		},
		{
			"candidates of a stream", `[{"candidates":[{"index":0,"content":{"parts":[{"text":"x"}]}}]},{"candidates":[{"index":1,"content":{"parts":[{"text":"y"}]}}]},{"candidates":[{"index":0,"content":{"parts":[{"text":"z"}]}}]}]`,
			`{'C':['xz','y']}`,
		},
		{"image in a stream", `[` + parts(`{"text":"see "}`) + `,` + parts(`{"inlineData":{"mimeType":"audio/L16","data":"QQ=="}}`) + `,` + parts(`{"inlineData":{"mimeType":"audio/L16","data":"Qg=="}}`) + `]`, `{'C':['see '],'M':['audio/L16 'A' \u003cnil\u003e','audio/L16 'B' \u003cnil\u003e']}`},

		{"nothing", ``, `{}`},
		{"no JSON", `oops`, `{}`},
		{"a text", `"x"`, `{}`},
		{"null", `null`, `{}`},
		{"other types", `{"candidates":{"a":1},"promptFeedback":7}`, `{}`},
		{"other types within", `{"candidates":[7,{"content":[1]},{"index":"x","content":{"parts":[{"text":5,"inlineData":"x"},null,{"text":"ok"}]},"safetyRatings":"none","groundingMetadata":[],"logprobsResult":"?"}]}`, `{'C':['ok','']}`},
		{"a wild index", `{"candidates":[{"index":99999999,"content":{"parts":[{"text":"x"}]}}]}`, `{}`},
		{"queries that are no texts", with(`"groundingMetadata":{"webSearchQueries":[{"q":1},"b"],"groundingChunks":[null,7,{"web":"x"}]}`), `{'C':['t'],'Q':['','b'],'S':[{},{},{}]}`},
	} {
		if got := told(ParseDetails(json.RawMessage(tt.raw))); got != tt.want {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.want)
		}
	}
}

// Searches that have a fee beside the tokens are counted. What only looks like one is not.
func TestSearches(t *testing.T) {
	const usage = `,"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}`
	grounded := func(fields string) string { return `{"candidates":[{` + fields + `}]` + usage + `}` }
	for _, tt := range []struct {
		name, raw      string
		searches, maps int64
	}{
		{"none", grounded(`"finishReason":"STOP"`), 0, 0},
		{"queries", grounded(`"groundingMetadata":{"webSearchQueries":["a","b"],"groundingChunks":[{"web":{"uri":"u"}}]}`), 2, 0},
		{"the same query twice", grounded(`"groundingMetadata":{"webSearchQueries":["a","a"]}`), 2, 0},
		{"empty queries", grounded(`"groundingMetadata":{"webSearchQueries":["",""]}`), 0, 0},
		{"images too", grounded(`"groundingMetadata":{"webSearchQueries":["a"],"imageSearchQueries":["a"]}`), 2, 0},
		{"pages without queries", grounded(`"groundingMetadata":{"groundingChunks":[{"web":{}},{"web":{}}]}`), 1, 0},
		{"pages that were named (recorded)", grounded(`"groundingMetadata":{"groundingChunks":[{"web":{}}]},"urlContextMetadata":{"urlMetadata":[]}`), 0, 0},
		{"pages that were named, and a search", grounded(`"groundingMetadata":{"webSearchQueries":["a"],"groundingChunks":[{"web":{}}]},"urlContextMetadata":{}`), 1, 0},
		{"file search (recorded)", grounded(`"groundingMetadata":{"groundingChunks":[{"retrievedContext":{}}]}`), 0, 0},
		{"maps (recorded)", grounded(`"groundingMetadata":{"groundingChunks":[{"maps":{}},{"maps":{}}]}`), 0, 1},
		{"maps and pages", grounded(`"groundingMetadata":{"webSearchQueries":["a","b"],"groundingChunks":[{"maps":{}},{"web":{}}]}`), 2, 1},
		{"a stream repeats", `[` + grounded(`"groundingMetadata":{"webSearchQueries":["a"]}`) + `,` + grounded(`"groundingMetadata":{"webSearchQueries":["a","b"]}`) + `]`, 2, 0},
		{"a stream goes on", `[` + grounded(`"groundingMetadata":{"webSearchQueries":["a"]}`) + `,` + grounded(`"groundingMetadata":{"webSearchQueries":["b"]}`) + `]`, 2, 0},
		{"a stream that names pages first (recorded)", `[` + grounded(`"urlContextMetadata":{"urlMetadata":[{}]}`) + `,` + grounded(`"groundingMetadata":{"groundingChunks":[{"web":{}}]}`) + `]`, 0, 0},
		{"two candidates", `{"candidates":[{"groundingMetadata":{"webSearchQueries":["a"]}},{"index":1,"groundingMetadata":{"webSearchQueries":["a"]}}]` + usage + `}`, 2, 0},
		{"junk", grounded(`"groundingMetadata":{"webSearchQueries":"a","groundingChunks":[7,null]}`), 0, 0},
	} {
		a, err := Parse(json.RawMessage(tt.raw))
		if err != nil || a.Usage == nil {
			t.Errorf("%s: %+v, %v", tt.name, a, err)
			continue
		}
		if a.Usage.Searches != tt.searches || a.Usage.MapSearches != tt.maps {
			t.Errorf("%s: %d searches, %d of maps, want %d and %d", tt.name, a.Usage.Searches, a.Usage.MapSearches, tt.searches, tt.maps)
		}
	}
	if a, err := Parse(json.RawMessage(`{"candidates":[{"groundingMetadata":{"webSearchQueries":["a"]}}]}`)); err != nil || a.Usage != nil {
		t.Errorf("without usageMetadata there is no usage: %+v, %v", a, err)
	}
}

// Signatures are needed to go on with a conversation. The text leaves them out, but the
// raw answer keeps them, unary and streamed.
func TestThoughtSignatureIsKept(t *testing.T) {
	const part = `{"thought":true,"text":"hm"},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2lnbmVk"},{"text":"","thoughtSignature":"ZW5k"}`
	const answer = `{"candidates":[{"content":{"parts":[` + part + `],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}`
	for _, body := range []string{answer, "data: " + answer + "\r\n\r\n", "[" + answer + "]"} {
		x := exchange{status: 200, body: []byte(body), limit: 1 << 20}
		o := x.outcome()
		for _, signature := range []string{"c2lnbmVk", "ZW5k"} {
			if !strings.Contains(string(o.Response), `"thoughtSignature":"`+signature+`"`) {
				t.Errorf("%.20q: the raw answer is %s", body, o.Response)
			}
		}
		a, err := Parse(o.Response)
		if err != nil || a.Text != "" || a.Thoughts != "hm" || len(a.FunctionCalls) != 1 || classOf(&o) != okClass {
			t.Errorf("%.20q: %+v, %v", body, a, err)
		}
	}
}

// checkDetails checks what holds for the details of every recorded answer.
func checkDetails(t *testing.T, line int, raw json.RawMessage) {
	t.Helper()
	d := ParseDetails(raw)
	for i := range d.Media {
		if b, err := d.Media[i].Bytes(); err != nil || len(b) == 0 {
			t.Errorf("line %d: media %d: %d bytes, %v", line, i+1, len(b), err)
		}
	}
	if d.AvgLogprobs != nil && math.IsNaN(*d.AvgLogprobs) {
		t.Errorf("line %d: avgLogprobs is no number", line)
	}
	for _, list := range [][]json.RawMessage{d.Supports, d.URLs, d.SafetyRatings, d.Citations, d.Logprobs} {
		for _, v := range list {
			if !json.Valid(v) {
				t.Errorf("line %d: %s is not JSON", line, v)
			}
		}
	}
	if a, err := Parse(raw); err == nil && len(d.Candidates) > 0 && a.Candidates == 1 && a.Text != strings.Join(d.Candidates, "") {
		t.Errorf("line %d: the candidate %q, and the text %q", line, d.Candidates, a.Text)
	}
	for _, x := range d.Code {
		if x.Code == "" && x.Output == "" && x.Outcome == "" {
			t.Errorf("line %d: an execution of nothing", line)
		}
	}
}

// The details of real answers are complete: they have each field that the body has.
func TestRecordedDetails(t *testing.T) {
	type recorded struct {
		Status   int             `json:"status"`
		Response json.RawMessage `json:"response"`
	}
	found := map[string]int{}
	for i, r := range recordedtest.Lines[recorded](t, "recorded.jsonl") {
		body := []byte(r.Response)
		var text string
		if json.Unmarshal(body, &text) == nil {
			body = []byte(text)
		}
		doc := split(body)
		raw := doc.raw()
		checkDetails(t, i+1, raw)
		if r.Status != 200 {
			continue
		}
		d := ParseDetails(raw)
		for field, n := range map[string]int{
			`"groundingChunks":[{`: len(d.Sources), `"groundingSupports":[{`: len(d.Supports), `"webSearchQueries":["`: len(d.SearchQueries),
			`"urlMetadata":[{`: len(d.URLs), `"executableCode":{`: len(d.Code), `"logprobsResult":{`: len(d.Logprobs),
			`"citationSources":[{`: len(d.Citations), `"safetyRatings":[{`: len(d.SafetyRatings),
		} {
			if !strings.Contains(string(raw), field) {
				continue
			}
			if found[field]++; n == 0 {
				t.Errorf("line %d has %s, and the details have none", i+1, field)
			}
		}
	}
	for _, field := range []string{`"groundingChunks":[{`, `"urlMetadata":[{`, `"executableCode":{`, `"logprobsResult":{`, `"citationSources":[{`} {
		if found[field] == 0 {
			t.Errorf("no recorded answer has %s: the test shows nothing", field)
		}
	}
}

// The JSON form of protobuf allows both alphabets of base64, with padding or without.
func TestMediaBytes(t *testing.T) {
	want := "\xfb\xff\xfe\x00"
	for _, text := range []string{"+//+AA==", "+//+AA", "-__-AA==", "-__-AA"} {
		m := Media{data: text}
		if b, err := m.Bytes(); err != nil || string(b) != want {
			t.Errorf("%s is %q, %v", text, b, err)
		}
	}
	for _, text := range []string{"+_", "a", "=a", "!"} {
		m := Media{data: text}
		if b, err := m.Bytes(); err == nil {
			t.Errorf("%s is %q", text, b)
		}
	}
}

func FuzzParseDetails(f *testing.F) {
	f.Add([]byte(`{"candidates":[{"index":1,"content":{"parts":[{"executableCode":{"code":"1"}},{"codeExecutionResult":{"output":"1"}}]},"avgLogprobs":"NaN"}]}`))
	f.Add([]byte(`[{"candidates":[{"groundingMetadata":{"groundingChunks":[{"web":{}}],"webSearchQueries":["a"]}}]},{}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := ParseDetails(raw)
		for i := range d.Media {
			d.Media[i].Bytes()
		}
		Parse(raw)
	})
}
