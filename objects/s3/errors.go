package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/genbatch/genbatch/objects/internal/transfer"
)

var (
	errRange        = errors.New("the object ends before that")
	errPrecondition = errors.New("the object is another one than was expected")
	errConflict     = errors.New("another program writes the object")
	errNoUpload     = errors.New("the upload is not known any more")
	errNoText       = errors.New("no reason was given")
	errNoBucket     = fmt.Errorf("there is no bucket of that name: %w", fs.ErrNotExist)
)

// A refusal is an answer that is none of success.
type refusal struct {
	XMLName xml.Name
	Code    string
	Message string
	Region  string // that the bucket is in
	status  int

	ofBucket bool // what was asked is not about an object
}

// wrong adds the address to an error, as the package os does for files.
func (b *bucket) wrong(key string, err error) error {
	return &fs.PathError{Op: "reach", Path: "s3://" + b.name + "/" + key, Err: err}
}

// unanswered returns the error of a call without an answer.
func (b *bucket) unanswered(ctx context.Context, key string, err error) error {
	if ctx.Err() != nil {
		return b.wrong(key, ctx.Err())
	}
	if missing, ok := errors.AsType[*credentialsError](err); ok {
		return b.wrong(key, missing)
	}
	switch _, never := errors.AsType[*transfer.Unreached](err); {
	case b.from == "":
	case never:
		err = fmt.Errorf("%w (%s names it)", err, b.from)
	case errors.Is(err, http.ErrSchemeMismatch):
		err = fmt.Errorf("%w: write http:// in %s", err, b.from)
	}
	return transfer.Failed(ctx, b.wrong(key, err))
}

// refused returns the error of a refusal. It is an [transfer.Again] if the call is worth making
// again.
func (b *bucket) refused(key string, r refusal) error {
	err := b.wrong(key, b.explain(r))
	if r.isTemporary() || r.isExpired() && b.renewed() {
		return &transfer.Again{Err: err}
	}
	return err
}

// explain says what a refusal means, and what to do.
func (b *bucket) explain(r refusal) error {
	said := fmt.Sprintf("the store says %s: %s", r.Code, r.Message)
	if r.Code == "" {
		said = fmt.Sprintf("the store answers %d %s", r.status, http.StatusText(r.status))
	}
	switch {
	case r.isExpired():
		return fmt.Errorf("the credentials have expired, renew them (aws sso login, or new values of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN); %s: %w", said, fs.ErrPermission)
	case r.Code == "NoSuchBucket":
		return errNoBucket
	case r.Code == "NoSuchUpload":
		return errNoUpload
	case r.status == http.StatusNotFound && r.ofBucket:
		return fmt.Errorf("%w; or the address is none of a store: %s", errNoBucket, said)
	case r.status == http.StatusNotFound:
		return fmt.Errorf("there is no such object: %w", fs.ErrNotExist)
	case r.Code == "InvalidAccessKeyId" || r.Code == "SignatureDoesNotMatch":
		return fmt.Errorf("the store does not know these credentials; see whether both keys belong to it, and whether AWS_ENDPOINT_URL is right; %s: %w", said, fs.ErrPermission)
	case r.Code == "RequestTimeTooSkewed":
		return fmt.Errorf("this machine's clock is wrong, set it; %s", said)
	case r.status == http.StatusMovedPermanently || r.Code == "AuthorizationHeaderMalformed" && r.Region != "" || r.Code == "IllegalLocationConstraintException":
		remedy := "another region"
		if r.Region != "" {
			remedy = "the region " + r.Region + ": set AWS_REGION=" + r.Region
		}
		return fmt.Errorf("%s was asked, and the bucket is in %s; %s", b.region, remedy, said)
	case r.status == http.StatusForbidden || r.status == http.StatusUnauthorized:
		remedy := "these credentials need the permissions s3:GetObject and s3:ListBucket, to write s3:PutObject and s3:AbortMultipartUpload, and to remove s3:DeleteObject " +
			"(an object that does not exist is refused too, if they may not list)"
		if b.credentials == nil {
			remedy = "the bucket is not public, so unset AWS_NO_SIGN_REQUEST"
		}
		return r.without(fmt.Errorf("%s; %s: %w", remedy, said, fs.ErrPermission))
	case r.status == http.StatusPreconditionFailed:
		return errPrecondition
	case r.status == http.StatusRequestedRangeNotSatisfiable:
		return errRange
	case r.Code == "ConditionalRequestConflict":
		return errConflict
	case r.status == http.StatusNotImplemented:
		return fmt.Errorf("the store cannot do what was asked; one that makes new objects has to know the header If-None-Match; %s", said)
	}
	return r.without(errors.New(said))
}

// without marks an error for which the store has given no reason.
func (r refusal) without(err error) error {
	if r.Code == "" && (r.status == http.StatusForbidden || r.status == http.StatusBadRequest) {
		return fmt.Errorf("%w (%w)", err, errNoText)
	}
	return err
}

// isTemporary reports whether an answer may be another one the next time.
func (r refusal) isTemporary() bool {
	switch r.Code {
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "InternalError", "OperationAborted",
		"RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestThrottled",
		"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch": // what came was not what was sent
		return true
	}
	return transfer.IsTemporary(r.status)
}

func (r refusal) isExpired() bool {
	switch r.Code {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "RequestExpired":
		return true
	}
	return false
}

// renewed looks for credentials again, which another program may have renewed meanwhile, and
// reports whether there are other ones.
func (b *bucket) renewed() bool {
	if b.credentials == nil {
		return false
	}
	c := &credentials.CredContext{Client: b.client}
	old, _ := b.credentials.GetWithContext(c)
	b.credentials.Expire()
	now, err := b.credentials.GetWithContext(c)
	return err == nil && now != old
}
