// Package request shows a request as one reads it on a screen.
package request

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/terminal"
)

// Text shows as much of a request as one reads on a screen. A value that fits into a
// line stands in one, and a long one, such as a prompt, takes some rows at most.
func Text(request json.RawMessage) string {
	const (
		most     = 24 // rows
		ofValues = 6  // rows of one line
	)
	d := json.NewDecoder(bytes.NewReader(request))
	d.UseNumber()
	var rows []string
	whole := true
	for line := range strings.SplitSeq(valueText(d, 0, 0), "\n") {
		// What is much longer than its rows is not even looked at.
		parts := terminal.Wrap(terminal.Line(line, (ofValues+1)*terminal.Columns), terminal.Columns)
		if len(parts) > ofValues {
			parts, whole = parts[:ofValues], false
			parts[ofValues-1] += " …"
		}
		for _, part := range parts {
			row := terminal.Cut(part, terminal.Columns)
			whole = whole && row == part
			rows = append(rows, row)
		}
	}
	if len(rows) > most {
		rows, whole = rows[:most-1], false
	}
	if !whole {
		rows = append(rows, "… shortened: genbatch plan --json has all of it, as first_request")
	}
	return strings.Join(rows, "\n") + "\n"
}

// valueText writes the next value of d, which stands behind a name of so many columns. What
// does not fit into the line is broken into several, each with the indent and more.
func valueText(d *json.Decoder, indent, name int) string {
	token, err := d.Token()
	if err != nil {
		return "" // it is a request that was made as JSON
	}
	open, isDelim := token.(json.Delim)
	if !isDelim {
		return scalarText(token)
	}
	var items []string
	for d.More() {
		key := ""
		if open == '{' {
			k, _ := d.Token()
			key = scalarText(k) + ": "
		}
		items = append(items, key+valueText(d, indent+2, terminal.Width(key)))
	}
	end, _ := d.Token()
	line := fmt.Sprintf("%v%s%v", open, strings.Join(items, ", "), end)
	if !strings.Contains(line, "\n") && indent+name+terminal.Width(line) < terminal.Columns {
		return line
	}
	pad := "\n" + strings.Repeat(" ", indent)
	return fmt.Sprintf("%v%s  %s%s%v", open, pad, strings.Join(items, ","+pad+"  "), pad, end)
}

// scalarText writes a value that is neither an object nor a list.
func scalarText(v json.Token) string {
	text, err := apijson.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}
