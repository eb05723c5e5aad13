package wire

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
)

// snakeName finds a member's name in snake_case. Within a string the quotes are escaped, so
// that a text about JSON does not match.
var snakeName = regexp.MustCompile(`"[a-z]+(?:_[a-z]+)+"\s*:`)

// users are the fields of an answer below which all names are the user's.
var users = []string{"args", "response", "partMetadata"}

// Camel returns an answer with the API's field names in camelCase. Some gateways write them
// in snake_case, as Google's Python library does. If a field comes in both spellings, the one
// in camelCase counts. The result may be text itself, and is so for nearly all answers.
func Camel(text json.RawMessage) json.RawMessage {
	if !snakeName.Match(text) {
		return text
	}
	return camel(text)
}

func camel(text json.RawMessage) json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) == nil && list != nil {
		for i := range list {
			list[i] = camel(list[i])
		}
		return marshal(list, text)
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil || object == nil {
		return text
	}
	named := make(map[string]json.RawMessage, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		field := camelName(name)
		value := object[name]
		if !slices.Contains(users, field) {
			value = camel(value)
		}
		if _, both := object[field]; field == name || !both {
			named[field] = value
		}
	}
	return marshal(named, text)
}

// marshal returns v as JSON. It consists of pieces of text, so that it is valid if text is.
func marshal(v any, text json.RawMessage) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return b
}

// camelName returns a name without its underscores.
func camelName(name string) string {
	words := strings.Split(name, "_")
	for i := 1; i < len(words); i++ {
		if w := words[i]; w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// BothSpellings returns the names, and behind them the snake_case form of those that have
// another one.
func BothSpellings(names ...string) []string {
	all := slices.Clone(names)
	for _, name := range names {
		if snake := apijson.SnakeCase(name); snake != name {
			all = append(all, snake)
		}
	}
	return all
}
