package spec

// Summarize asks for a summary of a text of each row.
type Summarize struct {
	Text      string `json:"text"`                // the template of the text, or @FILE; required
	Words     int    `json:"words,omitempty"`     // most words; not together with Sentences
	Sentences int    `json:"sentences,omitempty"` // most sentences; default: 3, without Words
	Language  string `json:"language,omitempty"`  // default: that of the text
	Style     string `json:"style,omitempty"`     // paragraph (default), bullets, headline, or words of your own
}

// Extract asks for data from a text of each row, in the form of a JSON Schema.
type Extract struct {
	Text   string `json:"text"`             // the template of the text, or @FILE; required
	Schema Schema `json:"schema,omitempty"` // the form; may stand in [Spec.Schema] instead
}

// Raw takes each row as a whole request: a line of a Gemini batch file {"key","request"}, a
// line of a Vertex AI batch file {"request"}, or a column that holds a request body.
type Raw struct {
	Column string `json:"column,omitempty"` // the column with the body; default: request
}
