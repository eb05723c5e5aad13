// Package preflight finds what the API is known to refuse, before anything is sent.
//
// A refusal that comes back is the same for each row, and takes a call to learn. [Check]
// looks at a request by rules, and the rules look at tables: what fields take is in
// facts.go, what a model takes is in batch/gemini and in the price table. Google adds
// fields, values and models all the time. So what is not known is never refused; a name
// that is near a known one is warned of.
package preflight

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
)

// A Refusal says which field of a request is known to be refused, and why.
type Refusal struct {
	Path string // of the field: generationConfig.temperature

	// Others are the paths of the fields beside it that the refusal depends on: one that
	// is missing, or one that does not go with it.
	Others []string

	OfModel bool // the rule is that of the model, and another may take it

	value string // as it stands there; empty if not of interest
	why   string // what is taken instead
	hint  string // the remedy; may be empty
}

// Error says it all in one line.
func (r *Refusal) Error() string {
	text := r.Path
	if r.value != "" {
		text += " is " + r.value
	}
	text += ": " + r.why
	if r.hint != "" {
		text += ": " + r.hint
	}
	return text
}

// A Target is the model and the endpoint that a request would be sent to.
type Target struct {
	Model   string
	Dialect gemini.Dialect // whose rules the endpoint enforces
	Stream  bool           // every call is a stream
	Prices  *price.Table   // knows also how long a model's answers may be
	Now     time.Time      // chooses among the prices
}

// A checker looks for what is known to be refused, in one request.
type checker struct {
	Target

	request  map[string]any
	config   map[string]any // its generationConfig
	found    []Refusal
	warnings []string
}

// Check returns what is known to be refused in a request, and warns of what is odd about
// it and is sent all the same. It says nothing of models and values that are not known,
// since they may be newer than this program. The request is one as YAML or JSON decodes it.
func Check(request map[string]any, t Target) (refused []Refusal, warnings []string) {
	p := &checker{Target: t, request: request}
	p.config = p.object(request, "", "generationConfig")
	for _, rule := range rules {
		rule(p)
	}
	return p.found, p.warnings
}

// rules are all that Check looks at.
var rules = []func(*checker){
	(*checker).checkModel,
	(*checker).checkNames,
	(*checker).checkEndpoint,
	(*checker).checkThinking,
	(*checker).checkNumbers,
	(*checker).checkOutput,
	(*checker).checkModalities,
	(*checker).checkMedia,
	(*checker).checkSafety,
	(*checker).checkTools,
}

// CheckBody is [Check] for a body, whose contents it does not look at. It returns the
// first refusal as an error, or nil. A body that has contents alone is let through unless
// always is true.
func CheckBody(body []byte, always bool, t Target) error {
	members, err := apijson.ParseAsWritten(body)
	if err != nil {
		return nil // it is found elsewhere
	}
	for name := range members {
		if apijson.FieldName(name) == "contents" {
			delete(members, name)
		}
	}
	if len(members) == 0 && !always {
		return nil
	}
	request, err := members.Decode()
	if err != nil {
		return nil
	}
	if found, _ := Check(request, t); len(found) > 0 {
		return &found[0]
	}
	return nil
}

// refuse notes a refusal.
func (p *checker) refuse(path string, value any, why, hint string) {
	text := ""
	if value != nil {
		b, err := apijson.Marshal(value)
		if err != nil {
			b = []byte(fmt.Sprint(value))
		}
		text = message.OneLine(string(b), 60)
	}
	p.found = append(p.found, Refusal{Path: path, value: text, why: why, OfModel: strings.HasPrefix(why, p.Model+" "), hint: hint})
}

// refuseBeside notes a refusal for what other fields say, or do not say.
func (p *checker) refuseBeside(others []string, path string, value any, why, hint string) {
	p.refuse(path, value, why, hint)
	p.found[len(p.found)-1].Others = others
}

// get returns a field, and its path in the request.
func (p *checker) get(object map[string]any, path, name string) (any, string) {
	return apijson.Field(object, name), strings.TrimPrefix(path+"."+name, ".")
}

// object returns a field that must be an object, or be left out.
func (p *checker) object(in map[string]any, path, name string) map[string]any {
	v, at := p.get(in, path, name)
	o, ok := v.(map[string]any)
	if !ok && v != nil {
		p.refuse(at, v, "an object is wanted here", "")
	}
	return o
}

// list returns a field that must be a list, or be left out. The API takes a single
// element for a list of one.
func (p *checker) list(in map[string]any, path, name string) []any {
	v, _ := p.get(in, path, name)
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// enumText returns the name of a field's enum, in upper case. It reports false when there is
// none, or when it is given by its number.
func enumText(in map[string]any, name string) (string, bool) {
	s, ok := apijson.Field(in, name).(string)
	return strings.ToUpper(s), ok
}

// numberOf returns a number as YAML and JSON decode it. The API takes numbers in quotes too.
func numberOf(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, true
	case json.Number:
		return parseNumber(string(v))
	case string:
		return parseNumber(v)
	}
	return 0, false
}

func parseNumber(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// Hint tells, behind a refusal, how to send the request all the same.
const Hint = "what is known to be refused is not sent; --no-preflight sends it all the same"

// anyModel begins the text of a rule that holds for all models. The text of a rule of one
// model begins with the model's name, and a space.
const anyModel = "the API takes "
