package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A message is the fields that an API object may have, by their camelCase names;
// nil stands for one whose inside is not looked at.
type message map[string]message

var (
	partFields = message{
		"text": nil, "inlineData": {"mimeType": nil, "data": nil, "displayName": nil},
		"fileData":     {"fileUri": nil, "mimeType": nil, "displayName": nil},
		"functionCall": nil, "functionResponse": nil, "executableCode": nil, "codeExecutionResult": nil,
		"toolCall": nil, "toolResponse": nil, "thought": nil, "thoughtSignature": nil,
		"videoMetadata": nil, "mediaResolution": nil, "partMetadata": nil,
	}
	contentFields = message{"role": nil, "parts": partFields}

	// configFields: https://ai.google.dev/api/generate-content#generationconfig
	configFields = message{
		"candidateCount": nil, "stopSequences": nil, "maxOutputTokens": nil, "temperature": nil, "topP": nil, "topK": nil,
		"seed": nil, "presencePenalty": nil, "frequencyPenalty": nil, "responseLogprobs": nil, "logprobs": nil,
		"responseMimeType": nil, "responseSchema": nil, "responseJsonSchema": nil, "_responseJsonSchema": nil,
		"responseFormat": nil, "responseModalities": nil, "speechConfig": speechFields, "mediaResolution": nil,
		"imageConfig":                {"aspectRatio": nil, "imageSize": nil, "outputMimeType": nil, "outputCompressionQuality": nil, "personGeneration": nil, "imageOutputOptions": nil},
		"thinkingConfig":             {"includeThoughts": nil, "thinkingBudget": nil, "thinkingLevel": nil},
		"enableEnhancedCivicAnswers": nil, "audioTranscriptionConfig": nil, "translationConfig": nil,
		"audioTimestamp": nil, "routingConfig": nil, "modelSelectionConfig": nil,
	}
	requestFields = message{
		"contents": contentFields, "systemInstruction": contentFields, "tools": toolFields, "toolConfig": toolConfigFields,
		"safetySettings":   {"category": nil, "threshold": nil, "method": nil},
		"generationConfig": configFields, "cachedContent": nil, "serviceTier": nil, "store": nil, "model": nil,
		"continuationToken": nil,
	}
	// vertexFields are known on Vertex AI only.
	vertexFields = message{"labels": nil, "modelArmorConfig": nil}
	countFields  = message{
		"contents": contentFields, "generateContentRequest": requestFields,
		"systemInstruction": contentFields, "tools": nil, "generationConfig": configFields, "model": nil, // Vertex AI
	}
)

// An apiRequest is a request body, its keys in camelCase.
type apiRequest struct {
	contents []content
	system   content
	config   map[string]any

	schema    any    // responseSchema or responseJsonSchema
	mime      string // responseMimeType
	maxOutput int    // 0 = not given
	stop      []string

	thinking thinking
	cached   string // cachedContent
	tier     string // serviceTier in lower case
	settings []safetySetting
	tools    toolset
}

// A thinking is a request's thinkingConfig.
type thinking struct {
	budget    int // thinkingBudget
	hasBudget bool
	level     string // thinkingLevel in lower case; empty when it is not given
	include   bool   // includeThoughts
}

type content struct {
	role  string
	parts []part
}

type part struct {
	text    string
	isText  bool
	thought bool
	mime    string // of inlineData or fileData
	bytes   int    // of inlineData, decoded
	empty   bool   // no data field is set

	data     []byte         // of inlineData, or the beginning of a file
	isFile   bool           // fileData is set
	uri      string         // of fileData
	response map[string]any // functionResponse
	options  map[string]any // the part itself, for what only counting asks
}

// parseRequest reads the body of generateContent. With oldSchemas it does not know
// responseJsonSchema.
func parseRequest(body []byte, d Dialect, oldSchemas bool) (*apiRequest, *apiError) {
	known := []message{requestFields}
	if d.vertexShaped() {
		known = append(known, vertexFields)
	}
	root, e := decode(body, known...)
	if e != nil {
		return nil, e
	}
	if o, _ := root["generationConfig"].(map[string]any); oldSchemas && o["responseJsonSchema"] != nil {
		return nil, errUnknownName("responseJsonSchema", "generation_config")
	}
	return parse(root)
}

