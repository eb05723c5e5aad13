package gemini

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

// A form is how a body is written. It is recognised from the body itself. Gateways send
// another form than was asked for, or than their Content-Type says.
type form uint8

const (
	formEmpty  form = iota
	formObject      // one JSON object
	formList        // several objects: a JSON array, server-sent events, or one after another
	formHTML        // an HTML page
	formOther       // none of these
)

// A document is a body, split into the JSON objects that it holds.
type document struct {
	form   form
	chunks []json.RawMessage
	cut    bool // the body broke off, or held something that is not JSON

	plain *plainReading // the only chunk, if it has been read already
}

// split splits a body into its chunks. They may share memory with body.
func split(body []byte) document {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if len(body) == 0 {
		return document{}
	}
	switch body[0] {
	case '{':
		d := document{form: formObject}
		if d.plain = readPlain(body); d.plain != nil || json.Valid(body) { // the usual case, without a copy
			d.chunks = []json.RawMessage{body}
			return d
		}
		d.values(body)
		if len(d.chunks) > 1 {
			d.form = formList
		}
		return d
	case '[':
		d := document{form: formList}
		d.array(body)
		return d
	case '<':
		return document{form: formHTML}
	}
	if eventField(body) {
		d := document{form: formList}
		d.events(body)
		return d
	}
	return document{form: formOther}
}

// values adds JSON values that stand one after another.
func (d *document) values(b []byte) {
	dec := json.NewDecoder(bytes.NewReader(b))
	for {
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			d.cut = d.cut || err != io.EOF
			return
		}
		if v[0] == '[' {
			d.array(v)
		} else {
			d.add(v)
		}
	}
}

// array adds the elements of a JSON array, even if the array breaks off.
func (d *document) array(b []byte) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if _, err := dec.Token(); err != nil {
		d.cut = true
		return
	}
	for dec.More() {
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			d.cut = true
			return
		}
		d.add(v)
	}
	if _, err := dec.Token(); err != nil {
		d.cut = true
	}
}

func (d *document) add(v json.RawMessage) {
	if v[0] == '{' {
		d.chunks = append(d.chunks, v)
	}
}

// events adds the data of server-sent events. Unlike the standard, it also reads lines
// that belong to no field: Google ends a stream that fails with a bare JSON error.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
func (d *document) events(b []byte) {
	var data, bare []byte
	dispatch := func() {
		if data = bytes.TrimSpace(data); len(data) > 0 && string(data) != "[DONE]" {
			d.values(data)
		}
		data = data[:0]
	}
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		switch {
		case len(line) == 0:
			dispatch()
		case bytes.HasPrefix(line, []byte("data:")):
			data = append(append(data, bytes.TrimPrefix(line[len("data:"):], []byte(" "))...), '\n')
		case !eventField(line):
			bare = append(append(bare, line...), '\n')
		}
	}
	dispatch()
	if bare = bytes.TrimSpace(bare); len(bare) > 0 {
		d.values(bare)
	}
}

// eventField reports whether a line belongs to an event stream.
func eventField(line []byte) bool {
	for _, name := range []string{"data:", "event:", "id:", "retry:", ":"} {
		if bytes.HasPrefix(line, []byte(name)) {
			return true
		}
	}
	return false
}

// cutLine returns the first line, which ends in LF, CR LF or CR, and the rest.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	if b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n' {
		return b[:i], b[i+2:]
	}
	return b[:i], b[i+1:]
}

// raw returns the body in the form in which it is kept: compact valid JSON in valid
// UTF-8. It is one object, or an array of the chunks of a stream. It may share memory
// with the body.
func (d *document) raw() json.RawMessage {
	if d.plain != nil {
		return d.plain.compact
	}
	if len(d.chunks) == 0 {
		return nil
	}
	var b bytes.Buffer
	if d.form == formList {
		b.WriteByte('[')
	}
	for i, c := range d.chunks {
		if i > 0 {
			b.WriteByte(',')
		}
		if json.Compact(&b, c) != nil {
			return nil
		}
	}
	if d.form == formList {
		b.WriteByte(']')
	}
	if !utf8.Valid(b.Bytes()) {
		return bytes.ToValidUTF8(b.Bytes(), []byte("\ufffd"))
	}
	return b.Bytes()
}
