package answer

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const weatherTools = `"tools":[{"functionDeclarations":[

	{"name":"get_weather","description":"Current weather at a place","parameters":{"type":"OBJECT","required":["city","days"],"properties":{"city":{"type":"STRING"},"unit":{"type":"STRING","enum":["celsius","fahrenheit"]},"days":{"type":"INTEGER"}}}},
	{"name":"book_flight","description":"Books a flight","parametersJsonSchema":{"type":"object","properties":{"to":{"type":"string"}},"required":["to"]}},
	{"name":"ping"}]}]`

func calling(mode, allowed string) string {
	if allowed != "" {
		allowed = `,"allowedFunctionNames":[` + allowed + `]`
	}
	return weatherTools + `,"toolConfig":{"functionCallingConfig":{"mode":"` + mode + `"` + allowed + `}}`
}

func callsOf(r Response) (names []string) {
	for _, p := range r.Candidates[0].Content.Parts {
		if p.Call != nil {
			names = append(names, p.Call.Name)
		}
	}
	return names
}

func TestFunctionCalls(t *testing.T) {
	const weather, small = "What will the weather be in New York in 3 days?", "Good morning to everybody here."
	tests := []struct {
		name, model, text, tools string
		want                     []string
	}{
		{"auto", flash, weather, weatherTools, []string{"get_weather"}},
		{"auto, nothing to call", flash, small, weatherTools, nil},
		{"another function", flash, "Please book me a flight to Lisbon.", weatherTools, []string{"book_flight"}},
		{"none", flash, weather, calling("NONE", ""), nil},
		{"any", flash, small, calling("ANY", `"ping"`), []string{"ping"}},
		{"any but the best", flash, weather, calling("ANY", `"book_flight"`), []string{"book_flight"}},
		{"validated", flash3, weather, calling("VALIDATED", ""), []string{"get_weather"}},
		{"two by name", flash3, weather + " Then ping.", weatherTools, []string{"get_weather", "ping"}},
	}
	s := new(Classifiers)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := answerTo(t, s, tt.model, ask(tt.text, tt.tools))
			if got := callsOf(r); !slices.Equal(got, tt.want) {
				t.Fatalf("calls %v, want %v", got, tt.want)
			}
			if len(tt.want) == 0 {
				if textOf(r) != tt.text {
					t.Errorf("text %q", textOf(r))
				}
				return
			}
			c := r.Candidates[0]
			first := c.Content.Parts[0]
			if first.Signature == "" || first.Text != "" || c.Finish != "STOP" || c.Message != "Model generated function call(s)." || r.Usage.Candidates == 0 {
				t.Errorf("%+v, usage %+v", c, r.Usage)
			}
			if (first.Call.ID == "") != (tt.model == flash) {
				t.Errorf("id %q for %s", first.Call.ID, tt.model)
			}
		})
	}

	var args struct {
		City string
		Unit string
		Days int
	}
	r := answerTo(t, s, flash, ask(weather, weatherTools))
	if err := json.Unmarshal(r.Candidates[0].Content.Parts[0].Call.Args, &args); err != nil || args.City != "New York" || args.Days != 3 || args.Unit == "" {
		t.Errorf("%v %+v", err, args)
	}
	body := jsonOf(t, answerTo(t, s, flash, ask(weather, weatherTools)))
	if strings.Contains(body, `"text"`) {
		t.Errorf("a call has no text: %s", body)
	}
}

func TestFunctionResponse(t *testing.T) {
	body := `{"contents":[{"role":"user","parts":[{"text":"What is the weather in Rome?"}]},
		{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{"city":"Rome"}}}]},
		{"role":"user","parts":[{"functionResponse":{"name":"get_weather","response":{"sky":"clear"}}}]}],` + weatherTools + `}`
	r := answerTo(t, new(Classifiers), flash, body)
	if got := textOf(r); got != `get_weather answers {"sky":"clear"}.` {
		t.Errorf("%q", got)
	}
}
