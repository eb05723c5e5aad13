package spec

import (
	"fmt"
	"slices"

	"golang.org/x/text/unicode/norm"

	"github.com/genbatch/genbatch/internal/message"
)

// An Error is a mistake in the flags, the job file or the input, which the user can correct.
// Nothing was sent because of it.
type Error struct {
	Err  error  // what is wrong, with its place if it has one
	Hint string // how to correct it; may be empty
}

// Errorf returns an [*Error] with a text formatted as by [fmt.Errorf]. The hint may be empty.
func Errorf(hint, format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...), Hint: hint}
}

// Error returns what is wrong, and the hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Hint
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// SameText reports whether two texts are read as the same one: whether they are equal in
// Unicode's form NFC. A letter with an accent can be one character or two, and programs
// write it either way.
func SameText(a, b string) bool {
	return a == b || norm.NFC.String(a) == norm.NFC.String(b)
}

// CheckColumns returns an [*Error] if an option names a column that the input does not have.
// The option's name is for the message; used are the columns that it names.
func CheckColumns(option string, used, input []string) error {
	for _, name := range used {
		if !slices.Contains(input, name) {
			hint := "the input has " + message.List(input)
			if i := slices.IndexFunc(input, func(n string) bool { return SameText(n, name) }); i >= 0 {
				return Errorf("copy its name from the input", "%s names the column %q, which the input writes with other Unicode characters (composed or decomposed letters)", option, name)
			}
			if near := message.Nearest(name, input); near != "" {
				hint = fmt.Sprintf("did you mean %q? %s", near, hint)
			}
			return Errorf(hint, "%s names the column %q, which the input does not have", option, name)
		}
	}
	return nil
}
