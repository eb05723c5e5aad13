package shells

import (
	"fmt"
	"io"
	"strings"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/complete"
	"github.com/genbatch/genbatch/internal/terminal"
)

// A word is the last one of a line of bash.
type word struct {
	raw   string // as it is written
	text  string // what bash makes of it, without its expansions
	quote byte   // the quote that is open at its end, or 0
	opens int    // where in raw what stands in the open quote begins
}

// parseBash divides a line into words as bash does. The last word is the current one, which
// may be empty. Variables and substitutions stay as they are written.
func parseBash(line string) (words []string, current word) {
	var text strings.Builder
	begin, begun := 0, false
	var quote byte
	opens := 0
	for i := 0; i < len(line); i++ {
		c := line[i]
		next := byte(0)
		if i+1 < len(line) {
			next = line[i+1]
		}
		switch {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if begun {
				words = append(words, text.String())
				text.Reset()
			}
			begin, begun = i+1, false
			continue
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, opens = c, i+1-begin
		case c == '\\' && quote != '\'':
			switch {
			case i+1 == len(line): // nothing to quote yet
			case quote == '"' && !strings.ContainsRune("\"\\$`\n", rune(next)):
				text.WriteByte(c)
			default:
				i++
				if next != '\n' {
					text.WriteByte(next)
				}
			}
		default:
			text.WriteByte(c)
		}
		begun = true
	}
	return words, word{raw: line[begin:], text: text.String(), quote: quote, opens: opens}
}

// bashOptions are what bash says of a completion.
type bashOptions struct {
	breaks  string // $COMP_WORDBREAKS
	listing bool   // false if the candidates are put into the line one after another
	columns int    // of the terminal
}

// writeBash writes what takes the place of the word that is typed, a line for each candidate
// that begins with it. Bash takes for the word only what stands behind the last of its breaks,
// such as a colon. What is typed stays as it is; the rest is quoted as the word needs.
func writeBash(w io.Writer, current word, all []complete.Candidate, o bashOptions) {
	cut := current.cut(o.breaks)
	var matches []complete.Candidate
	var texts []string
	for _, c := range all {
		rest, ok := strings.CutPrefix(c.Value, current.text)
		if !ok {
			continue
		}
		raw := current.raw
		if trimmed, odd := strings.CutSuffix(raw, `\`); odd && current.quote != '\'' && !strings.HasSuffix(trimmed, `\`) {
			raw = trimmed // a backslash that quotes nothing yet
		}
		before := raw[min(cut, len(raw)):]
		text := before + quoted(rest, current.quote)
		switch {
		case c.Open:
		case before == "" && current.quote == 0 && quoted(rest, 0) != rest && !strings.Contains(rest, "'"):
			text = "'" + rest + "' " // reads better than a backslash before each character
		case current.quote != 0:
			text += string(current.quote)
		default:
			text += " "
		}
		matches, texts = append(matches, c), append(texts, text)
	}
	if len(texts) == 1 || !o.listing {
		for _, text := range texts {
			fmt.Fprintln(w, text)
		}
		return
	}
	for _, line := range withNotes(texts, matches, o.columns) {
		fmt.Fprintln(w, line)
	}
}

// withNotes writes notes behind texts. Bash puts only what all lines begin with into the command
// line, and shows the lines. A line of more than half a screen has it to itself.
func withNotes(texts []string, matches []complete.Candidate, columns int) []string {
	width, noted := 0, false
	for i, c := range matches {
		width = max(width, min(terminal.Width(texts[i]), 30))
		noted = noted || c.Note != ""
	}
	if !noted {
		return texts
	}
	lines := make([]string, len(texts))
	for i, c := range matches {
		line := texts[i] + strings.Repeat(" ", max(0, width-terminal.Width(texts[i])))
		if c.Note != "" {
			line += " (" + c.Note + ")"
		}
		line = terminal.Cut(line, columns-2)
		lines[i] = line + strings.Repeat(" ", max(0, columns/2+1-terminal.Width(line)))
	}
	return lines
}

// cut returns where in the word bash begins what it replaces: behind the quote that is open,
// or behind the last of its breaks that is not quoted.
func (c *word) cut(breaks string) int {
	if c.quote != 0 {
		return c.opens
	}
	cut := 0
	var quote byte
	for i := 0; i < len(c.raw); i++ {
		switch b := c.raw[i]; {
		case b == '\\' && quote != '\'':
			i++
		case b == quote:
			quote = 0
			if strings.IndexByte(breaks, b) >= 0 {
				cut = i + 1
			}
		case quote != 0:
		case b == '\'' || b == '"':
			quote = b
			if strings.IndexByte(breaks, b) >= 0 {
				cut = i + 1
			}
		case strings.IndexByte(breaks, b) < 0:
		case b == '@' || b == '$': // readline leaves these with the word, for names of hosts and variables
			cut = i
		default:
			cut = i + 1
		}
	}
	return cut
}

// quoted returns text as it is written in bash, within a quote that is open, if any.
func quoted(text string, quote byte) string {
	var b strings.Builder
	for _, r := range text {
		switch quote {
		case '\'':
			if r == '\'' {
				b.WriteString(`'\'`) // ends the quote, and begins it anew
			}
		case '"':
			if strings.ContainsRune("\"\\$`", r) {
				b.WriteByte('\\')
			}
		default:
			if strings.ContainsRune(" !\"#$&'()*;<>?[\\]^`{|}~", r) {
				b.WriteByte('\\')
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}
