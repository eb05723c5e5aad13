package batches

import (
	"bytes"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A rowStatus is a google.rpc.Status.
type rowStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// codeText is what a row says about an error that a fault has made.
func codeText(code int) string {
	switch code {
	case 3:
		return "Request contains an invalid argument."
	case 4:
		return "Deadline expired before operation could complete."
	case 8:
		return "Resource has been exhausted (e.g. check quota)."
	case 14:
		return "The service is currently unavailable."
	}
	return "Internal error encountered."
}

// resultLines returns the lines of a row's result. Mostly there is one.
func (j *job) resultLines(row *wire.BatchRow, line []byte, a *Answer, hits map[string]string) []byte {
	has := func(kind string) bool {
		_, ok := hits[kind]
		return ok
	}
	if has("missing") {
		return nil
	}
	other, keyless := "not-yours-"+keyOf(row), *row
	if has("nokey") {
		keyless.Key, keyless.Metadata = nil, nil
	}
	rows := []*wire.BatchRow{&keyless}
	if has("twice") {
		rows = append(rows, row)
	}
	if has("foreign") {
		rows = append(rows, &wire.BatchRow{Key: &other, Request: row.Request})
	}
	var b bytes.Buffer
	for i, r := range rows {
		if j.vertex == nil {
			j.writeLine(&b, r, a, hits)
			continue
		}
		v := parseVertexRow(line)
		switch {
		case i == 0 && has("nokey"):
			v.members = nil
		case i > 0 && r.Key == &other:
			v = v.renamed()
		}
		j.vertex.writeLine(&b, v, a)
	}
	if v := hits["bigline"]; has("bigline") {
		return padded(b.Bytes(), integer(v, 64<<20))
	}
	return b.Bytes()
}

// writeLine writes a result. The error of a row may come before or after its key.
func (j *job) writeLine(b *bytes.Buffer, row *wire.BatchRow, a *Answer, hits map[string]string) {
	var who, what bytes.Buffer
	switch {
	case j.inlines() && j.plan.has("nometadata"):
	case j.inlines() && row.Metadata != nil:
		who.WriteString(`"metadata":`)
		who.Write(row.Metadata)
	case j.inlines() && row.Key != nil:
		who.WriteString(`"metadata":`)
		_ = wire.Encode(&who, map[string]string{"key": *row.Key}) // cannot fail for strings
	case !j.inlines() && row.Key != nil:
		who.WriteString(`"key":`)
		_ = wire.Encode(&who, *row.Key) // likewise
	}
	_, status := hits["rowstatus"]
	_, neither := hits["neither"]
	switch {
	case neither:
	case a.Response != nil:
		what.WriteString(`"response":`)
		what.Write(a.Response)
	case status:
		what.WriteString(`"status":`)
		_ = wire.Encode(&what, rowStatus{a.Code, a.Message})
	default:
		what.WriteString(`"error":`)
		_ = wire.Encode(&what, rowStatus{a.Code, a.Message})
	}
	if _, ok := hits["u2028"]; ok {
		// JSON allows this character in a string, where many programs see a line's end.
		what.WriteString(",\"note\":\"one line\u2028not two\"")
	}
	parts := [][]byte{who.Bytes(), bytes.TrimPrefix(what.Bytes(), []byte(","))}
	if len(a.Response)%2 == 1 {
		parts[0], parts[1] = parts[1], parts[0]
	}
	b.WriteByte('{')
	b.Write(bytes.Trim(bytes.Join(parts, []byte(",")), ","))
	b.WriteString("}\n")
}

// padded makes a line as long as size, by a member that means nothing.
func padded(line []byte, size int64) []byte {
	const before, after = `,"padding":"`, "\"}\n"
	room := size - int64(len(line)) - int64(len(before)) - 1
	if room <= 0 {
		return line
	}
	var b bytes.Buffer
	b.Grow(int(size))
	b.Write(bytes.TrimSuffix(line, []byte("}\n")))
	b.WriteString(before)
	b.WriteString(strings.Repeat("x", int(room)))
	b.WriteString(after)
	return b.Bytes()
}
