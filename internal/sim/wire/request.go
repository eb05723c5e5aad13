package wire

import (
	"math"
	"strings"
)

// A Request is the body of a call, with what its answer and its checks depend on.
type Request struct {
	root     map[string]any // all of it, with its keys in camelCase
	Contents []Content
	system   Content        // systemInstruction
	config   map[string]any // generationConfig

	Schema    any    // responseSchema or responseJsonSchema
	MIME      string // responseMimeType
	MaxOutput int    // maxOutputTokens; 0 when it is not given
	Stop      []string

	Thinking Thinking
	cached   string // cachedContent
	tier     string // serviceTier in lower case
	Settings []SafetySetting
	Tools    Toolset
}

// A Thinking is a request's thinkingConfig.
type Thinking struct {
	Budget    int // thinkingBudget
	HasBudget bool
	level     string // thinkingLevel in lower case; empty when it is not given
	Include   bool   // includeThoughts
}

// A Content is one turn of the conversation.
type Content struct {
	role  string
	Parts []Part
}

// A Part is a text, a medium or a function's answer. Whoever serves files fills in
// MIME, Size and Data of a part that refers to one.
type Part struct {
	text    string
	isText  bool
	thought bool

	MIME   string // of inlineData or fileData
	Size   int    // of the medium, in bytes
	Data   []byte // the medium, or how a large one begins
	IsFile bool   // fileData is set
	URI    string // of fileData

	Response map[string]any // functionResponse
	options  map[string]any // the part itself, for the fields that only counting reads
}

// ParseRequest reads the body of generateContent. With oldSchemas set, it refuses
// responseJsonSchema as an unknown field.
func ParseRequest(body []byte, d Dialect, oldSchemas bool) (*Request, *Error) {
	known := []message{requestFields}
	if d.VertexShaped() {
		known = append(known, vertexFields)
	}
	root, e := decode(body, known...)
	if e != nil {
		return nil, e
	}
	if o, _ := root["generationConfig"].(map[string]any); oldSchemas && o["responseJsonSchema"] != nil {
		return nil, unknownName("responseJsonSchema", "generation_config")
	}
	return parse(root)
}

// ParseCount reads the body of countTokens. It holds contents, or a whole request.
func ParseCount(body []byte) (*Request, *Error) {
	root, e := decode(body, countFields)
	if e != nil {
		return nil, e
	}
	if inner, ok := root["generateContentRequest"].(map[string]any); ok {
		if root["contents"] != nil {
			return nil, Invalid("* CountTokensRequest: only one of contents and generate_content_request may be set.\n")
		}
		root = inner
	}
	q, e := parse(root)
	if e == nil && len(q.Contents) == 0 {
		e = Invalid("* CountTokensRequest.contents: contents is not specified\n")
	}
	return q, e
}

