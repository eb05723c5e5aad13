package spec

import (
	"fmt"
	"slices"

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

// CheckColumns returns an [*Error] if an option names a column that the input does not have.
// The option's name is for the message; used are the columns that it names.
func CheckColumns(option string, used, input []string) error {
	for _, name := range used {
		if !slices.Contains(input, name) {
			hint := "the input has " + message.List(input)
			if near := message.Nearest(name, input); near != "" {
				hint = fmt.Sprintf("did you mean %q? %s", near, hint)
			}
			return Errorf(hint, "%s names the column %q, which the input does not have", option, name)
		}
	}
	return nil
}
