package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An apiError is a refusal. Google and Vertex AI render it as a google.rpc.Status,
// gateways in the new-api family's shape.
type apiError struct {
	http    int
	status  string // canonical code: INVALID_ARGUMENT
	message string
	details []any

	own  bool   // the gateway's own refusal, not one that it passes on
	code string // the gateway's code for it
}

type (
	errorInfo struct {
		Type     string            `json:"@type"`
		Reason   string            `json:"reason"`
		Domain   string            `json:"domain"`
		Metadata map[string]string `json:"metadata,omitempty"`
	}
	localizedMessage struct {
		Type    string `json:"@type"`
		Locale  string `json:"locale"`
		Message string `json:"message"`
	}
	badRequest struct {
		Type       string           `json:"@type"`
		Violations []fieldViolation `json:"fieldViolations"`
	}
	fieldViolation struct {
		Field       string `json:"field,omitempty"`
		Description string `json:"description"`
	}
	help struct {
		Type  string     `json:"@type"`
		Links []helpLink `json:"links"`
	}
	helpLink struct {
		Description string `json:"description"`
		URL         string `json:"url"`
	}
	retryInfo struct {
		Type  string `json:"@type"`
		Delay string `json:"retryDelay"`
	}
)

const rpcType = "type.googleapis.com/google.rpc."

type errorBody struct {
	Error any `json:"error"`
}

type googleError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status,omitempty"`
	Details []any  `json:"details,omitempty"`
}

type newAPIError struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"param"`
	Code    any    `json:"code"`
}

// body renders the error as d does. id identifies the request.
func (e *apiError) body(d Dialect, id string) errorBody {
	switch {
	case !d.gateway():
		return errorBody{googleError{e.http, e.message, e.status, e.details}}
	case e.own:
		return errorBody{newAPIError{e.message + " (request id: " + id + ")", "new_api_error", "", e.code}}
	default:
		// A gateway throws away status and details of what it passes on.
		return errorBody{newAPIError{e.message, "upstream_error", "", e.http}}
	}
}

func gatewayError(status int, code, message string) *apiError {
	return &apiError{http: status, message: message, own: true, code: code}
}

func invalid(format string, args ...any) *apiError {
	return &apiError{http: http.StatusBadRequest, status: "INVALID_ARGUMENT", message: fmt.Sprintf(format, args...)}
}

// errUnknownName is what Google's JSON parser says about a field that it does not
// know; path is in snake case, empty at the top.
func errUnknownName(name, path string) *apiError {
	at := ""
	if path != "" {
		at = fmt.Sprintf(" at '%s'", path)
	}
	e := invalid("Invalid JSON payload received. Unknown name %q%s: Cannot find field.", name, at)
	e.details = []any{badRequest{rpcType + "BadRequest", []fieldViolation{{path, e.message}}}}
	return e
}

func errBadKey() *apiError {
	e := invalid("API key not valid. Please pass a valid API key.")
	e.details = []any{
		errorInfo{rpcType + "ErrorInfo", "API_KEY_INVALID", "googleapis.com", map[string]string{"service": service}},
		localizedMessage{rpcType + "LocalizedMessage", "en-US", e.message},
	}
	return e
}

func errMultipleCredentials() *apiError {
	return invalid("Multiple authentication credentials received. Please pass only one.")
}

func errNoCredentials(d Dialect) *apiError {
	if d == Vertex {
		return &apiError{http: http.StatusUnauthorized, status: "UNAUTHENTICATED",
			message: "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
			details: []any{errorInfo{rpcType + "ErrorInfo", "CREDENTIALS_MISSING", "googleapis.com", nil}}}
	}
	return &apiError{http: http.StatusForbidden, status: "PERMISSION_DENIED",
		message: "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API."}
}

func errBadToken() *apiError {
	return &apiError{http: http.StatusUnauthorized, status: "UNAUTHENTICATED",
		message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
		details: []any{errorInfo{rpcType + "ErrorInfo", "ACCESS_TOKEN_TYPE_UNSUPPORTED", "googleapis.com", nil}}}
}

func errKeyNotSupported() *apiError {
	return &apiError{http: http.StatusUnauthorized, status: "UNAUTHENTICATED",
		message: "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials that assert a principal. See https://cloud.google.com/docs/authentication",
		details: []any{errorInfo{rpcType + "ErrorInfo", "CREDENTIALS_MISSING", "googleapis.com", nil}}}
}

// errSuspended prints the key, as Google's own body does.
func errSuspended(key string) *apiError {
	return &apiError{http: http.StatusForbidden, status: "PERMISSION_DENIED",
		message: fmt.Sprintf("Permission denied: Consumer 'api_key:%s' has been suspended.", key),
		details: []any{errorInfo{rpcType + "ErrorInfo", "CONSUMER_SUSPENDED", "googleapis.com",
			map[string]string{"service": service, "consumer": "api_key:" + key, "containerInfo": "api_key:" + key}}}}
}

func errModel(d Dialect, rt route) *apiError {
	switch {
	case d.gateway():
		return gatewayError(http.StatusServiceUnavailable, "model_not_found",
			fmt.Sprintf("No available channel for model %s under group default (distributor)", rt.model))
	case d == Vertex:
		return &apiError{http: http.StatusNotFound, status: "NOT_FOUND",
			message: fmt.Sprintf("Publisher Model `%smodels/%s` was not found or your project does not have access to it. Please ensure you are using a valid model version. For more information, see: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions", rt.publish, rt.model)}
	}
	return &apiError{http: http.StatusNotFound, status: "NOT_FOUND",
		message: fmt.Sprintf("models/%s is not found for API version %s, or is not supported for generateContent. Call ModelService.ListModels to see the list of available models and their supported methods.", rt.model, rt.version)}
}

func errOverloaded() *apiError {
	return &apiError{http: http.StatusServiceUnavailable, status: "UNAVAILABLE",
		message: "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later."}
}

func errInternal() *apiError {
	return &apiError{http: http.StatusInternalServerError, status: "INTERNAL",
		message: "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting"}
}

// errBareQuota is a 429 that says nothing.
func errBareQuota(d Dialect) *apiError {
	e := &apiError{http: http.StatusTooManyRequests, status: "RESOURCE_EXHAUSTED",
		message: "Resource has been exhausted (e.g. check quota)."}
	if d == Vertex {
		e.message = "Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
	}
	return e
}

func errBalance(d Dialect) *apiError {
	if d.gateway() {
		return gatewayError(http.StatusForbidden, "insufficient_user_quota", "user quota is not enough, remain quota: ＄0.000100, need quota: ＄0.000150")
	}
	return &apiError{http: http.StatusPaymentRequired, status: "RESOURCE_EXHAUSTED",
		message: "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your project and billing."}
}

// seconds renders a duration as Google's JSON does: "26s", "39.844676573s".
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}

// htmlPage is what a proxy in front of the API answers.
func htmlPage(status int, title string) string {
	return fmt.Sprintf("<!DOCTYPE html>\n<html lang=en>\n<head><title>%s</title></head>\n<body><h1>Error %d</h1><p>%s</p>%s</body>\n</html>\n",
		title, status, title, strings.Repeat("<!-- padding to disable a friendly error page -->\n", 10))
}
