package cost

import "encoding/json"

// LabelCounts count rows by question and label. An empty label counts rows that were given
// none. The only question of a job that names none has an empty name; in JSON its counts stand
// alone, as they did before there were questions.
type LabelCounts map[string]map[string]int64

// MarshalJSON implements [json.Marshaler].
func (c LabelCounts) MarshalJSON() ([]byte, error) {
	if sole, ok := c[""]; ok {
		return json.Marshal(sole)
	}
	return json.Marshal(map[string]map[string]int64(c))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (c *LabelCounts) UnmarshalJSON(text []byte) error {
	var sole map[string]int64
	if json.Unmarshal(text, &sole) == nil {
		*c = LabelCounts{"": sole}
		return nil
	}
	return json.Unmarshal(text, (*map[string]map[string]int64)(c))
}
