package gemini

import "github.com/genbatch/genbatch/batch"

// finishes says what follows from a finish reason other than STOP, MAX_TOKENS
// and CONTINUATION, which depend on the content (see [Client.answered]). A
// reason that it does not list is unknown, and never success: enums grow.
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

	// Sampling may avoid the passage the next time.
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

	// blockedPrompt is by blockReason; what is not listed is blocked.
	blockedPrompt = map[string]verdict{
		"OTHER": {batch.Retry, batch.Blocked, batch.KindContent, "", false, 1},
	}

	// noContent: a STOP without content, an empty body. Asking again helps.
	noContent = verdict{batch.Retry, batch.Empty, batch.KindAnswer, "", false, 3}

	// unfinished: content and no finish reason. Once more, and if the server does
	// it again it always does: the text is kept, as truncated since nobody knows.
	unfinished = verdict{batch.Retry, batch.Truncated, batch.KindAnswer, "", false, 1}

	truncated    = verdict{batch.Answered, batch.Truncated, batch.KindAnswer, "raise maxOutputTokens", false, 0}
	continuation = verdict{batch.Answered, batch.Truncated, batch.KindAnswer, "the answer is longer than one response may be", false, 0}
	allThought   = verdict{batch.Settled, batch.Truncated, batch.KindAnswer, "raise maxOutputTokens, or lower thinkingBudget or thinkingLevel", false, 0}

	unknownFinish = verdict{batch.Settled, batch.Invalid, batch.KindAnswer, "", false, 0}

	// broken: half an answer. What it lacks may come the next time.
	broken = verdict{batch.Retry, "", batch.KindTransport, "", false, 0}

	// oversized: the same question hardly gets a small answer, but it may.
	oversized = verdict{batch.Retry, batch.Failed, batch.KindAnswer, "", false, 1}

	// notTheAPI: a 200 of something else.
	notTheAPI = verdict{batch.Retry, "", batch.KindConfig, hintAddress, true, 0}
)
