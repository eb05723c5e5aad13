package gemini

import "testing"

// TestFacts checks the facts about an endpoint against what the user said about it.
func TestFacts(t *testing.T) {
	unknown := Facts{InlineLimit: gatewayInlineLimit}
	gateway := Facts{NoTiers: true, NoBatches: true, InlineLimit: gatewayInlineLimit}
	google := Facts{Dialect: GoogleDialect, ListPrices: true, FilesAPI: true, CountsTokens: true, InlineLimit: googleInlineLimit}
	vertex := Facts{Dialect: VertexDialect, ListPrices: true, CountsTokens: true, InlineLimit: gatewayInlineLimit}
	simulator := Facts{Simulated: true, ListPrices: true, FilesAPI: true, CountsTokens: true, InlineLimit: googleInlineLimit}
	behind := func(f Facts) Facts { // the same at a gateway's address
		f.ListPrices, f.CountsTokens = false, false
		return f
	}
	of := func(f Facts, d Dialect) Facts {
		f.Dialect = d
		return f
	}
	moved := google // at an address from the environment, which need not be Google's
	moved.CountsTokens = false
	for _, tt := range []struct {
		o    EndpointOptions
		env  func(string) string
		want Facts
	}{
		{EndpointOptions{}, environment(), google},
		{EndpointOptions{Name: "google"}, environment(), google},
		{EndpointOptions{}, environment("GOOGLE_GEMINI_BASE_URL", "https://gw.example"), moved},
		{EndpointOptions{Name: "google", BaseURL: "https://gw.example"}, environment(), behind(google)},
		{EndpointOptions{Name: "vertex", Project: "p"}, environment(), vertex},
		{EndpointOptions{Name: "vertex", Project: "p", BaseURL: "https://gw.example"}, environment(), behind(vertex)},
		{EndpointOptions{Name: "yescale", BaseURL: "https://y.example"}, environment(), gateway},
		{EndpointOptions{Name: "gptproto"}, environment(), gateway},
		{EndpointOptions{Name: "sim", BaseURL: "http://127.0.0.1:9"}, environment(), simulator},
		{EndpointOptions{Name: "https://gw.example"}, environment(), unknown},
		{EndpointOptions{BaseURL: "https://gw.example"}, environment(), unknown},
		{EndpointOptions{BaseURL: "https://generativelanguage.googleapis.com"}, environment(), of(unknown, GoogleDialect)},
		{EndpointOptions{Name: "https://us-central1-aiplatform.googleapis.com"}, environment(), of(unknown, VertexDialect)},
	} {
		e, err := ParseEndpoint(tt.o, tt.env)
		if err != nil {
			t.Errorf("%+v: %v", tt.o, err)
			continue
		}
		if e.Facts != tt.want {
			t.Errorf("%+v has\n%+v, want\n%+v", tt.o, e.Facts, tt.want)
		}
	}
}
