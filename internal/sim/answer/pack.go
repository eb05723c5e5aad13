package answer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/tokens"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// Packs says how much worse the answers to texts are that share a call. With the zero value
// they are those that each text has alone.
type Packs struct {
	Error float64 // the probability that ErrorAt returns for two rows
	Shift float64 // the probability that all rows of a call have the answer to the row after them
}

// ErrorAt returns the probability that a row has another answer in a call of n rows than it
// has alone. It is 1 - (1-Error)^log2(n): each doubling of the rows spoils the share Error of
// the answers that were right until then. The errors of the rows are independent of each
// other. What Shift does comes on top.
func (p Packs) ErrorAt(n int) float64 {
	if n < 2 {
		return 0
	}
	return 1 - math.Pow(1-p.Error, math.Log2(float64(n)))
}

// Check says which probability is none.
func (p Packs) Check() error {
	for _, v := range []struct {
		name string
		p    float64
	}{{"error", p.Error}, {"shift", p.Shift}} {
		if !(v.p >= 0 && v.p <= 1) {
			return fmt.Errorf("the %s of packs must be a probability from 0 to 1, not %v", v.name, v.p)
		}
	}
	return nil
}

// RowEdits change what the answer to a pack says of one row. The zero value changes nothing.
type RowEdits struct {
	TextEdit
	LeftOut bool // nothing is said of the row
	Twice   bool // a second answer follows, which is another one if the schema has one
	Foreign bool // an answer with an id follows that no row has
}

// A packAnswer is the answer to a pack.
type packAnswer struct {
	text    string
	choices []tokens.Choice
	digest  [32]byte // the exclusive or of those that the answers would have by themselves
}

// A rowAnswer is what a pack says of one of its rows.
type rowAnswer struct {
	value   []byte // JSON
	text    string // what the row's answer would be by itself
	choices []tokens.Choice
}

// packed answers each text of a pack as if it stood alone, but for the errors that the turn's
// Packs and Edits ask for.
func (t *Turn) packed(seed uint64) packAnswer {
	var a packAnswer
	var b bytes.Buffer
	say := func(id string, r *rowAnswer) {
		b.WriteString(`,{"id":`)
		b.Write(quoted(id))
		b.WriteString(`,"answer":`)
		for _, c := range r.choices {
			c.At += b.Len()
			a.choices = append(a.choices, c)
		}
		b.Write(r.value)
		b.WriteByte('}')
	}
	for i, r := range t.rows(seed) {
		row, edits := &t.Pack.Rows[i], new(RowEdits)
		if i < len(t.Edits.Rows) {
			edits = &t.Edits.Rows[i]
		}
		if edits.LeftOut {
			continue
		}
		t.edit(&r, &edits.TextEdit)
		say(row.ID, &r)
		for at, c := range sha256.Sum256([]byte(row.Text + "\n" + r.text)) {
			a.digest[at] ^= c
		}
		if edits.Twice {
			other := t.otherRow(i, seed, chance.Hash(row.Text))
			say(row.ID, &other)
		}
		if edits.Foreign {
			say(t.foreignID(), &r)
		}
	}
	b.WriteByte(']')
	a.text = "[" + strings.TrimPrefix(b.String(), ",")
	return a
}

// rows returns the answers to the texts of the pack, with the errors that Packs asks for.
func (t *Turn) rows(seed uint64) []rowAnswer {
	n := len(t.Pack.Rows)
	rows := make([]rowAnswer, n)
	draw := chance.Mix(chance.Mix(t.Seed) + uint64(n))
	for i := range rows {
		hash := chance.Mix(draw ^ chance.Hash(t.Pack.Rows[i].Text))
		if chance.Unit(hash) < t.Packs.ErrorAt(n) {
			rows[i] = t.otherRow(i, seed, chance.Mix(hash))
		} else {
			rows[i] = t.row(i, seed)
		}
	}
	if n > 1 && chance.Unit(chance.Mix(draw^chance.Hash(t.Prompt.User))) < t.Packs.Shift {
		rows = append(rows[1:], rows[0])
	}
	return rows
}

// row answers one text of the pack.
func (t *Turn) row(i int, seed uint64) rowAnswer {
	if t.Pack.Schema == nil {
		text := prose(t.promptOf(i, seed))
		return rowAnswer{quoted(text), text, tokens.Plain()}
	}
	g := newGenerator(t.Pack.Root, t.promptOf(i, seed), t.Classifiers)
	g.whole(t.Pack.Schema)
	return written(g)
}

// otherRow answers one text of the pack in another way than row does. The hash decides in
// which. If the schema leaves no other answer, it is the same.
func (t *Turn) otherRow(i int, seed, hash uint64) rowAnswer {
	if t.Pack.Schema == nil {
		text := otherThan(prose(t.promptOf(i, seed)), otherSentences, hash)
		return rowAnswer{quoted(text), text, tokens.Plain()}
	}
	g := newGenerator(t.Pack.Root, t.promptOf(i, seed), t.Classifiers)
	g.noting = true
	g.whole(t.Pack.Schema)
	g.mistake(hash)
	return written(g)
}

// written returns what a generator has written as the answer to a row.
func written(g *generator) rowAnswer {
	text := string(g.buf)
	var s string
	if g.buf[0] == '"' && json.Unmarshal(g.buf, &s) == nil {
		text = s
	}
	return rowAnswer{g.buf, text, g.choices}
}

// promptOf returns one text of the pack as the prompt that it is alone.
func (t *Turn) promptOf(i int, seed uint64) wire.Prompt {
	return wire.Prompt{System: t.Pack.System, User: t.Pack.Rows[i].Text, Seed: seed}
}

// edit changes a row's answer. What becomes JSON of another kind than a string stands in the
// answer as it is.
func (t *Turn) edit(r *rowAnswer, e *TextEdit) {
	if e.Text == nil && e.Rewrite == nil {
		return
	}
	r.text, r.choices = e.apply(r.text), tokens.Plain()
	g := generator{root: t.Pack.Root}
	o, _ := g.deref(t.Pack.Schema).(map[string]any)
	isString := t.Pack.Schema == nil || typeOf(o) == "string"
	if json.Valid([]byte(r.text)) && (!isString || strings.ContainsAny(r.text[:1], "{[")) {
		r.value = []byte(r.text)
	} else {
		r.value = quoted(r.text)
	}
}

// foreignID returns an id that no row of the pack has.
func (t *Turn) foreignID() string {
	id := ""
	for taken := true; taken; {
		id += "x"
		taken = false
		for i := range t.Pack.Rows {
			taken = taken || t.Pack.Rows[i].ID == id
		}
	}
	return id
}

// quoted returns a text as a JSON string.
func quoted(s string) []byte {
	var b bytes.Buffer
	_ = wire.Encode(&b, s) // strings always encode
	return b.Bytes()
}
