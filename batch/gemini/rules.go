package gemini

import (
	"net/http"
	"regexp"
	"slices"
	"sync"

	"github.com/genbatch/genbatch/batch"
)

// A verdict is what follows from a refusal.
type verdict struct {
	consequence batch.Consequence
	status      batch.Status // the row's status if the outcome is final
	kind        batch.Kind
	hint        string // {key} stands for where the key comes from, {cache} for the request's context cache
	everyRow    bool   // it may concern every row: identical ones in a row stop the run
	retries     int    // 0 means as many as the engine allows
}

// A rule recognises a refusal by its text, mostly regardless of the HTTP status. Gateways
// rewrite statuses: one of them answers 403 for an empty balance, 500 for a blocked word,
// and 503 for a model that no longer exists.
type rule struct {
	name   string
	status []int // the statuses that the rule is limited to; nil means any
	text   *regexp.Regexp
	then   verdict
}

// The hints that several verdicts share.
const (
	hintKey     = "check the key in {key}"
	hintBalance = "top up the account, or use the key of another one ({key})"
	hintModel   = "check --model: the endpoint lists its models at GET /v1beta/models"
	hintAddress = "check --endpoint and --base-url"
)

// rules are tried in this order, and the first that matches decides. Refusals that
// certainly concern a single row come before those that stop the run, because their
// messages may quote the row's own words. Text is matched in lower case.
//
// Sources: https://ai.google.dev/gemini-api/docs/troubleshooting, the error codes
// of new-api (types/error.go) and one-hub, and recorded answers.
//
// They are compiled when the first refusal comes. Compiling them takes longer than all else
// that a command does as it starts.
var rules = sync.OnceValue(func() []rule {
	return []rule{
		{name: "quotes a value of the request", status: []int{400},
			text: regexp.MustCompile(`^(?:\* )?invalid (?:json payload received|value at)`),
			then: verdict{batch.Settled, batch.Rejected, batch.KindRequest, "the API does not know a field or value of the request", true, 0}},
		{name: "context cache",
			text: regexp.MustCompile(`cached ?contents?\b.{0,80}(?:not found|permission|expired|does not exist|not exist|invalid|deleted)|(?:not found|no such|expired|invalid|access)\b.{0,40}cached ?content|cache content \S+ is expired|and cachedcontent .{0,120}has to be the same`),
			then: verdict{batch.Retry, "", batch.KindCache, "the context cache {cache} has expired or was deleted, or belongs to another project, location or model: make it anew, and name it in request.cachedContent", true, 0}},
		{name: "content filter",
			text: regexp.MustCompile(`sensitive[_ ]words?|prompt_blocked|violation_fee|content_filter|content[_ ]policy|safety concerns|request blocked due to|copyright/recitation|blocked (?:by|due to) safety|responsible ai`),
			then: verdict{batch.Settled, batch.Blocked, batch.KindContent, "", false, 0}},

		{name: "balance",
			text: regexp.MustCompile(`额度不足|余额不足|预扣费额度失败|额度已用尽|tokenstatusexhausted|insufficient_user_quota|pre_consume_token_quota_failed|quota is not enough|insufficient_quota|insufficient[\w ]{0,20}balance|balance[\w ]{0,20}insufficient|not enough (?:credits?|balance)|insufficient credits?`),
			then: verdict{batch.Stop, "", batch.KindBilling, hintBalance, false, 0}},
		{name: "prepaid credit",
			text: regexp.MustCompile(`prepayment credits? (?:are|is) depleted|credits? (?:are|is) depleted`),
			then: verdict{batch.Stop, "", batch.KindBilling, "buy credit at https://ai.studio/projects", false, 0}},
		{name: "spending cap",
			text: regexp.MustCompile(`spending cap`),
			then: verdict{batch.Stop, "", batch.KindBilling, "raise the project's cap at https://ai.studio/spend", false, 0}},
		{name: "payment required", status: []int{http.StatusPaymentRequired},
			text: regexp.MustCompile(``),
			then: verdict{batch.Stop, "", batch.KindBilling, hintBalance, false, 0}},
		{name: "billing off",
			text: regexp.MustCompile(`requires billing to be enabled|billing_disabled|billing account .{0,40}(?:disabled|closed|not (?:active|found))`),
			then: verdict{batch.Stop, "", batch.KindBilling, "enable billing for the project of the key in {key}", false, 0}},

		{name: "no quota for the model",
			text: regexp.MustCompile(`doesn't have a free quota tier|, limit: 0(?:[^\d.]|$)`),
			then: verdict{batch.Stop, "", batch.KindModel, "this key's tier has no quota for the model: use another model, or enable billing", false, 0}},
		{name: "no access to the model",
			text: regexp.MustCompile(`no access to model|无权访问模型|model_price_error|no longer available to new users`),
			then: verdict{batch.Stop, "", batch.KindModel, hintModel, false, 0}},

		{name: "input too long, by a wrong limit", status: []int{400},
			// Models with a window of 1M tokens answer this at times, and accept the same
			// request later.
			text: regexp.MustCompile(`exceeds the maximum number of tokens allowed \(?(?:65,?536|131,?072)\)?`),
			then: verdict{batch.Retry, batch.Rejected, batch.KindRequest, "", false, 1}},
		{name: "input too long",
			text: regexp.MustCompile(`exceeds the maximum number of tokens|payload size exceeds|request (?:entity|body) (?:is )?too large|context length exceeded|context_length_exceeded`),
			then: verdict{batch.Settled, batch.Rejected, batch.KindRequest, "", false, 0}},
		{name: "schema too complex",
			text: regexp.MustCompile(`too many states|exceeds the maximum (?:allowed )?nesting depth|schema .{0,60}too (?:complex|large|deep|many|much)`),
			then: verdict{batch.Settled, batch.Rejected, batch.KindRequest, "give the schema fewer or shorter names and values, fewer levels and fewer bounds", true, 0}},
		{name: "media",
			text: regexp.MustCompile(`unable to process input|provided \w+ is not valid|mime ?type|cannot fetch content from the provided url|permission to access the file|file .{0,60}(?:is not in an active state|may not exist|has expired)|base64 decoding|invalid base64|document has no pages`),
			then: verdict{batch.Settled, batch.Rejected, batch.KindRequest, "", false, 0}},

		{name: "key",
			text: regexp.MustCompile(`api key (?:not valid|expired|not found)|api_key_(?:invalid|service_blocked|http_referrer_blocked|ip_address_blocked|android_app_blocked|ios_app_blocked)|(?:invalid|incorrect|missing) api[_ ]key|reported as leaked|multiple authentication credentials|unregistered callers|access_token_type_unsupported|credentials_missing|无效的令牌|未提供令牌`),
			then: verdict{batch.Stop, "", batch.KindKey, hintKey, false, 0}},
		{name: "token", status: []int{401, 403},
			text: regexp.MustCompile(`invalid token|authentication failed|invalid authentication|令牌(?:已过期|状态不可用|已被禁用)`),
			then: verdict{batch.Stop, "", batch.KindKey, hintKey, false, 0}},
		{name: "project",
			text: regexp.MustCompile(`project has been denied access|consumer_suspended|consumer_invalid|has been suspended`),
			then: verdict{batch.Stop, "", batch.KindKey, "the project or account is suspended: ask its provider, or use another key ({key})", false, 0}},
		{name: "service off",
			text: regexp.MustCompile(`service_disabled|has not been used in project|requests to this api method .{0,200}are blocked`),
			then: verdict{batch.Stop, "", batch.KindKey, "enable the API for the project of the key in {key}, and allow it in the key's restrictions", false, 0}},
		{name: "permission",
			text: regexp.MustCompile(`iam_permission_denied|access_token_scope_insufficient|user_project_denied`),
			then: verdict{batch.Stop, "", batch.KindKey, "the account needs the permission aiplatform.endpoints.predict (role Vertex AI User)", false, 0}},
		{name: "gateway access",
			text: regexp.MustCompile(`access_denied|ip 不在令牌允许|无权访问|用户已被封禁|user (?:is|has been) banned`),
			then: verdict{batch.Stop, "", batch.KindKey, "the gateway does not let this key, address or group in: see the key's settings ({key})", false, 0}},
		{name: "region",
			text: regexp.MustCompile(`user location is not supported`),
			then: verdict{batch.Stop, "", batch.KindKey, "the API is not offered where this machine's traffic leaves: use Vertex AI, or a proxy (HTTPS_PROXY) in a supported country", false, 0}},
		{name: "front end block",
			text: regexp.MustCompile(`automated queries|unusual traffic`),
			then: verdict{batch.SlowDown, "", batch.KindOverload, "Google blocks this machine's address for now: wait, or use another exit", true, 0}},

		{name: "unknown model",
			text: regexp.MustCompile(`models/\S+ is not found for api version|publisher model .{0,200}not found|is not supported for generatecontent`),
			then: verdict{batch.Stop, "", batch.KindModel, hintModel, false, 0}},
		{name: "no channel for the model",
			// A gateway also answers this while all of its channels are down for a minute.
			text: regexp.MustCompile(`model_not_found|no available channels?|no_available_key|get_channel_failed|无可用渠道|可用渠道不存在|unknown provider for model|channel:invalid_key`),
			then: verdict{batch.Retry, "", batch.KindModel, hintModel, true, 0}},
		{name: "malformed for a gateway", status: []int{500},
			text: regexp.MustCompile(`\binvalid_request\b|convert_request_failed|read_request_body_failed`),
			then: verdict{batch.Settled, batch.Rejected, batch.KindRequest, "", true, 0}},
		{name: "wrong path",
			text: regexp.MustCompile(`^invalid url \(`),
			then: verdict{batch.Retry, "", batch.KindConfig, hintAddress, true, 0}},

		{name: "overload",
			text: regexp.MustCompile(`overloaded|high demand|上游负载已饱和|system_(?:cpu|memory|disk)_overloaded|try again later\. please refer to .*error-code-429`),
			then: verdict{batch.SlowDown, "", batch.KindOverload, "", false, 0}},
		{name: "rate",
			text: regexp.MustCompile(`resource_exhausted|resource has been exhausted|ratelimitexceeded|rate_limit|rate limit|too many requests|exceeded your current quota|quota exceeded|请求数限制|请求频率|concurrency_limit_reached`),
			then: verdict{batch.SlowDown, "", batch.KindQuota, "", false, 0}},
	}
})

