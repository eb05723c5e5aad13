package jobs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xrash/smetrics"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
)

// A refusal is what is known to be refused in a request.
type refusal struct {
	path  string // of the field: generationConfig.temperature
	value string // as it stands there; empty: not of interest
	why   string // what is taken
	hint  string // the remedy; may be empty

	others []string // paths of fields with which it would be taken
}

func (r *refusal) Error() string {
	text := r.path
	if r.value != "" {
		text += " is " + r.value
	}
	text += ": " + r.why
	if r.hint != "" {
		text += ": " + r.hint
	}
	return text
}

// A preflightTarget is where a request would be sent.
type preflightTarget struct {
	Model   string
	Dialect gemini.Dialect // whose rules the endpoint enforces
	Stream  bool           // every call is a stream
	Prices  *price.Table   // which also knows how long a model's answers may be
	Now     time.Time
}

// A preflight looks for what is known to be refused, in one request.
type preflight struct {
	preflightTarget

	request  map[string]any
	config   map[string]any // its generationConfig
	found    []refusal
	warnings []string
}

// checkRequest returns what is known to be refused in a request, and what is odd
// about it and sent all the same. Of a model or a field that is not known it says
// nothing.
func checkRequest(request map[string]any, t preflightTarget) (refused []refusal, warnings []string) {
	p := &preflight{preflightTarget: t, request: request}
	p.config = p.object(request, "", "generationConfig")
	for _, rule := range rules {
		rule(p)
	}
	return p.found, p.warnings
}

// rules are all that preflight looks at.
var rules = []func(*preflight){
	(*preflight).checkNames,
	(*preflight).checkEndpoint,
	(*preflight).checkThinking,
	(*preflight).checkNumbers,
	(*preflight).checkOutput,
	(*preflight).checkModalities,
	(*preflight).checkMedia,
	(*preflight).checkSafety,
	(*preflight).checkTools,
}

// refuse notes a refusal.
func (p *preflight) refuse(path string, value any, why, hint string) {
	text := ""
	if value != nil {
		b, err := marshal(value)
		if err != nil {
			b = []byte(fmt.Sprint(value))
		}
		text = oneLine(string(b), 60)
	}
	p.found = append(p.found, refusal{path: path, value: text, why: why, hint: hint})
}

// refuseBeside notes a refusal for what other fields say, or do not say.
func (p *preflight) refuseBeside(others []string, path string, value any, why, hint string) {
	p.refuse(path, value, why, hint)
	p.found[len(p.found)-1].others = others
}

// get returns a field, and its path below the request.
func (p *preflight) get(object map[string]any, path, name string) (any, string) {
	return field(object, name), strings.TrimPrefix(path+"."+name, ".")
}

// object returns a field that must be an object, or be left out.
func (p *preflight) object(in map[string]any, path, name string) map[string]any {
	v, at := p.get(in, path, name)
	o, ok := v.(map[string]any)
	if !ok && v != nil {
		p.refuse(at, v, "an object is wanted here", "")
	}
	return o
}

// list returns a field that must be a list, or be left out. The API takes a single
// element for a list of one.
func (p *preflight) list(in map[string]any, path, name string) []any {
	v, _ := p.get(in, path, name)
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// text returns a field's enum in upper case; false where there is none, or one by
// number.
func text(in map[string]any, name string) (string, bool) {
	s, ok := field(in, name).(string)
	return strings.ToUpper(s), ok
}

// number returns a number as YAML and JSON decode it, or as the API allows it in
// quotes.
func number(v any) (float64, bool) {
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

// target returns where the job's requests to a model go. It asks the Spec alone, so
// that each command says the same.
func (j *Job) target(model string) preflightTarget {
	return preflightTarget{
		Model: model, Dialect: gemini.EndpointOptions{Name: j.spec.Endpoint, BaseURL: j.spec.BaseURL}.Dialect(),
		Stream: j.spec.Stream, Prices: j.prices, Now: time.Now(),
	}
}

const noPreflight = "what is known to be refused is not sent; --no-preflight sends it all the same"

// checkFlight refuses a job whose every request is known to be refused. What set
// makes of each row is looked at in [Job.refused].
func (j *Job) checkFlight() error {
	same, byRow := j.prompt.Set().split()
	request, model, err := same.over(j.prompt.Request(), j.spec.Model)
	if err != nil {
		return &SpecError{Err: err}
	}
	found, warnings := checkRequest(request, j.target(model))
	for _, w := range warnings {
		j.log.Warn(w)
	}
	if j.spec.NoPreflight {
		return nil
	}
	var lines []string
	for _, r := range found {
		if byRow.covers(r.path) || strings.HasPrefix(r.why, model+" ") && byRow.covers("model") ||
			slices.ContainsFunc(r.others, byRow.covers) || j.spec.Raw != nil && len(r.others) > 0 {
			continue // each row may say otherwise, or ask a model that takes it
		}
		if same.covers(r.path) {
			r.path = "set " + r.path
		} else if j.spec.MaxOutputTokens > 0 && r.path == "generationConfig.maxOutputTokens" {
			r.path = "max_output_tokens"
		} else {
			r.path = "request." + r.path
		}
		lines = append(lines, r.Error())
	}
	if len(lines) == 0 {
		return nil
	}
	return specErrorf(noPreflight, "%s", strings.Join(lines, "; and "))
}

// anyModel begins the text of the rules that hold for all models. What holds for
// one begins with its name.
const anyModel = "the API takes "

// refused returns why a row's request is known to be refused; nil: it is not.
// Only where rows say more than what they ask is it looked at: with raw and set. A
// row that asks a model without a price is refused under a cap, which the run could
// not hold.
func (j *Job) refused(r *batch.Request) error {
	if j.spec.MaxCost != "" && r.Model != j.spec.Model {
		if err := j.checkPriced(r.Model); err != nil {
			return err
		}
	}
	if j.spec.NoPreflight || j.spec.Raw == nil && j.prompt.Set() == nil {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &members); err != nil {
		return nil // it is found elsewhere
	}
	for name := range members {
		if apijson.FieldName(name) == "contents" {
			delete(members, name)
		}
	}
	if len(members) == 0 && j.prompt.Set() == nil {
		return nil
	}
	request, err := exactObject(members)
	if err != nil {
		return nil
	}
	found, _ := checkRequest(request, j.target(r.Model))
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%w; %s", &found[0], noPreflight)
}

// like returns the known field that a name is most likely meant to be; empty: it is
// known, or like none.
func like(name string, known []string) string {
	name = apijson.FieldName(name)
	if slices.Contains(known, name) {
		return ""
	}
	name = strings.ToLower(strings.ReplaceAll(name, "_", ""))
	near := nearest(name, known)
	if near == "" || smetrics.WagnerFischer(name, strings.ToLower(near), 1, 1, 1) > max(1, len(name)/4) {
		return "" // it is a new field rather than a slip
	}
	return near
}
