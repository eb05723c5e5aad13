package batch

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
)

// A Fingerprint identifies what is asked of which model: 128 bits of SHA-256
// over the model and the canonical body. See [FingerprintOf].
type Fingerprint [16]byte

func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// MarshalText implements encoding.TextMarshaler: 32 hexadecimal digits.
func (f Fingerprint) MarshalText() ([]byte, error) {
	return hex.AppendEncode(make([]byte, 0, 2*len(f)), f[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if len(text) != 2*len(f) {
		return fmt.Errorf("a fingerprint has %d hexadecimal digits, not %d", 2*len(f), len(text))
	}
	_, err := hex.Decode(f[:], text)
	return err
}

// FingerprintOf returns the fingerprint of a generateContent body for a model.
//
// The body counts in canonical form: object members in the order of RFC 8785,
// numbers as written, the API's own field names in camelCase (the API takes
// snake_case as well), inline media by the SHA-256 of its bytes. What stands
// where names and values are the user's (function arguments, JSON Schemas,
// labels) counts as it is.
//
// It returns an error when body is not one JSON object, or when an object gives
// a field twice: the API would take one of the two, and which is not said.
func FingerprintOf(model string, body []byte) (Fingerprint, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	c := canonicalizer{d: d, out: make([]byte, 0, len(body)+64)}
	c.out = append(c.out, "genbatch fingerprint 1\n"...)
	c.out = append(c.out, strings.TrimPrefix(model, "models/")...)
	c.out = append(c.out, '\n')
	if t := bytes.TrimLeft(body, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return Fingerprint{}, fmt.Errorf("a request body is a JSON object")
	}
	if err := c.value(apiFields, ""); err != nil {
		return Fingerprint{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Fingerprint{}, fmt.Errorf("text after the request body's closing brace")
	}
	sum := sha256.Sum256(c.out)
	return Fingerprint(sum[:16]), nil
}

// scope says whose the member names of an object are.
type scope uint8

const (
	apiFields scope = iota // the API's
	userNames              // the user's, with API objects as values: a schema's properties
	userData               // the user's, all the way down
)

// userScopes lists the API fields below which names are not the API's.
var userScopes = map[string]scope{
	"args":                 userData,
	"response":             userData,
	"responseJsonSchema":   userData,
	"_responseJsonSchema":  userData,
	"parametersJsonSchema": userData,
	"labels":               userData,
	"partMetadata":         userData,
	"default":              userData,
	"example":              userData,
	"enum":                 userData,
	"properties":           userNames,
	"defs":                 userNames,
}

type canonicalizer struct {
	d   *json.Decoder
	out []byte
}

type member struct {
	name       string
	start, end int // its value in out
}

// value appends the next value of the decoder in canonical form; parent is the
// name of the object field that the enclosing object is the value of.
func (c *canonicalizer) value(s scope, parent string) error {
	t, err := c.d.Token()
	if err != nil {
		return syntaxError(err)
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return c.array(s, parent)
		}
		return c.object(s, parent)
	case string:
		c.out = AppendString(c.out, t)
	case json.Number:
		c.out = append(c.out, t...)
	case bool:
		if t {
			c.out = append(c.out, "true"...)
		} else {
			c.out = append(c.out, "false"...)
		}
	case nil:
		c.out = append(c.out, "null"...)
	}
	return nil
}

func (c *canonicalizer) array(s scope, parent string) error {
	c.out = append(c.out, '[')
	for first := true; c.d.More(); first = false {
		if !first {
			c.out = append(c.out, ',')
		}
		if err := c.value(s, parent); err != nil {
			return err
		}
	}
	if _, err := c.d.Token(); err != nil {
		return syntaxError(err)
	}
	c.out = append(c.out, ']')
	return nil
}

func (c *canonicalizer) object(s scope, parent string) error {
	start := len(c.out)
	var members []member
	for c.d.More() {
		t, err := c.d.Token()
		if err != nil {
			return syntaxError(err)
		}
		name := t.(string)
		inner := s
		switch s {
		case apiFields:
			name = FieldName(name)
			inner = userScopes[name]
		case userNames:
			inner = apiFields
		}
		m := member{name: name, start: len(c.out)}
		if err := c.value(inner, name); err != nil {
			return err
		}
		if s == apiFields && parent == "inlineData" && name == "data" {
			c.out = appendMedia(c.out[:m.start], c.out[m.start:])
		}
		m.end = len(c.out)
		members = append(members, m)
	}
	if _, err := c.d.Token(); err != nil {
		return syntaxError(err)
	}
	slices.SortFunc(members, func(a, b member) int { return compareUTF16(a.name, b.name) })
	sorted := make([]byte, 0, len(c.out)-start+16*len(members))
	sorted = append(sorted, '{')
	for i, m := range members {
		if i > 0 {
			if m.name == members[i-1].name {
				return fmt.Errorf("the request gives the field %q twice", m.name)
			}
			sorted = append(sorted, ',')
		}
		sorted = AppendString(sorted, m.name)
		sorted = append(sorted, ':')
		sorted = append(sorted, c.out[m.start:m.end]...)
	}
	c.out = append(append(c.out[:start], sorted...), '}')
	return nil
}

func syntaxError(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the request body is not valid JSON: %w", err)
}

// compareUTF16 orders names as RFC 8785 section 3.2.3 does, by UTF-16 code units.
func compareUTF16(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] >= 0x80 || b[i] >= 0x80 {
			return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		}
		if a[i] != b[i] {
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// AppendString appends s, which must be valid UTF-8, as a JSON string to dst and
// returns it: with as few escapes as JSON allows, as in RFC 8785 section 3.2.2.2.
func AppendString(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch b := s[i]; {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b >= 0x20:
			dst = append(dst, b)
		default:
			switch b {
			case '\b':
				dst = append(dst, `\b`...)
			case '\t':
				dst = append(dst, `\t`...)
			case '\n':
				dst = append(dst, `\n`...)
			case '\f':
				dst = append(dst, `\f`...)
			case '\r':
				dst = append(dst, `\r`...)
			default:
				dst = append(dst, '\\', 'u', '0', '0', digits[b>>4], digits[b&15])
			}
		}
	}
	return append(dst, '"')
}

// appendMedia replaces the base64 text of inline media, quoted as it stands in
// the body, by the hash of its bytes: the API takes both alphabets of base64, with
// and without padding. Text that is not base64 stays as it is.
func appendMedia(dst, quoted []byte) []byte {
	text := strings.Trim(string(quoted), `"`)
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	media, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return append(dst, quoted...)
	}
	sum := sha256.Sum256(media)
	return fmt.Appendf(dst, `{"sha256":"%x"}`, sum)
}

// FieldName returns the camelCase form of an API field given in snake_case, and
// any other name as it is.
func FieldName(name string) string {
	if !strings.Contains(name, "_") {
		return name
	}
	if camel, ok := snakeFields[name]; ok {
		return camel
	}
	return name
}

// snakeFields maps the snake_case form of every generateContent field that has
// one to its camelCase form. Source: the discovery document of v1beta, revision
// 20260415, and Vertex AI's v1beta1.
var snakeFields = snakeNames(`
	systemInstruction toolConfig safetySettings generationConfig cachedContent serviceTier modelArmorConfig
	inlineData fileData functionCall functionResponse executableCode codeExecutionResult toolCall toolResponse
	thoughtSignature videoMetadata mediaResolution partMetadata mimeType displayName fileUri startOffset endOffset
	numTokens willContinue partialArgs
	candidateCount stopSequences maxOutputTokens topP topK presencePenalty frequencyPenalty responseLogprobs
	responseMimeType responseSchema responseJsonSchema responseFormat responseModalities speechConfig imageConfig
	thinkingConfig enableEnhancedCivicAnswers audioTranscriptionConfig translationConfig audioTimestamp routingConfig
	modelSelectionConfig includeThoughts thinkingBudget thinkingLevel aspectRatio imageSize voiceConfig
	prebuiltVoiceConfig voiceName multiSpeakerVoiceConfig speakerVoiceConfigs languageCode
	functionDeclarations googleSearch googleSearchRetrieval urlContext codeExecution googleMaps fileSearch
	computerUse mcpServers enterpriseWebSearch parametersJsonSchema responseJsonSchema functionCallingConfig
	allowedFunctionNames retrievalConfig latLng includeServerSideToolInvocations searchTypes timeRangeFilter
	excludeDomains blockingConfidence dynamicRetrievalConfig dynamicThreshold
	anyOf prefixItems minItems maxItems minLength maxLength minProperties maxProperties propertyOrdering
	additionalProperties continuationToken promptTemplateName responseTemplateName
`)

func snakeNames(camel string) map[string]string {
	names := make(map[string]string)
	for _, name := range strings.Fields(camel) {
		var snake strings.Builder
		for _, r := range name {
			if 'A' <= r && r <= 'Z' {
				snake.WriteByte('_')
				r += 'a' - 'A'
			}
			snake.WriteRune(r)
		}
		names[snake.String()] = name
	}
	return names
}
