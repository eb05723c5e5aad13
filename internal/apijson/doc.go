// Package apijson knows what is true of the Gemini API's JSON for its client and for
// those who make requests alike: the canonical form of a body, the two spellings of
// field names, and edits that leave alone what they do not change.
package apijson
