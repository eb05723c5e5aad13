package answer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"

	"github.com/genbatch/genbatch/internal/sim/tokens"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A packAnswer is the answer to a pack.
type packAnswer struct {
	text    string
	choices []tokens.Choice
	digest  [32]byte // the exclusive or of those that each row would have by itself
}

// A rowAnswer is what a pack says of one of its rows.
type rowAnswer struct {
	value   []byte // JSON
	text    string // what the row's answer would be by itself
	choices []tokens.Choice
}

// packed answers each text of a pack as if it stood alone.
func (t *Turn) packed(seed uint64) packAnswer {
	rows := make([]rowAnswer, len(t.Pack.Rows))
	for i := range rows {
		rows[i] = t.row(i, seed)
	}

	var a packAnswer
	var b bytes.Buffer
	b.WriteByte('[')
	for i, r := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"id":`)
		b.Write(quoted(t.Pack.Rows[i].ID))
		b.WriteString(`,"answer":`)
		for _, c := range r.choices {
			c.At += b.Len()
			a.choices = append(a.choices, c)
		}
		b.Write(r.value)
		b.WriteByte('}')
		for at, c := range sha256.Sum256([]byte(t.Pack.Rows[i].Text + "\n" + r.text)) {
			a.digest[at] ^= c
		}
	}
	b.WriteByte(']')
	a.text = b.String()
	return a
}

// row answers one text of the pack.
func (t *Turn) row(i int, seed uint64) rowAnswer {
	p := wire.Prompt{System: t.Pack.System, User: t.Pack.Rows[i].Text, Seed: seed}
	if t.Pack.Schema == nil {
		text := prose(p)
		return rowAnswer{quoted(text), text, tokens.Plain()}
	}
	g := newGenerator(t.Pack.Root, p, t.Classifiers)
	g.whole(t.Pack.Schema)
	return rowAnswer{g.buf, textOfJSON(g.buf), g.choices}
}

// quoted returns a text as a JSON string.
func quoted(s string) []byte {
	var b bytes.Buffer
	_ = wire.Encode(&b, s) // strings always encode
	return b.Bytes()
}

// textOfJSON returns what a row says that has a JSON value for its answer: the string that it
// is, or else its JSON.
func textOfJSON(value []byte) string {
	var s string
	if json.Unmarshal(value, &s) == nil && value[0] == '"' {
		return s
	}
	return string(value)
}
