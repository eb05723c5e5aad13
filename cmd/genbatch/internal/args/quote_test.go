package args

import "testing"

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"plain-1_./:=@%+,~": "plain-1_./:=@%+,~",
		"":                  "''",
		"two words":         "'two words'",
		"{{.body}}":         "'{{.body}}'",
		"it's":              `'it'\''s'`,
		"$HOME":             "'$HOME'",
		"part*.csv":         "'part*.csv'",
	} {
		if got := Quote(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
