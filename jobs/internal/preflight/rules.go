package preflight

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
)

// checkModel refuses a model that generateContent does not reach, and warns of one that is
// most likely a slip of the pen.
func (p *checker) checkModel() {
	if p.Prices == nil {
		return
	}
	e, known := p.Prices.Lookup(p.Model, p.Now)
	by := ""
	switch e.Type {
	case "video":
		by = "the Interactions API alone"
	case "embedding":
		by = "embedContent alone"
	}
	switch {
	case by != "":
		p.refuse("model", nil, p.Model+" is served by "+by+", and cannot be asked by generateContent", "choose a model that answers prompts (genbatch prices)")
	case !known:
		p.checkUnknownModel(strings.TrimPrefix(p.Model, "models/"))
	}
}

// checkUnknownModel passes over a name that differs from a known one in digits alone: it may
// be newer than this program.
func (p *checker) checkUnknownModel(name string) {
	version := func(c rune) bool { return c == '.' || c >= '0' && c <= '9' }
	near := p.Prices.Nearest(name)
	if near == "" || strings.Join(strings.FieldsFunc(near, version), "") == strings.Join(strings.FieldsFunc(name, version), "") {
		return
	}
	p.warnings = append(p.warnings, fmt.Sprintf("the model %s is not known: did you mean %s? genbatch prices lists the models that are", message.OneLine(name, 60), near))
}

// checkNames warns of a name that is most likely a slip of the pen, and refuses a known one
// that stands in the wrong place. A name that is not known may be new: Google adds fields,
// and tells of them only in its documentation.
func (p *checker) checkNames() {
	for _, name := range slices.Sorted(maps.Keys(p.request)) {
		if field := apijson.FieldName(name); slices.Contains(configFields, field) && !slices.Contains(topFields, field) {
			p.refuse(name, nil, "the API knows it only under generationConfig", fmt.Sprintf("write generationConfig: {%s: ...}", field))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.config)) {
		switch field := apijson.FieldName(name); {
		case slices.Contains(topFields, field) && !slices.Contains(configFields, field):
			p.refuse("generationConfig."+name, nil, "the API knows it only beside generationConfig", fmt.Sprintf("write %s: beside generationConfig:, not under it", field))
		case slices.Contains(thinkingFields, field):
			p.refuse("generationConfig."+name, nil, "the API knows it only under thinkingConfig", fmt.Sprintf("write generationConfig: {thinkingConfig: {%s: ...}}", field))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.request)) {
		if field := apijson.FieldName(name); slices.Contains(thinkingFields, field) {
			p.refuse(name, nil, "the API knows it only under generationConfig.thinkingConfig", fmt.Sprintf("write generationConfig: {thinkingConfig: {%s: ...}}", field))
		}
	}
	near := func(in map[string]any, path string, known []string) {
		for _, name := range slices.Sorted(maps.Keys(in)) {
			if n := NearestField(name, known); n != "" {
				p.warnings = append(p.warnings, fmt.Sprintf("request.%s%s is not known: did you mean %q? It is sent as it is", path, name, n))
			}
		}
	}
	near(p.request, "", topFields)
	near(p.config, "generationConfig.", configFields)
}

// checkEndpoint looks at what only one of Google's two APIs takes.
func (p *checker) checkEndpoint() {
	if v, at := p.get(p.request, "", "labels"); v != nil && p.Dialect == gemini.GoogleDialect {
		p.refuse(at, nil, "only Vertex AI takes labels", "leave them out, or use --endpoint vertex")
	}
	if v, at := p.get(p.request, "", "serviceTier"); v != nil {
		if p.Dialect == gemini.VertexDialect {
			p.refuse(at, v, "Vertex AI takes no serviceTier in the body", "use --header X-Vertex-AI-LLM-Shared-Request-Type=flex")
		} else if tier, ok := enumText(p.request, "serviceTier"); ok && !slices.Contains(serviceTiers, strings.ToLower(tier)) {
			p.refuse(at, v, anyModel+"standard, flex and priority", "")
		}
	}
	if cache, at := p.get(p.request, "", "cachedContent"); cache != nil {
		for _, name := range []string{"systemInstruction", "tools", "toolConfig"} {
			if apijson.Field(p.request, name) != nil {
				p.refuseBeside([]string{name}, at, cache, anyModel+"no "+name+" beside it", "put it into the cache, or leave cachedContent out")
			}
		}
	}
}

