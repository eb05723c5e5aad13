package schema

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Elements returns the elements of the lists of objects that stand in an answer's text, in
// order. Mostly that is one list, possibly in a fence, in an object or between words. whole
// reports whether there is a list and none breaks off. Of one that does the elements before the
// break are returned, which are whole as such.
func Elements(text string) (elements []json.RawMessage, whole bool) {
	all := []byte(text)
	for at := 0; ; {
		next := bytes.IndexByte(all[at:], '[')
		if next < 0 {
			return elements, whole
		}
		if at += next; !beginsList(text[at:]) {
			at++
			continue
		}
		whole = false
		for at++; ; {
			at += blank(all[at:])
			end := at + endOf(all[at:])
			if end == at || !json.Valid(all[at:end]) {
				break // the end, or what cannot be told from what stands in a string
			}
			elements = append(elements, all[at:end:end])
			at = end + blank(all[end:])
			if at == len(all) || all[at] != ',' {
				break
			}
			at++
		}
		if at == len(all) || all[at] != ']' || lastByte(all[:at]) == ',' {
			return elements, false
		}
		whole = true
		at++
	}
}

// blank returns how many blanks a text begins with.
func blank(text []byte) int { return len(text) - len(bytes.TrimLeft(text, blanks)) }

// lastByte returns the last byte of a text that is no blank.
func lastByte(text []byte) byte {
	text = bytes.TrimRight(text, blanks)
	return text[len(text)-1]
}

// endOf returns where the JSON value ends with which a text begins, if it is valid; 0 if none
// begins or it has no end. Nothing is decoded, since of a list that many rows share each of them
// needs one element.
func endOf(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if i >= len(text) {
				return 0
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth--; depth < 0 {
				return i // of a number or a word, which nothing else ends
			}
		case ',':
			if depth == 0 {
				return i
			}
			continue
		case ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return 0
}

// beginsList reports whether a text that begins with a bracket is meant as a list of objects.
func beginsList(text string) bool {
	rest := strings.TrimLeft(text[1:], blanks)
	return strings.HasPrefix(rest, "]") || strings.HasPrefix(rest, "{") && begins(text)
}
