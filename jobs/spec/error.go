package spec

import (
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/internal/message"
)

// A Error is a mistake in flags, job file or input: nothing was sent.
type Error struct {
	Err  error
	Hint string // the remedy; may be empty
}

// Errorf returns an [Error] whose text is formatted as by [fmt.Errorf]; hint may be
// empty.
func Errorf(hint, format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...), Hint: hint}
}

// CheckUses returns an error when an option uses a column that is not among names.
func CheckUses(option string, uses, names []string) error {
	for _, use := range uses {
		if !slices.Contains(names, use) {
			hint := "the input has " + message.List(names)
			if near := message.Nearest(use, names); near != "" {
				hint = fmt.Sprintf("did you mean %q? %s", near, hint)
			}
			return Errorf(hint, "%s names the column %q, which the input does not have", option, use)
		}
	}
	return nil
}