func (p *checker) checkThinking() {
	const path = "generationConfig.thinkingConfig"
	thinking := p.object(p.config, "generationConfig", "thinkingConfig")
	budget, budgetAt := p.get(thinking, path, "thinkingBudget")
	level, levelAt := p.get(thinking, path, "thinkingLevel")
	if budget != nil && level != nil {
		p.refuse(path, thinking, anyModel+"thinkingBudget or thinkingLevel", "keep thinkingLevel for Gemini 3 and later, thinkingBudget for 2.5")
		return
	}
	k, known := gemini.ThinkingOf(p.Model)
	if !known || len(thinking) == 0 {
		return
	}
	switch {
	case k.Refused:
		p.refuse(path, thinking, p.Model+" takes no thinkingConfig", "leave it out")
	case budget != nil:
		n, ok := numberOf(budget)
		switch {
		case !ok || n != math.Trunc(n):
			p.refuse(budgetAt, budget, anyModel+"a whole number of tokens", "")
		case k.NoBudget:
			p.refuse(budgetAt, budget, p.Model+" takes no thinkingBudget", "use thinkingLevel: "+strings.Join(k.Levels, ", "))
		case k.MostBudget == 0 && k.Levels != nil:
			p.warnings = append(p.warnings, fmt.Sprintf("request.%s is taken by %s for compatibility at most: use thinkingLevel (%s)", budgetAt, p.Model, strings.Join(k.Levels, ", ")))
		case k.MostBudget == 0 || n == -1 || n == 0 && k.BudgetOff:
		case n < float64(k.LeastBudget) || n > float64(k.MostBudget):
			why := fmt.Sprintf("%s takes %d to %d, or -1 (as it sees fit)", p.Model, k.LeastBudget, k.MostBudget)
			if k.BudgetOff && k.LeastBudget > 0 {
				why += ", or 0 (off)"
			} else if n == 0 {
				why += "; its thinking cannot be turned off"
			}
			p.refuse(budgetAt, budget, why, "")
		}
	case level != nil:
		name, ok := level.(string)
		lower := strings.ToLower(name)
		switch {
		case !ok || lower == "thinking_level_unspecified":
		case len(k.Levels) == 0:
			p.refuse(levelAt, level, p.Model+" takes no thinkingLevel", fmt.Sprintf("use thinkingBudget: %d to %d", k.LeastBudget, k.MostBudget))
		case !slices.Contains(k.Levels, lower):
			p.refuse(levelAt, level, fmt.Sprintf("%s takes %s", p.Model, strings.Join(k.Levels, ", ")), "")
		}
	}
}

// checkNumbers looks at the numbers of generationConfig, by the table.
func (p *checker) checkNumbers() {
	for _, r := range ranges {
		v, at := p.get(p.config, "generationConfig", r.name)
		if v == nil {
			continue
		}
		n, ok := numberOf(v)
		if !ok || r.whole && n != math.Trunc(n) || n < r.least || n > r.most || r.below && n == r.most {
			p.refuse(at, v, anyModel+r.takes, "")
		}
	}
	if stops := p.list(p.config, "generationConfig", "stopSequences"); len(stops) > maxStopSequences {
		p.refuse("generationConfig.stopSequences", nil, fmt.Sprintf("%sat most %d, and there are %d", anyModel, maxStopSequences, len(stops)), "")
	}
	if v, at := p.get(p.config, "generationConfig", "temperature"); v != nil {
		if c, known := gemini.ControlsOf(p.Model); known && !c.Temperature {
			p.warnings = append(p.warnings, fmt.Sprintf("request.%s is ignored by %s", at, p.Model))
		}
	}
	if v, at := p.get(p.config, "generationConfig", "logprobs"); v != nil && apijson.Field(p.config, "responseLogprobs") != true {
		p.refuseBeside([]string{"generationConfig.responseLogprobs"}, at, v, anyModel+"it with responseLogprobs alone", "add responseLogprobs: true")
	}
	if v, at := p.get(p.config, "generationConfig", "candidateCount"); v != nil {
		if n, ok := numberOf(v); ok && n > 1 {
			if kind := p.modelType(); kind == "image" || kind == "tts" || isArgon(p.Model) {
				p.refuse(at, v, p.Model+" gives one candidate", "leave it out")
			}
		}
	}
}

