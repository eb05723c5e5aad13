package wire

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// An Error is a refusal. Google and Vertex AI send it as a google.rpc.Status, and
// gateways in the shape of the new-api family.
type Error struct {
	HTTPStatus int
	status     string // the canonical code, such as INVALID_ARGUMENT
	message    string
	details    []any

	own        bool   // the gateway refuses, and not the API behind it
	code       string // the gateway's own code
	unknownURL bool   // the gateway has nothing at this address
}

// Service is the host of Google AI, whose name its errors and quotas carry.
const Service = "generativelanguage.googleapis.com"

// Errorf returns an error with an HTTP status, a canonical code and a message.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{HTTPStatus: status, status: code, message: fmt.Sprintf(format, args...)}
}

// Invalid returns the error for a request that breaks a rule: 400 INVALID_ARGUMENT.
func Invalid(format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", format, args...)
}

// invalidValue is what Google's JSON parser says about a value of the wrong type.
func invalidValue(path, kind string, v any) *Error {
	text, _ := json.Marshal(v)
	return Invalid("Invalid value at '%s' (%s), %s", path, kind, Clip(string(text), 100))
}

// GatewayError returns an error of the gateway itself.
func GatewayError(status int, code, message string) *Error {
	return &Error{HTTPStatus: status, message: message, own: true, code: code}
}

// unknownName is what Google's JSON parser says about a field that it does not know.
// path is where the object stands, in snake case; empty at the top.
func unknownName(name, path string) *Error {
	at := ""
	if path != "" {
		at = fmt.Sprintf(" at '%s'", path)
	}
	e := Invalid("Invalid JSON payload received. Unknown name %q%s: Cannot find field.", name, at)
	e.details = []any{badRequest{rpcType + "BadRequest", []fieldViolation{{path, e.message}}}}
	return e
}

// BadKey refuses a key that is not valid.
func BadKey() *Error {
	e := Invalid("API key not valid. Please pass a valid API key.").because("API_KEY_INVALID", map[string]string{"service": Service})
	e.details = append(e.details, localizedMessage{rpcType + "LocalizedMessage", "en-US", e.message})
	return e
}

// MultipleCredentials refuses a call that brings more than one key or token.
func MultipleCredentials() *Error {
	return Invalid("Multiple authentication credentials received. Please pass only one.")
}

// NoCredentials refuses a call without a key or token.
func NoCredentials(d Dialect) *Error {
	if d == Vertex {
		return Errorf(http.StatusUnauthorized, "UNAUTHENTICATED", "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.").
			because("CREDENTIALS_MISSING", nil)
	}
	return Errorf(http.StatusForbidden, "PERMISSION_DENIED", "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.")
}

// BadToken refuses a token that is not valid.
func BadToken() *Error {
	return Errorf(http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.").
		because("ACCESS_TOKEN_TYPE_UNSUPPORTED", nil)
}

// KeyNotSupported refuses a key where Vertex AI wants a token.
func KeyNotSupported() *Error {
	return Errorf(http.StatusUnauthorized, "UNAUTHENTICATED", "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials that assert a principal. See https://cloud.google.com/docs/authentication").
		because("CREDENTIALS_MISSING", nil)
}

// SuspendedKey refuses a key that is suspended. The message prints the key, as
// Google's own does.
func SuspendedKey(key string) *Error {
	return Errorf(http.StatusForbidden, "PERMISSION_DENIED", "Permission denied: Consumer 'api_key:%s' has been suspended.", key).
		because("CONSUMER_SUSPENDED", map[string]string{"service": Service, "consumer": "api_key:" + key, "containerInfo": "api_key:" + key})
}

// UnknownURL is what a gateway says about an address where it has nothing.
func UnknownURL(method, path string) *Error {
	return &Error{HTTPStatus: http.StatusNotFound, message: "Invalid URL (" + method + " " + path + ")", unknownURL: true}
}

// UnknownModel refuses a model that does not exist, or does not have a method.
func UnknownModel(d Dialect, at Address, model, method string) *Error {
	switch {
	case d.Gateway():
		return GatewayError(http.StatusServiceUnavailable, "model_not_found",
			fmt.Sprintf("No available channel for model %s under group default (distributor)", model))
	case d == Vertex:
		return Errorf(http.StatusNotFound, "NOT_FOUND", "Publisher Model `%smodels/%s` was not found or your project does not have access to it. Please ensure you are using a valid model version. For more information, see: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions", at.publisher, model)
	}
	return Errorf(http.StatusNotFound, "NOT_FOUND", "models/%s is not found for API version %s, or is not supported for %s. Call ModelService.ListModels to see the list of available models and their supported methods.", model, at.Version, method)
}

// Overloaded is a 503: the model has too much to do.
func Overloaded() *Error {
	return Errorf(http.StatusServiceUnavailable, "UNAVAILABLE", "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later.")
}

// Internal is a 500.
func Internal() *Error {
	return Errorf(http.StatusInternalServerError, "INTERNAL", "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting")
}

// BareQuota is a 429 that says neither which limit was reached nor how long to wait.
func BareQuota(d Dialect) *Error {
	e := Errorf(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")
	if d == Vertex {
		e.message = "Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
	}
	return e
}

// NoBalance refuses a call that nobody has paid for.
func NoBalance(d Dialect) *Error {
	if d.Gateway() {
		return GatewayError(http.StatusForbidden, "insufficient_user_quota", "user quota is not enough, remain quota: ＄0.000100, need quota: ＄0.000150")
	}
	return Errorf(http.StatusPaymentRequired, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your project and billing.")
}
