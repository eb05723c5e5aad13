package answer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// functionCalls returns the calls that the model makes. In the modes AUTO and VALIDATED
// it calls the function that the text speaks of, if any, and in mode ANY always one. Any
// function that the text clearly asks for is called besides.
func (t *Turn) functionCalls() []part {
	p, tools := t.Prompt, &t.Request.Tools
	var names []string
	var lines strings.Builder
	byName := map[string]wire.Function{}
	for _, f := range tools.Functions {
		if len(tools.Allowed) > 0 && !slices.Contains(tools.Allowed, f.Name) {
			continue
		}
		names = append(names, f.Name)
		byName[f.Name] = f
		fmt.Fprintf(&lines, "%s: %s\n", f.Name, strings.ReplaceAll(f.Description, "\n", " "))
	}
	if len(names) == 0 || tools.Mode == "NONE" || tools.Mode != "ANY" && functionResults(t.Request) != "" {
		return nil
	}
	c, text := t.Classifiers.classifier(names, lines.String(), p.User)
	best, _ := c.pick(text)
	// One word of a description alone is chance.
	const sure = 1
	scores := c.scores(text)
	var called []string
	for i, name := range names {
		if i == best && (tools.Mode == "ANY" || scores[i] >= sure) || scores[i] >= 2*sure || strings.Contains(p.User, name) {
			called = append(called, name)
		}
	}

	var parts []part
	for i, name := range called {
		call := &functionCall{Name: name, Args: json.RawMessage("{}")}
		if f := byName[name]; f.Schema != nil {
			g := newGenerator(f.Schema, p, t.Classifiers)
			g.nouns = properNouns(g.subject())
			g.value(f.Schema, "", 0)
			call.Args = g.buf
		}
		if !t.Model.Before3() {
			call.ID = chance.Name(chance.Hash(p.User)+uint64(i), 8)
		}
		parts = append(parts, part{Call: call})
	}
	return parts
}

// functionResults returns what functions have answered, as a text. It is empty unless
// the conversation ends with that.
func functionResults(q *wire.Request) string {
	if len(q.Contents) == 0 {
		return ""
	}
	var said []string
	for _, p := range q.Contents[len(q.Contents)-1].Parts {
		if p.Response == nil {
			continue
		}
		name, _ := p.Response["name"].(string)
		text, err := json.Marshal(p.Response["response"])
		if err != nil {
			continue
		}
		said = append(said, fmt.Sprintf("%s answers %s.", name, wire.Clip(string(text), echoLimit)))
	}
	return strings.Join(said, " ")
}

// properNouns returns the runs of capitalized words that begin no sentence. They are the
// places and people of a text, which make good arguments.
func properNouns(s string) []string {
	var found []string
	var run []string
	end := func() {
		if len(run) > 0 {
			found = append(found, strings.Join(run, " "))
		}
		run = nil
	}
	first := true
	for w := range strings.FieldsSeq(wire.Clip(s, 4000)) {
		bare := strings.TrimFunc(w, func(r rune) bool { return !isWord(r) })
		upper := bare != "" && unicode.IsUpper([]rune(bare)[0])
		if upper && !first {
			run = append(run, bare)
		} else {
			end()
		}
		if strings.TrimRight(w, ".,;:!?)\"'") != w {
			end()
		}
		first = strings.HasSuffix(w, ".") || strings.HasSuffix(w, "!") || strings.HasSuffix(w, "?") || strings.HasSuffix(w, ":")
	}
	end()
	return found
}
