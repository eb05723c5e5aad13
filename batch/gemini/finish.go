package gemini

import (
	"cmp"
	"strings"

	"github.com/genbatch/genbatch/batch"
)

// finishes says what follows from a finish reason. STOP, MAX_TOKENS and CONTINUATION are
// missing, because they depend on the content (see exchange.judge). Any other reason
// that is missing is unknown, and never a success: new ones are added to the enum.
// https://ai.google.dev/api/generate-content#FinishReason
var finishes = map[string]verdict{
	"SAFETY":                   blocked,
	"LANGUAGE":                 blocked,
	"BLOCKLIST":                blocked,
	"PROHIBITED_CONTENT":       blocked,
	"SPII":                     blocked,
	"IMAGE_SAFETY":             blocked,
	"IMAGE_PROHIBITED_CONTENT": blocked,
	"MODEL_ARMOR":              blocked,
	"ESCALATION":               blocked,

	// Sampling may avoid the recited passage the next time.
	"RECITATION":       {batch.Retry, batch.Blocked, batch.KindContent, "", false, 2},
	"IMAGE_RECITATION": {batch.Retry, batch.Blocked, batch.KindContent, "", false, 1},

	"OTHER":                   {batch.Retry, batch.Failed, batch.KindAnswer, "", false, 2},
	"MALFORMED_FUNCTION_CALL": {batch.Retry, batch.Failed, batch.KindAnswer, "", false, 2},
	"MALFORMED_RESPONSE":      {batch.Retry, batch.Failed, batch.KindAnswer, "", false, 2},
	"UNEXPECTED_TOOL_CALL":    {batch.Retry, batch.Failed, batch.KindAnswer, "", false, 1},
	"TOO_MANY_TOOL_CALLS":     {batch.Retry, batch.Failed, batch.KindAnswer, "", false, 1},
	"IMAGE_OTHER":             {batch.Retry, batch.Failed, batch.KindAnswer, "", false, 2},
	"NO_IMAGE":                {batch.Retry, batch.Failed, batch.KindAnswer, "", false, 2},

	"MISSING_THOUGHT_SIGNATURE": {batch.Settled, batch.Rejected, batch.KindRequest, "send the thoughtSignature of earlier turns back as it came", true, 0},
}

var (
	blocked = verdict{batch.Settled, batch.Blocked, batch.KindContent, "", false, 0}

	// blockedPrompt is keyed by blockReason. A reason that it does not list has the
	// verdict blocked.
	blockedPrompt = map[string]verdict{
		"OTHER": {batch.Retry, batch.Blocked, batch.KindContent, "", false, 1},
	}

	// noContent is for a STOP without content, and for an empty body. Asking again helps.
	noContent = verdict{batch.Retry, batch.Empty, batch.KindAnswer, "", false, 3}

	// unfinished is for content without a finish reason. The row is asked once more. A
	// server that then does it again always does, so the text is kept. It is called
	// truncated, because it may be incomplete.
	unfinished = verdict{batch.Retry, batch.Truncated, batch.KindAnswer, "", false, 1}

	truncated    = verdict{batch.Answered, batch.Truncated, batch.KindAnswer, "raise maxOutputTokens", false, 0}
	continuation = verdict{batch.Answered, batch.Truncated, batch.KindAnswer, "the answer is longer than one response may be", false, 0}
	allThought   = verdict{batch.Settled, batch.Truncated, batch.KindAnswer, "raise maxOutputTokens, or lower thinkingBudget or thinkingLevel", false, 0}

	unknownFinish = verdict{batch.Settled, batch.Invalid, batch.KindAnswer, "", false, 0}

	// broken is for half an answer. The next one may be complete.
	broken = verdict{batch.Retry, "", batch.KindTransport, "", false, 0}

	// oversized is for an answer above the limit. The next one is probably as large, so
	// there is only one retry.
	oversized = verdict{batch.Retry, batch.Failed, batch.KindAnswer, "", false, 1}

	// notTheAPI is for a 200 that does not come from this API.
	notTheAPI = verdict{batch.Retry, "", batch.KindConfig, hintAddress, true, 0}
)

// finishWords are the words that gateways take over from other APIs.
var finishWords = map[string]string{
	"LENGTH": "MAX_TOKENS", "END_TURN": "STOP", "STOP_SEQUENCE": "STOP", "CONTENT_FILTER": "SAFETY",
}

// finishName returns the API's name for a finish reason, which gateways may write in lower
// case.
func finishName(reason string) string {
	name := strings.ToUpper(reason)
	return cmp.Or(finishWords[name], name)
}
