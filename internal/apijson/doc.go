// Package apijson knows what is true of the Gemini API's JSON for its client and for
// those who make requests alike: the canonical form of a body, the two spellings of
// field names, and edits that leave alone what they do not change.
//
// A request has two forms here. A body that is on its way is an [Object], whose members
// are the text that they were written as: numbers keep their digits, and a long content
// is not decoded. The request of a job is a map[string]any, because YAML decodes to it,
// because templates stand in it before there is any text, and because preflight looks at
// values. [Field], [Merge] and the rest of decoded.go are for that form.
//
// All text that this package makes has no escapes for HTML, and as few as JSON allows.
// Fingerprints depend on what is sent, so these bytes must never change.
package apijson
