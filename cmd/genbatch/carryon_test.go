package main

import (
	"testing"
)

func TestShellQuote(t *testing.T) {
	for word, want := range map[string]string{
		"plain-1_./:=@%+,~": "plain-1_./:=@%+,~",
		"":                  "''",
		"two words":         "'two words'",
		"{{.body}}":         "'{{.body}}'",
		"it's":              `'it'\''s'`,
		"$HOME":             "'$HOME'",
		"part*.csv":         "'part*.csv'",
	} {
		if got := shellQuote(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