// parseCount reads the body of countTokens, which may hold a whole request.
func parseCount(body []byte) (*apiRequest, *apiError) {
	root, e := decode(body, countFields)
	if e != nil {
		return nil, e
	}
	if inner, ok := root["generateContentRequest"].(map[string]any); ok {
		if root["contents"] != nil {
			return nil, invalid("* CountTokensRequest: only one of contents and generate_content_request may be set.\n")
		}
		root = inner
	}
	q, e := parse(root)
	if e == nil && len(q.contents) == 0 {
		e = invalid("* CountTokensRequest.contents: contents is not specified\n")
	}
	return q, e
}

// decode reads a JSON object and checks its fields against known.
func decode(body []byte, known ...message) (map[string]any, *apiError) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if err == nil {
		if _, next := dec.Token(); next != io.EOF {
			err = fmt.Errorf("data after the object")
		}
	}
	if err != nil {
		return nil, invalid("Invalid JSON payload received. Unable to parse: %v", err)
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, invalid("Invalid JSON payload received. Unknown name \"\": Root element must be a message.")
	}
	if e := normalize(root, nil, known...); e != nil {
		return nil, e
	}
	return root, nil
}

// A place is where an object stands in the request; nil is the top. It becomes
// text only when there is something to say about it.
type place struct {
	up    *place
	name  string // camelCase
	index int    // in a list; -1 outside of one
}

func (p *place) String() string {
	if p == nil {
		return ""
	}
	s := snake(p.name)
	if p.index >= 0 {
		s += fmt.Sprintf("[%d]", p.index)
	}
	if p.up != nil {
		s = p.up.String() + "." + s
	}
	return s
}

// normalize renames the object's keys to camelCase, all the way down the known
// messages, and refuses the ones that are in none of them. Google's parser takes
// both spellings of every field.
func normalize(o map[string]any, at *place, known ...message) *apiError {
	var unknown, snakes []string
	for key := range o {
		name := camel(key)
		if !knows(known, name) {
			unknown = append(unknown, key)
		} else if name != key {
			snakes = append(snakes, key)
		}
	}
	if len(unknown) > 0 {
		return errUnknownName(slices.Min(unknown), at.String())
	}
	for _, key := range snakes {
		name := camel(key)
		if _, twice := o[name]; twice {
			return invalid("Invalid JSON payload received. Field %q is given twice, also as %q.", name, key)
		}
		o[name] = o[key]
		delete(o, key)
	}

	for name, v := range o {
		sub := lookup(known, name)
		if sub == nil || v == nil {
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			if e := normalize(v, &place{at, name, -1}, sub); e != nil {
				return e
			}
		case []any:
			for i, item := range v {
				inner, ok := item.(map[string]any)
				if !ok {
					return errValue((&place{at, name, i}).String(), "message", item)
				}
				if e := normalize(inner, &place{at, name, i}, sub); e != nil {
					return e
				}
			}
		default:
			return errValue((&place{at, name, -1}).String(), "message", v)
		}
	}
	return nil
}

func knows(known []message, name string) bool {
	for _, m := range known {
		if _, ok := m[name]; ok {
			return true
		}
	}
	return false
}

func lookup(known []message, name string) message {
	for _, m := range known {
		if sub := m[name]; sub != nil {
			return sub
		}
	}
	return nil
}

func errValue(path, kind string, v any) *apiError {
	text, _ := json.Marshal(v)
	return invalid("Invalid value at '%s' (%s), %s", path, kind, clip(string(text), 100))
}

// camel turns snake_case into camelCase and leaves everything else alone.
func camel(s string) string {
	if strings.IndexByte(s, '_') < 1 {
		return s
	}
	var b strings.Builder
	up := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '_':
			up = true
		case up && 'a' <= c && c <= 'z':
			b.WriteByte(c - 'a' + 'A')
			up = false
		default:
			b.WriteByte(c)
			up = false
		}
	}
	return b.String()
}

