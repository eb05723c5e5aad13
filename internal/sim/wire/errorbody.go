package wire

// Body returns the error as d sends it, to be encoded as JSON. A gateway's own errors
// name the request by its id.
func (e *Error) Body(d Dialect, id string) any {
	switch {
	case !d.Gateway():
		return errorBody{googleError{e.HTTPStatus, e.message, e.status, e.details}}
	case e.unknownURL:
		return errorBody{newAPIError{e.message, "invalid_request_error", "", ""}}
	case e.own:
		return errorBody{newAPIError{e.message + " (request id: " + id + ")", "new_api_error", "", e.code}}
	default:
		// A gateway drops the status and the details of an error that it passes on.
		return errorBody{newAPIError{e.message, "upstream_error", "", e.HTTPStatus}}
	}
}

// errorBody is the body of an error, which holds one of Google or of a gateway.
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

// The details of a google.rpc.Status:
// https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
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
	quotaFailure struct {
		Type       string           `json:"@type"`
		Violations []quotaViolation `json:"violations"`
	}
	quotaViolation struct {
		Metric     string     `json:"quotaMetric,omitempty"`
		ID         string     `json:"quotaId"`
		Dimensions dimensions `json:"quotaDimensions"`
		Value      string     `json:"quotaValue,omitempty"`
	}
	dimensions struct {
		Location string `json:"location"`
		Model    string `json:"model"`
	}
)

// rpcType begins the @type of each of them.
const rpcType = "type.googleapis.com/google.rpc."

// because adds the ErrorInfo, which tells a program the reason.
func (e *Error) because(reason string, metadata map[string]string) *Error {
	e.details = append(e.details, errorInfo{rpcType + "ErrorInfo", reason, "googleapis.com", metadata})
	return e
}
