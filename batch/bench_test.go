package batch

import "testing"

func BenchmarkFingerprint(b *testing.B) {
	body := []byte(`{"contents":[{"parts":[{"text":"Ticket 12: the parcel came late, one corner was wet, and the invoice names another street."}],"role":"user"}],` +
		`"generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"enum":["positive","negative","neutral"],"type":"STRING"},"temperature":0},` +
		`"systemInstruction":{"parts":[{"text":"Classify the text that the user gives into exactly one of these labels.\n\nLabels:\n- positive: praises\n- negative: complains\n- neutral"}]}}`)
	for _, c := range []struct {
		name string
		of   func(string, []byte) (Fingerprint, error)
	}{
		{"any", FingerprintOf},
		{"canonical", func(model string, body []byte) (Fingerprint, error) { return FingerprintOfCanonical(model, body), nil }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.of("gemini-2.5-flash", body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
