package answer

import "testing"

func TestSummary(t *testing.T) {
	const text = "Dr. J. Smith sails. The boat (a 3.5 m dinghy, e.g. a Laser) is fast! Nobody else was there. It rained."
	tests := []struct{ system, user, want string }{
		{"Summarize the text in one sentence.", text, "Dr. J. Smith sails."},
		{"", "Summarise in 3 sentences:\n\n" + text, "Dr. J. Smith sails. The boat (a 3.5 m dinghy, e.g. a Laser) is fast! Nobody else was there."},
		{"", "Please summarize: " + text, "Dr. J. Smith sails. The boat (a 3.5 m dinghy, e.g. a Laser) is fast!"},
		{"You write a summary of each text.", "no full stop\nin here", "no full stop in here"},
	}
	for _, tt := range tests {
		body := ask(tt.user, `"systemInstruction":{"parts":[{"text":`+quote(tt.system)+`}]}`)
		got := textOf(answerTo(t, new(Classifiers), flash, body))
		if got != tt.want {
			t.Errorf("%q + %q:\n got %q\nwant %q", tt.system, tt.user, got, tt.want)
		}
	}
}
