package wire

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Present records that a field exists and is not null.
type Present bool

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Present) UnmarshalJSON(b []byte) error {
	*p = string(b) != "null"
	return nil
}

// Enum is an enum's name. A server that is asked for numbers answers with a number. That
// is kept as digits until the field's own table gives its name.
type Enum string

// UnmarshalJSON implements [json.Unmarshaler].
func (e *Enum) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case json.Unmarshal(b, &s) == nil:
		*e = Enum(s)
	case len(b) > 0 && (b[0] == '-' || '0' <= b[0] && b[0] <= '9'):
		*e = Enum(b)
	}
	return nil
}

// Name returns the enum's name as the API writes it. A number is looked up in the table,
// and stays a number if it is not there. Gateways write names in lower case, or with the
// type in front, as Python prints an enum: FinishReason.STOP.
func (e Enum) Name(table []string) string {
	if e == "" {
		return ""
	}
	if e[0] > '9' {
		name := string(e)
		if i := strings.LastIndexByte(name, '.'); i >= 0 && i+1 < len(name) && strings.Trim(name, "._ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == "" {
			name = name[i+1:]
		}
		return strings.ToUpper(name)
	}
	if i, err := strconv.Atoi(string(e)); err == nil && 0 <= i && i < len(table) {
		return table[i]
	}
	return string(e)
}

// Tolerable reports whether an error of encoding/json only says that some value has
// another type. The other values have been decoded all the same.
func Tolerable(err error) bool {
	_, ok := err.(*json.UnmarshalTypeError)
	return ok
}