// parse reads a body whose keys are normalized.
func parse(root map[string]any) (*Request, *Error) {
	q := &Request{root: root}
	// One object where a list belongs is a list of one, as for Google's parser.
	for _, c := range List(root["contents"]) {
		q.Contents = append(q.Contents, parseContent(c))
	}
	if c, ok := root["systemInstruction"].(map[string]any); ok {
		q.system = parseContent(c)
	}
	q.cached, _ = root["cachedContent"].(string)
	tier, _ := root["serviceTier"].(string)
	q.tier = strings.ToLower(tier)
	q.Settings = parseSettings(root["safetySettings"])
	q.Tools = parseTools(root)

	q.config, _ = root["generationConfig"].(map[string]any)
	q.MIME, _ = q.config["responseMimeType"].(string)
	for _, key := range []string{"responseSchema", "responseJsonSchema", "_responseJsonSchema"} {
		if v := q.config[key]; v != nil {
			q.Schema = v
		}
	}
	for _, v := range List(q.config["stopSequences"]) {
		if s, ok := v.(string); ok && s != "" {
			q.Stop = append(q.Stop, s)
		}
	}
	for _, f := range numberFields {
		key, kind := f[0], f[1]
		v, given := q.config[key]
		if !given || v == nil {
			continue
		}
		n, ok := Number(v)
		if !ok || kind != "TYPE_FLOAT" && n != math.Trunc(n) {
			return nil, invalidValue("generation_config."+snake(key), kind, v)
		}
		if key == "maxOutputTokens" {
			q.MaxOutput = int(n)
			if n < 1 {
				return nil, Invalid("* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.\n")
			}
		}
	}

	config, _ := q.config["thinkingConfig"].(map[string]any)
	if v, given := config["thinkingBudget"]; given && v != nil {
		n, ok := Number(v)
		if !ok || n != math.Trunc(n) || math.Abs(n) > math.MaxInt32 {
			return nil, invalidValue("generation_config.thinking_config.thinking_budget", "TYPE_INT32", v)
		}
		q.Thinking.Budget, q.Thinking.HasBudget = int(n), true
	}
	level, _ := config["thinkingLevel"].(string)
	q.Thinking.level = strings.TrimPrefix(strings.ToLower(level), "thinking_level_")
	if q.Thinking.level == "unspecified" {
		q.Thinking.level = ""
	}
	q.Thinking.Include, _ = config["includeThoughts"].(bool)
	return q, nil
}

// numberFields are the numeric fields of generationConfig, with their types.
var numberFields = [][2]string{
	{"candidateCount", "TYPE_INT32"}, {"maxOutputTokens", "TYPE_INT32"}, {"topK", "TYPE_INT32"}, {"seed", "TYPE_INT32"}, {"logprobs", "TYPE_INT32"},
	{"temperature", "TYPE_FLOAT"}, {"topP", "TYPE_FLOAT"}, {"presencePenalty", "TYPE_FLOAT"}, {"frequencyPenalty", "TYPE_FLOAT"},
}

func parseContent(v any) Content {
	o, _ := v.(map[string]any)
	var c Content
	c.role, _ = o["role"].(string)
	for _, v := range List(o["parts"]) {
		o, _ := v.(map[string]any)
		var p Part
		p.text, p.isText = o["text"].(string)
		p.thought, _ = o["thought"].(bool)
		blob, _ := o["inlineData"].(map[string]any)
		if blob != nil {
			data, _ := blob["data"].(string)
			if decoded, err := decodeBase64(data); err == nil {
				p.Data = decoded
			} // else checkMedia says what is wrong
			p.Size = len(p.Data)
		} else {
			blob, _ = o["fileData"].(map[string]any)
		}
		p.MIME, _ = blob["mimeType"].(string)
		p.URI, _ = blob["fileUri"].(string)
		p.Response, _ = o["functionResponse"].(map[string]any)
		p.options, p.IsFile = o, o["fileData"] != nil
		c.Parts = append(c.Parts, p)
	}
	return c
}

// Candidates returns how many answers the request asks for.
func (q *Request) Candidates() int {
	n, ok := Number(q.config["candidateCount"])
	if !ok {
		return 1
	}
	return int(n)
}

// Wants reports whether the answer may hold a modality, such as "IMAGE". A request
// that names no modalities takes all that the model has.
func (q *Request) Wants(modality string) bool {
	asked := List(q.config["responseModalities"])
	for _, v := range asked {
		if s, _ := v.(string); strings.EqualFold(s, modality) {
			return true
		}
	}
	return len(asked) == 0
}

// Logprobs reports whether the request asks for log probabilities, and of how many
// tokens at each place besides the chosen one.
func (q *Request) Logprobs() (asked bool, top int) {
	asked, _ = q.config["responseLogprobs"].(bool)
	if n, ok := Number(q.config["logprobs"]); ok {
		top = int(min(max(n, 0), 20))
	}
	return asked, top
}

// Tier returns the service tier that the request asks for, such as "flex": in lower
// case, without the prefix of the enum's full names, and empty for none.
func (q *Request) Tier() string { return strings.TrimPrefix(q.tier, "service_tier_") }
