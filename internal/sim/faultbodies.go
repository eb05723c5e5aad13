package sim

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/genbatch/genbatch/internal/sim/answer"
	"github.com/genbatch/genbatch/internal/sim/bill"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// bodyFaults are refusals and broken answers that real endpoints have sent. Most differ
// from the plain faults in little but their text. They are sent as they are in every
// dialect, since gateways pass on what they get, with another status.
var bodyFaults = []faultKind{
	{"302", "302 to a login page", nil, func(x *exchange, _ string) bool {
		x.w.Header().Set("Location", "https://login.example/")
		x.writeBody(http.StatusFound, "text/html; charset=UTF-8", nil)
		return true
	}},
	{"400key", "400 API_KEY_INVALID", nil, refusal(func(*exchange) *wire.Error { return wire.BadKey() })},
	{"400region", "400, the location is not supported", nil, sent(400, `{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}`)},
	{"400long", "400, the prompt is longer than the model takes", nil, sent(400, `{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}`)},
	{"400long64k", "400, the prompt is too long by a limit that is not the model's", nil, sent(400, `{"error":{"code":400,"message":"The input token count (70000) exceeds the maximum number of tokens allowed (65536).","status":"INVALID_ARGUMENT"}}`)},
	{"400media", "400, the image is not readable", nil, sent(400, `{"error":{"code":400,"message":"Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting","status":"INVALID_ARGUMENT"}}`)},
	{"400content", "400, a content policy refuses the prompt", nil, sent(400, `{"error":{"message":"content policy violation (actual status code is 400)","type":"upstream_error","param":"","code":400}}`)},
	{"403odd", "403 that names no cause", nil, sent(403, `{"error":{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}`)},
	{"403leaked", "403, the key is known to have leaked", nil, sent(403, `{"error":{"code":403,"message":"Your API key was reported as leaked. Please use another API key.","status":"PERMISSION_DENIED"}}`)},
	{"403file", "403, the file is gone or another's", nil, sent(403, `{"error":{"code":403,"message":"You do not have permission to access the File abc-123 or it may not exist.","status":"PERMISSION_DENIED"}}`)},
	{"403robot", "403 with the page that Google's front end has for robots", nil, page(http.StatusForbidden, "We're sorry... but your computer or network may be sending automated queries.")},
	{"413", "413, the body is too large", nil, page(http.StatusRequestEntityTooLarge, "413 Request Entity Too Large")},
	{"429credit", "429, the prepaid credit is used up", nil, sent(429, `{"error":{"code":429,"message":"Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your project and billing.","status":"RESOURCE_EXHAUSTED"}}`)},
	{"429cap", "429, the spending cap is reached", nil, sent(429, `{"error":{"code":429,"message":"Your project has exceeded its monthly spending cap. Please go to AI Studio at https://ai.studio/spend to manage it.","status":"RESOURCE_EXHAUSTED"}}`)},
	{"500word", "500, a gateway's own word filter", nil, sent(500, `{"error":{"message":"user sensitive words detected (request id: 20261101)","type":"new_api_error","param":"","code":"sensitive_words_detected"}}`)},
	{"500nested", "500 whose message is the JSON of a 503", nil, sent(500, `{"error":{"message":"{\"error\":{\"code\":503,\"message\":\"The model is overloaded. Please try again later.\",\"status\":\"UNAVAILABLE\"}}","type":"upstream_error","code":"bad_response"}}`)},
	{"500inner403", "500 around a 403 that names no cause", nil, sent(500, `{"error":{"message":"openai_error","type":"bad_response_status_code","param":"","code":403}}`)},
	{"500list", "500 as an array with one error", nil, sent(500, `[{"error":{"code":500,"message":"Internal error encountered.","status":"INTERNAL"}}]`)},
	{"500openai", "500 in OpenAI's form", nil, sent(500, `{"error":{"message":"The server had an error while processing your request. Sorry about that!","type":"server_error","param":null,"code":null}}`)},
	{"500plain", "500 in plain text", nil, func(x *exchange, _ string) bool {
		x.writeBody(http.StatusInternalServerError, "text/plain", []byte("upstream connect error or disconnect/reset before headers"))
		return true
	}},
	{"503after", "503 with Retry-After, in =SECONDS (1)", checkSize, func(x *exchange, value string) bool {
		after, err := strconv.Atoi(value)
		if err != nil {
			after = 1
		}
		x.w.Header().Set("Retry-After", strconv.Itoa(after))
		x.fail(wire.Overloaded())
		return true
	}},
	{"503busy", "503, a gateway has too much to do", nil, sent(503, `{"error":{"message":"system cpu overloaded (request id: 20261101)","type":"new_api_error","code":"system_cpu_overloaded"}}`)},
	{"503channel", "503 model_not_found, a gateway has no channel for the model", nil, sent(503, `{"error":{"message":"No available channel for model of this name under group default (distributor) (request id: 20261101)","type":"new_api_error","param":"","code":"model_not_found"}}`)},
	{"520", "520, Cloudflare's page for a garbled origin", nil, page(520, "520: Web server is returning an unknown error")},
	{"522", "522, Cloudflare's page for an origin that is away", nil, page(522, "522: Connection timed out")},

	{"short", "200 with half of the answer, ended in order", nil, func(x *exchange, _ string) bool {
		x.damage.short, x.damage.failed = true, true
		return false
	}},
	{"comments", "200 with nothing but the comments of an event stream", nil, sent(200, ": keep-alive\n\n: keep-alive\n\n")},
	{"done", "200 with nothing but the end of OpenAI's streams", nil, sent(200, "data: [DONE]\n\n")},
	{"emptyparts", "STOP with a part without data", nil, func(x *exchange, _ string) bool {
		x.bill = bill.Charge{Item: x.turn().Spend(0, 0), Fate: bill.Delivered}
		return x.sendRaw(`{"candidates":[{"content":{"parts":[{}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":` +
			strconv.Itoa(wire.Sum(x.promptTokens)) + `},"modelVersion":"` + x.model.Name + answer.VersionSuffix + `"}`)
	}},
	{"thoughts", "STOP after nothing but thoughts", nil, func(x *exchange, _ string) bool {
		x.bill = bill.Charge{Item: x.turn().Spend(0, 40), Fate: bill.Delivered}
		return x.sendRaw(`{"candidates":[{"content":{"parts":[{"text":"Let me see.","thought":true}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":` +
			strconv.Itoa(wire.Sum(x.promptTokens)) + `,"thoughtsTokenCount":40,"totalTokenCount":` + strconv.Itoa(wire.Sum(x.promptTokens)+40) + `},"modelVersion":"` + x.model.Name + answer.VersionSuffix + `"}`)
	}},
	{"nofinish", "an answer without finishReason", nil, func(x *exchange, _ string) bool {
		x.damage.Unfinished, x.damage.failed = true, true
		return false
	}},
}

// sent makes a fault of a status and a body.
func sent(status int, body string) func(*exchange, string) bool {
	return func(x *exchange, _ string) bool {
		x.writeBody(status, x.contentType(), []byte(body))
		return true
	}
}

// faultTable has all faults.
var faultTable = slices.Concat(plainFaults, packFaults, bodyFaults)