// checkOutput looks at the length and the form of answers.
func (p *checker) checkOutput() {
	if v, at := p.get(p.config, "generationConfig", "maxOutputTokens"); v != nil {
		e, _ := p.Prices.Lookup(p.Model, p.Now)
		n, ok := numberOf(v)
		switch {
		case !ok || n != math.Trunc(n) || n < 1:
			p.refuse(at, v, anyModel+"a whole number above 0", "")
		case e.OutputLimit == 0 || n <= float64(e.OutputLimit):
		case !e.UnaryLimit:
			p.refuse(at, v, fmt.Sprintf("%s gives at most %d tokens", p.Model, e.OutputLimit), "")
		case !p.Stream:
			p.refuse(at, v, fmt.Sprintf("%s gives at most %d tokens in an answer that is not streamed", p.Model, e.OutputLimit), "add --stream")
		}
	}
	format, given := enumText(p.config, "responseMimeType")
	format = strings.ToLower(format)
	schema, schemaAt := p.get(p.config, "generationConfig", "responseSchema")
	jsonSchema, jsonAt := p.get(p.config, "generationConfig", "responseJsonSchema")
	const formatAt = "generationConfig.responseMimeType"
	switch {
	case schema != nil && jsonSchema != nil:
		p.refuseBeside([]string{jsonAt}, schemaAt, nil, anyModel+"responseSchema or responseJsonSchema", "keep one of them")
	case schema != nil && format != "application/json" && format != "text/x.enum":
		p.refuseBeside([]string{formatAt}, schemaAt, nil, anyModel+"it with responseMimeType application/json or text/x.enum", "set responseMimeType")
	case jsonSchema != nil && format != "application/json":
		p.refuseBeside([]string{formatAt}, jsonAt, nil, anyModel+"it with responseMimeType application/json", "set responseMimeType")
	}
	if given && format == "application/json" && len(p.list(p.request, "", "tools")) > 0 && jsonOrTools(p.Model) {
		p.refuseBeside([]string{"tools"}, formatAt, "application/json", p.Model+" answers in JSON only without tools", "use a model of Gemini 3 or later, or leave the tools out")
	}
}

// modelType is the price table's kind of the model; empty if not known.
func (p *checker) modelType() string {
	e, _ := p.Prices.Lookup(p.Model, p.Now)
	return e.Type
}

func (p *checker) checkModalities() {
	const path = "generationConfig.responseModalities"
	var asked []string
	given := p.list(p.config, "generationConfig", "responseModalities")
	for _, v := range given {
		m, ok := v.(string)
		if !ok {
			return // by number
		}
		if m = strings.ToUpper(m); !slices.Contains(modalities, m) {
			p.refuse(path, v, anyModel+strings.Join(modalities, ", "), "")
			return
		}
		asked = append(asked, m)
	}
	kind := p.modelType()
	if kind == "tts" && !slices.Equal(asked, []string{"AUDIO"}) {
		// A whole request (raw:) may have the field itself.
		p.refuseBeside([]string{path}, path, orNone(given), p.Model+" speaks, and takes AUDIO alone", "set responseModalities: [AUDIO]")
		return
	}
	for _, m := range asked {
		if takes, known := modelModalities[kind]; known && !slices.Contains(takes, m) {
			p.refuse(path, given, fmt.Sprintf("%s puts out %s", p.Model, strings.Join(takes, " and ")), "choose a model that makes what you want (genbatch prices)")
		}
	}
}