// byStatus says what a status means if no text says more. Statuses that it does not list
// are judged by their first digit; see verdictFor.
var byStatus = map[int]verdict{
	http.StatusBadRequest:            {batch.Settled, batch.Rejected, batch.KindRequest, "", true, 0},
	http.StatusUnauthorized:          {batch.Retry, "", batch.KindKey, hintKey, true, 0},
	http.StatusForbidden:             {batch.Retry, "", batch.KindKey, "the key in {key} lacks a permission, or the account its balance", true, 0},
	http.StatusNotFound:              {batch.Retry, "", batch.KindModel, "check --model, --endpoint and --base-url", true, 0},
	http.StatusMethodNotAllowed:      {batch.Retry, "", batch.KindConfig, hintAddress, true, 0},
	http.StatusProxyAuthRequired:     {batch.Retry, "", batch.KindConfig, "the proxy wants a login: see HTTPS_PROXY", true, 0},
	http.StatusRequestTimeout:        {batch.Retry, "", batch.KindTimeout, "", false, 0},
	http.StatusConflict:              {batch.Retry, "", batch.KindServer, "", false, 0},
	http.StatusGone:                  {batch.Retry, "", batch.KindModel, hintModel, true, 0},
	http.StatusRequestEntityTooLarge: {batch.Settled, batch.Rejected, batch.KindRequest, "the request is larger than the server takes", false, 0},
	http.StatusTooEarly:              {batch.Retry, "", batch.KindServer, "", false, 0},
	http.StatusTooManyRequests:       {batch.SlowDown, "", batch.KindQuota, "", false, 0},
	499:                              {batch.Retry, "", batch.KindServer, "", false, 0}, // CANCELLED, sent by a middlebox
	http.StatusNotImplemented:        {batch.Retry, "", batch.KindConfig, hintAddress, true, 0},
	http.StatusServiceUnavailable:    {batch.SlowDown, "", batch.KindOverload, "", false, 0},
	http.StatusGatewayTimeout:        {batch.Retry, "", batch.KindTimeout, "the prompt takes longer than the server's deadline: try a longer --timeout, --stream, or less thinking", false, 0},
	524:                              {batch.Retry, "", batch.KindTimeout, "the gateway gives up after 100 s: try --stream, or less thinking", false, 0}, // Cloudflare
	529:                              {batch.SlowDown, "", batch.KindOverload, "", false, 0},                                                             // overloaded, as gateways say it
}

// verdictFor decides by the text first, and by the status second.
func verdictFor(status int, r *refusal) verdict {
	text := r.haystack()
	for _, r := range rules() {
		if (r.status == nil || slices.Contains(r.status, status)) && r.text.MatchString(text) {
			return r.then
		}
	}
	if r.html && status < 500 && status != http.StatusTooManyRequests {
		return verdict{batch.Retry, "", batch.KindConfig, hintAddress + " (and --location on Vertex AI)", true, 0}
	}
	if v, ok := byStatus[status]; ok {
		return v
	}
	switch status / 100 {
	case 3:
		return verdict{batch.Retry, "", batch.KindConfig, hintAddress + ": redirects are not followed", true, 0}
	case 4:
		return verdict{batch.Settled, batch.Rejected, batch.KindRequest, "", true, 0}
	}
	return verdict{batch.Retry, "", batch.KindServer, "", false, 0}
}

// billedAnyway are statuses that a proxy sends while the model may still be at work.
// Google's own refusals are not billed.
// https://ai.google.dev/gemini-api/docs/billing
var billedAnyway = []int{408, 499, 502, 504, 520, 524}
