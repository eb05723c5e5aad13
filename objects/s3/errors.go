package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// errRange says that a part was asked for that begins beyond the object's end.
var errRange = errors.New("the object ends before that")

// errConflict says that another writer was at work on the same object.
var errConflict = errors.New("another program writes the object")

// failed returns the error of a call, with the address, the cause and the remedy. It is an
// [transfer.Again] if the call is worth making again.
func (b *bucket) failed(ctx context.Context, key string, err error) error {
	if err == nil {
		return nil
	}
	place := "s3://" + b.name + "/" + key
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", place, ctx.Err())
	}
	e := minio.ToErrorResponse(err)
	if e.Code == "" && e.StatusCode == 0 {
		if missing, ok := errors.AsType[*credentialsError](err); ok {
			return fmt.Errorf("%s: %w", place, missing)
		}
		return transfer.Failed(ctx, fmt.Errorf("%s: %w", place, err))
	}
	text, kind := b.explain(e)
	if kind != nil {
		err = fmt.Errorf("%s: %s: %w", place, text, kind)
	} else {
		err = fmt.Errorf("%s: %s", place, text)
	}
	if isTemporary(e) || isExpired(e.Code) && b.renewed() {
		return &transfer.Again{Err: err}
	}
	return err
}

// explain says what an answer means, and which of the errors of [objects.Bucket] it is.
func (b *bucket) explain(e minio.ErrorResponse) (text string, kind error) {
	said := fmt.Sprintf("the store says %s: %s", e.Code, e.Error())
	switch {
	case isExpired(e.Code):
		return "the credentials have expired, renew them (aws sso login, or new values of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN); " + said, fs.ErrPermission
	case e.Code == "NoSuchBucket":
		return "there is no bucket of that name", fs.ErrNotExist
	case e.Code == "NoSuchUpload":
		return said, nil
	case e.StatusCode == http.StatusNotFound:
		return "there is no such object", fs.ErrNotExist
	case e.Code == "InvalidAccessKeyId" || e.Code == "SignatureDoesNotMatch":
		return "the store does not know these credentials; see whether both keys belong to it, and whether AWS_ENDPOINT_URL is right; " + said, fs.ErrPermission
	case e.Code == "RequestTimeTooSkewed":
		return "this machine's clock is wrong, set it; " + said, nil
	case e.StatusCode == http.StatusMovedPermanently || e.Code == "AuthorizationHeaderMalformed" && e.Region != "" || e.Code == "IllegalLocationConstraintException":
		other := "another region"
		if e.Region != "" {
			other = "the region " + e.Region + ": set AWS_REGION=" + e.Region
		}
		return fmt.Sprintf("%s was asked, and the bucket is in %s; %s", b.region, other, said), nil
	case e.StatusCode == http.StatusForbidden || e.StatusCode == http.StatusUnauthorized:
		if b.credentials == nil {
			return "the bucket is not public, so unset AWS_NO_SIGN_REQUEST; " + said, fs.ErrPermission
		}
		return "these credentials need the permissions s3:GetObject and s3:ListBucket, to write s3:PutObject and s3:AbortMultipartUpload, and to remove s3:DeleteObject " +
			"(an object that does not exist is refused too, if they may not list); " + said, fs.ErrPermission
	case e.StatusCode == http.StatusPreconditionFailed:
		return "the object is another one than was expected", errPrecondition
	case e.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return said, errRange
	case e.Code == "ConditionalRequestConflict":
		return said, errConflict
	case e.StatusCode == http.StatusNotImplemented:
		return "the store cannot do what was asked; one that makes new objects has to know the header If-None-Match; " + said, nil
	}
	return said, nil
}

// errPrecondition says that a condition of the call does not hold.
var errPrecondition = errors.New("precondition failed")

// isTemporary reports whether an answer may be another one the next time.
func isTemporary(e minio.ErrorResponse) bool {
	switch e.Code {
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "InternalError", "OperationAborted",
		"RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestThrottled",
		"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch": // what came was not what was sent
		return true
	}
	return transfer.IsTemporary(e.StatusCode) || e.StatusCode/100 == 2 // an answer that ends in its middle
}

func isExpired(code string) bool {
	switch code {
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
	old, _ := b.credentials.GetWithContext(b.core.CredContext())
	b.credentials.Expire()
	now, err := b.credentials.GetWithContext(b.core.CredContext())
	return err == nil && now != old
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
