package batches

import (
	"fmt"
	"net/http"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// An Error is why a call of the batch API gave nothing.
type Error struct {
	*Cause

	// Unsure says that the call may have taken effect all the same: its reply was lost, or
	// says no more than that something failed.
	Unsure bool
	// RetryAfter is how long the server asks to wait; 0 if it did not say.
	RetryAfter time.Duration

	file bool // it is about a file, which belongs to another project if the API forbids it
}

// A Cause is an error's kind, HTTP status, message and hint. It has a name of its own here
// because a field that is called Error would hide the method.
type Cause = batch.Error

func (e *Error) Unwrap() error { return e.Cause }

// NotFound reports whether what the call is about does not exist, or no longer does, or
// belongs to another project. The API says so in the same words. It answers 403 for files.
func (e *Error) NotFound() bool {
	return e.HTTPStatus == http.StatusNotFound || e.HTTPStatus == http.StatusGone || e.file && e.HTTPStatus == http.StatusForbidden
}

// Limited reports whether the endpoint takes no more for now.
func (e *Error) Limited() bool { return e.HTTPStatus == http.StatusTooManyRequests && !e.Denied() }

// Refused reports whether the endpoint refuses the request itself, such as a job in which
// some row is malformed. The API does not say which.
func (e *Error) Refused() bool {
	return (e.HTTPStatus == http.StatusBadRequest || e.HTTPStatus == http.StatusRequestEntityTooLarge) && !e.Denied()
}

// Denied reports whether the key or the account may not do this, so that nothing else will
// succeed with it either.
func (e *Error) Denied() bool {
	switch {
	case e.NotFound():
		return false
	case e.Kind == batch.KindKey, e.Kind == batch.KindBilling:
		return true
	}
	switch e.HTTPStatus {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
		return true
	}
	return false
}

// failed makes an Error of a call that certainly took no effect.
func failed(kind batch.Kind, hint, format string, args ...any) *Error {
	return &Error{Cause: &batch.Error{Kind: kind, Message: "the batch API: " + fmt.Sprintf(format, args...), Hint: hint}}
}

// errorOf makes an Error of a call's outcome.
func errorOf(o *batch.Outcome) *Error {
	e := &Error{Cause: o.Err, Unsure: o.MaybeBilled, RetryAfter: o.RetryAfter}
	switch s := o.Err.HTTPStatus; {
	case s >= 500, s == http.StatusRequestTimeout, s == 499: // 499: cancelled by a middlebox
		e.Unsure = true
	case s/100 == 4, s/100 == 3:
		e.Unsure = false
	}
	e.Message = "the batch API: " + e.Message
	return e
}
