package args

import (
	"strings"

	"github.com/genbatch/genbatch/internal/terminal"
)

// Quote quotes a word for POSIX shells, if it needs quotes.
func Quote(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("-_./:=@%+,~", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return word
	}
	if safe := terminal.Safe(word); safe != word { // as bash and zsh read it back
		return "$'" + terminal.Safe(strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`).Replace(word)) + "'"
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