func snake(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b.WriteByte('_')
			b.WriteByte(c - 'A' + 'a')
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// parse reads a generateContent body whose keys are normalized.
func parse(root map[string]any) (*apiRequest, *apiError) {
	q := &apiRequest{}
	// One object where a list belongs is a list of one, as for Google's parser.
	for _, c := range list(root["contents"]) {
		q.contents = append(q.contents, parseContent(c))
	}
	if c, ok := root["systemInstruction"].(map[string]any); ok {
		q.system = parseContent(c)
	}
	q.cached, _ = root["cachedContent"].(string)
	tier, _ := root["serviceTier"].(string)
	q.tier = strings.ToLower(tier)
	q.settings = parseSettings(root["safetySettings"])
	q.tools = parseTools(root)

	q.config, _ = root["generationConfig"].(map[string]any)
	q.mime, _ = q.config["responseMimeType"].(string)
	for _, key := range []string{"responseSchema", "responseJsonSchema", "_responseJsonSchema"} {
		if v := q.config[key]; v != nil {
			q.schema = v
		}
	}
	for _, v := range list(q.config["stopSequences"]) {
		if s, ok := v.(string); ok && s != "" {
			q.stop = append(q.stop, s)
		}
	}
	for _, f := range numbers {
		key, kind := f[0], f[1]
		v, given := q.config[key]
		if !given || v == nil {
			continue
		}
		n, ok := number(v)
		if !ok || kind != "TYPE_FLOAT" && n != math.Trunc(n) {
			return nil, errValue("generation_config."+snake(key), kind, v)
		}
		if key == "maxOutputTokens" {
			q.maxOutput = int(n)
			if n < 1 {
				return nil, invalid("* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.\n")
			}
		}
	}

	config, _ := q.config["thinkingConfig"].(map[string]any)
	if v, given := config["thinkingBudget"]; given && v != nil {
		n, ok := number(v)
		if !ok || n != math.Trunc(n) || math.Abs(n) > math.MaxInt32 {
			return nil, errValue("generation_config.thinking_config.thinking_budget", "TYPE_INT32", v)
		}
		q.thinking.budget, q.thinking.hasBudget = int(n), true
	}
	level, _ := config["thinkingLevel"].(string)
	q.thinking.level = strings.TrimPrefix(strings.ToLower(level), "thinking_level_")
	if q.thinking.level == "unspecified" {
		q.thinking.level = ""
	}
	q.thinking.include, _ = config["includeThoughts"].(bool)
	return q, nil
}

// numbers are the numeric fields of generationConfig with their protocol types.
var numbers = [][2]string{
	{"candidateCount", "TYPE_INT32"}, {"maxOutputTokens", "TYPE_INT32"}, {"topK", "TYPE_INT32"}, {"seed", "TYPE_INT32"}, {"logprobs", "TYPE_INT32"},
	{"temperature", "TYPE_FLOAT"}, {"topP", "TYPE_FLOAT"}, {"presencePenalty", "TYPE_FLOAT"}, {"frequencyPenalty", "TYPE_FLOAT"},
}

func parseContent(v any) content {
	o, _ := v.(map[string]any)
	var c content
	c.role, _ = o["role"].(string)
	for _, v := range list(o["parts"]) {
		o, _ := v.(map[string]any)
		var p part
		p.text, p.isText = o["text"].(string)
		p.thought, _ = o["thought"].(bool)
		blob, _ := o["inlineData"].(map[string]any)
		if blob != nil {
			data, _ := blob["data"].(string)
			if decoded, err := decodeBase64(data); err == nil {
				p.data = decoded
			} // else checkMedia says what is wrong
			p.bytes = len(p.data)
		} else {
			blob, _ = o["fileData"].(map[string]any)
		}
		p.mime, _ = blob["mimeType"].(string)
		p.uri, _ = blob["fileUri"].(string)
		p.response, _ = o["functionResponse"].(map[string]any)
		p.options, p.isFile = o, o["fileData"] != nil
		p.empty = len(o) == 0
		c.parts = append(c.parts, p)
	}
	return c
}

// list returns the items of a list, and one item as a list of itself.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// number reads a JSON number, or a string that holds one.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}

// clip shortens s to n bytes, not through a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
