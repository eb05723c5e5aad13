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
// What this package writes has no escapes for HTML, which would change the texts of users
// and models. Fingerprints are taken of these bytes, so they must stay what they are.
package apijson
