package gcs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"golang.org/x/oauth2"

	"github.com/genbatch/genbatch/objects/internal/transfer"
)

var (
	// errPrecondition says that a condition of the call does not hold.
	errPrecondition = errors.New("precondition failed")

	// errRange says that a part was asked for that begins beyond the object's end.
	errRange = errors.New("the object ends before that")

	// errGone says that an upload is not known any more.
	errGone = errors.New("the upload was given up by the store; run again")
)

// wrong adds the address to an error, as the package os does for files.
func (b *bucket) wrong(key string, err error) error {
	return &fs.PathError{Op: "reach", Path: "gs://" + b.name + "/" + key, Err: err}
}

// noToken returns the error of a token that could not be had.
func (b *bucket) noToken(ctx context.Context, key string, err error) error {
	err = b.wrong(key, fmt.Errorf("no access token (renew it with gcloud auth application-default login, or see the service account): %w", err))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response != nil && !transfer.IsTemporary(refused.Response.StatusCode) {
		return err
	}
	return transfer.Failed(ctx, err)
}

// refused returns the error of an answer that is none of success.
func (b *bucket) refused(key string, status int, text []byte) error {
	var v struct {
		Error struct {
			Message string
			Errors  []struct{ Reason string }
		}
	}
	said := ""
	if json.Unmarshal(text, &v) == nil {
		said = v.Error.Message
	} else if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")) {
		said = strings.TrimSpace(string(text))
	}
	said = cmp.Or(said, http.StatusText(status), fmt.Sprintf("HTTP %d", status))
	again := transfer.IsTemporary(status)
	for _, e := range v.Error.Errors {
		again = again || e.Reason == "rateLimitExceeded" || e.Reason == "userRateLimitExceeded"
	}
	if again {
		return &transfer.Again{Err: b.wrong(key, errors.New("the store says "+said))}
	}
	switch status {
	case http.StatusNotFound:
		return b.wrong(key, fmt.Errorf("there is no such object, or no such bucket (the store says %s): %w", said, fs.ErrNotExist))
	case http.StatusUnauthorized, http.StatusForbidden:
		remedy := "the account needs the role roles/storage.objectViewer, and to write roles/storage.objectUser"
		if b.tokens == nil {
			remedy = "the bucket is not public, so unset GS_NO_SIGN_REQUEST and run gcloud auth application-default login"
		}
		return b.wrong(key, fmt.Errorf("%s (the store says %s): %w", remedy, said, fs.ErrPermission))
	case http.StatusPreconditionFailed:
		return b.wrong(key, errPrecondition)
	case http.StatusRequestedRangeNotSatisfiable:
		return b.wrong(key, errRange)
	case http.StatusGone:
		return b.wrong(key, errGone)
	}
	return b.wrong(key, fmt.Errorf("the store says %s (%d)", said, status))
}
