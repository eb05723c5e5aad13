package draft

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain matches texts that need no quotes in any version of YAML. They are short words, paths
// and names of models.
var plain = regexp.MustCompile(`^(?:/|(?:\.\.?/)+)?[A-Za-z][A-Za-z0-9_-]*(?:[./ ]?[A-Za-z0-9_-]+)*$`)

// notPlain are words that YAML 1.1 or 1.2 takes for something else than a text.
var notPlain = regexp.MustCompile(`(?i)^(y|yes|n|no|true|false|on|off|null|nan|inf)$`)

// quote returns a text as YAML has it on one line. It is in double quotes unless it is a plain
// word. What a terminal obeys, or shows as nothing, is written as an escape.
func quote(text string) string {
	if len(text) <= 100 && plain.MatchString(text) && !notPlain.MatchString(text) {
		return text
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError, r > unicode.MaxLatin1 && unicode.IsPrint(r), r >= ' ' && r <= '~', r > 0xa0 && unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
