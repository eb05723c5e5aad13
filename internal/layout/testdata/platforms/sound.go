// Package platforms is sound on each system but Windows.
package platforms

// Name is a word.
const Name = "platforms"
