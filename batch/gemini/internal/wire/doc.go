// Package wire reads values of the Gemini API's JSON as its many servers write them: field
// names in either spelling, enums by name or number, and the counts of usageMetadata.
//
// A value of an unexpected type counts as absent. Counts are the exception, because money
// depends on them: what cannot be a count makes the whole usage unknown (see [Usage.Counts]).
package wire
