package message

import (
	"strings"
	"testing"
)

func TestNumber(t *testing.T) {
	for text, want := range map[string]string{
		"1k": "did you mean 1000?", "1.5M": "did you mean 1500000?", "1,000": "did you mean 1000?", "1_000": "did you mean 1000?",
		"1e3": "did you mean 1000?", "256MB": "did you mean 256000000?", "256 MiB": "did you mean 268435456?", "$5": "did you mean 5?",
		"60 rpm": "did you mean 60?", "600/min": "did you mean 600?", "5.0": "did you mean 5?",
		"ten": AnyNumber, "": AnyNumber, "1.5": AnyNumber, "k": AnyNumber, "1 2": AnyNumber, "0x10": AnyNumber,
		"-3": "from 1 on", "0": "from 1 on", "99999999999999999999": "smaller",
	} {
		if got := Number(text, 1); !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestMeantNumber(t *testing.T) {
	for text, want := range map[string]float64{"5,00": 5, "$5": 5, "5 USD": 5, "1,234,567": 1234567, "1 000": 1000, "0,5": 0.5, "2k": 2000} {
		if got, ok := MeantNumber(text); !ok || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "five", "5,0,0", "NaN", "inf", "$"} {
		if got, ok := MeantNumber(text); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]string{
		"30": "did you mean 30s?", "1.5": "did you mean 1.5s?", "5min": "did you mean 5m?", "5 min": "did you mean 5m?", "90 seconds": "did you mean 90s?",
		"2 hours": "did you mean 2h?", "1d": "did you mean 24h?", "1 week": "did you mean 168h?", "1,5h": "did you mean 1.5h?",
		"soon": AnyDuration, "": AnyDuration, "-5": AnyDuration, "5x": AnyDuration, "NaN": AnyDuration, "inf": AnyDuration,
	} {
		if got := Duration(text); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestSwitch(t *testing.T) {
	for text, want := range map[string]string{"yes": "write true", "ON": "write true", "no": "write false", " off": "write false", "maybe": AnySwitch, "": AnySwitch} {
		if got := Switch(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
