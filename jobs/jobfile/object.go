package jobfile

import (
	"bytes"

	"github.com/genbatch/genbatch/internal/apijson"
)

// An object is a JSON object whose members stay in their order: people read the schema, and
// its keys stand as those of the job do.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(apijson.AppendString(nil, m.name))
		b.WriteByte(':')
		text, err := apijson.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// with returns the object with one more member at its end.
func (o object) with(name string, value any) object {
	return append(o[:len(o):len(o)], member{name, value})
}