func orNone(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

// checkMedia looks at images, speech and the resolution of what is sent.
func (p *checker) checkMedia() {
	image := p.object(p.config, "generationConfig", "imageConfig")
	const at = "generationConfig.imageConfig."
	if ratio, ok := apijson.Field(image, "aspectRatio").(string); ok && !slices.Contains(aspectRatios, ratio) {
		p.refuse(at+"aspectRatio", ratio, anyModel+strings.Join(aspectRatios, ", "), "")
	}
	if size, ok := apijson.Field(image, "imageSize").(string); ok && !slices.Contains(imageSizes, size) {
		upper := strings.ToUpper(size)
		switch known := slices.Contains(imageSizes, upper); {
		case known && p.Dialect == gemini.GatewayDialect: // some gateways document it so
		case known:
			p.refuse(at+"imageSize", size, anyModel+"an upper-case K", "write "+upper)
		default:
			p.refuse(at+"imageSize", size, anyModel+strings.Join(imageSizes, ", "), "")
		}
	}
	if r, ok := enumText(p.config, "mediaResolution"); ok && !slices.Contains(resolutions, r) {
		p.refuse("generationConfig.mediaResolution", r, anyModel+strings.Join(resolutions[1:], ", "), "")
	}
	speech := p.object(p.config, "generationConfig", "speechConfig")
	if several := p.object(speech, "generationConfig.speechConfig", "multiSpeakerVoiceConfig"); several != nil {
		const at = "generationConfig.speechConfig.multiSpeakerVoiceConfig.speakerVoiceConfigs"
		if n := len(p.list(several, "", "speakerVoiceConfigs")); n != 2 {
			p.refuse(at, nil, fmt.Sprintf("%sexactly 2 speakers, and there are %d", anyModel, n), "use voiceConfig for one")
		}
		if apijson.Field(speech, "voiceConfig") != nil {
			p.refuse("generationConfig.speechConfig", nil, anyModel+"voiceConfig or multiSpeakerVoiceConfig", "keep one of them")
		}
	}
}

func (p *checker) checkSafety() {
	seen := make(map[string]bool)
	for i, v := range p.list(p.request, "", "safetySettings") {
		setting, _ := v.(map[string]any)
		at := fmt.Sprintf("safetySettings[%d]", i)
		if category, ok := enumText(setting, "category"); ok {
			switch known := slices.Contains(harmCategories, category); {
			case seen[category]:
				p.refuse(at+".category", category, anyModel+"one setting for each category", "leave one out")
			case !known && slices.Contains(harmCategories, "HARM_CATEGORY_"+category):
				p.refuse(at+".category", category, anyModel+"the whole name", "write HARM_CATEGORY_"+category)
			case !known && !strings.HasPrefix(category, "HARM_CATEGORY_"):
				p.refuse(at+".category", category, anyModel+strings.Join(harmCategories[:4], ", "), "")
			}
			seen[category] = true
		}
		if threshold, ok := enumText(setting, "threshold"); ok && !slices.Contains(thresholds, threshold) {
			hint := ""
			if right := misnamedThresholds[threshold]; right != "" {
				hint = "write " + right + " (a gateway documents " + threshold + ", which the API never had)"
			}
			p.refuse(at+".threshold", threshold, anyModel+strings.Join(thresholds[1:], ", "), hint)
		}
	}
}

func (p *checker) checkTools() {
	declared := make(map[string]bool)
	some := false
	for i, v := range p.list(p.request, "", "tools") {
		tool, _ := v.(map[string]any)
		some = true
		for k, v := range p.list(tool, "", "functionDeclarations") {
			f, _ := v.(map[string]any)
			at := fmt.Sprintf("tools[%d].functionDeclarations[%d]", i, k)
			name, _ := apijson.Field(f, "name").(string)
			switch {
			case !functionName.MatchString(name):
				p.refuse(at+".name", name, anyModel+"at most 128 letters, digits, _ . : and -, a letter or _ first", "")
			case declared[name]:
				p.refuse(at+".name", name, anyModel+"a name once", "rename one of the functions")
			}
			declared[name] = true
			if apijson.Field(f, "parameters") != nil && apijson.Field(f, "parametersJsonSchema") != nil {
				p.refuse(at, nil, anyModel+"parameters or parametersJsonSchema", "keep one of them")
			}
		}
	}
	config := p.object(p.request, "", "toolConfig")
	calling := p.object(config, "toolConfig", "functionCallingConfig")
	const at = "toolConfig.functionCallingConfig"
	if mode, ok := enumText(calling, "mode"); ok && !slices.Contains(callingModes, mode) {
		p.refuse(at+".mode", mode, anyModel+strings.Join(callingModes[1:], ", "), "")
	}
	for _, v := range p.list(calling, at, "allowedFunctionNames") {
		if name, ok := v.(string); ok && !declared[name] {
			hint := ""
			if near := message.Nearest(name, slices.Sorted(maps.Keys(declared))); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			p.refuseBeside([]string{"tools"}, at+".allowedFunctionNames", name, anyModel+"names of functions that tools declares", hint)
		}
	}
	if mode, _ := enumText(calling, "mode"); !some && apijson.Field(p.request, "cachedContent") == nil && (mode == "ANY" || mode == "VALIDATED") {
		p.refuseBeside([]string{"tools", "cachedContent"}, at+".mode", mode, anyModel+"it with functions that tools declares", "add tools, or leave toolConfig out")
	}
}

// jsonOrTools reports whether a model is of a generation that has not both.
func jsonOrTools(model string) bool {
	model = model[strings.LastIndexByte(model, '/')+1:]
	return slices.ContainsFunc(noJSONWithTools, func(prefix string) bool { return strings.HasPrefix(model, prefix) })
}

func isArgon(model string) bool {
	k, known := gemini.ThinkingOf(model)
	return known && k.NoBudget
}
