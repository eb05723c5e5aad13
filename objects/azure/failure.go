package azure

import (
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// A failure is an answer of the service that is no success.
type failure struct {
	status  int
	code    string // of the service; empty if it was another one that answered
	message string
	remedy  string // may be empty
	id      string // of the request, for Microsoft's support
	kind    error  // one of io/fs; may be nil
}

func (f *failure) Error() string {
	s := fmt.Sprintf("Azure answers %d", f.status)
	if f.code != "" {
		s += " " + f.code
	} else if text := http.StatusText(f.status); text != "" {
		s += " " + text
	}
	if f.message != "" {
		s += ": " + f.message
	}
	if f.remedy != "" {
		return s + "; " + f.remedy
	}
	if f.id != "" {
		s += " (request " + f.id + ")"
	}
	return s
}

// Unwrap returns the error of io/fs that this is one of, or nil.
func (f *failure) Unwrap() error { return f.kind }

// refused reads an answer that is no success.
func (s *service) refused(answer *http.Response) error {
	f := &failure{status: answer.StatusCode, code: answer.Header.Get("x-ms-error-code"), id: answer.Header.Get("x-ms-request-id")}
	var body struct {
		Code    string
		Message string
	}
	// Who asks with HEAD gets no body, and a proxy gives another one.
	if text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10)); err == nil && xml.Unmarshal(text, &body) == nil {
		if f.code == "" {
			f.code = body.Code
		}
		f.message, _, _ = strings.Cut(body.Message, "\n") // what follows is the request and the time
		f.message = strings.TrimRight(strings.TrimSpace(f.message), ".")
	}
	f.kind = kindOf(f.status, f.code)
	f.remedy = remedies[f.code]
	switch auth := s.auth.(type) {
	case anonymous:
		// A container that is not public is hidden from those who have no credentials.
		if f.kind == fs.ErrPermission || f.code == "ResourceNotFound" || f.code == "PublicAccessNotPermitted" {
			f.kind = fs.ErrPermission
			f.remedy = "the request had no credentials: " + string(auth)
		}
	case signature:
		if f.kind == fs.ErrPermission && f.code != "AuthorizationFailure" {
			f.remedy = "the shared access signature is " + auth.state() + "; make a new one that is for this container, with the permissions to read, list, write and delete as you need them"
		}
	default:
		date, err := http.ParseTime(answer.Header.Get("Date"))
		if skew := time.Since(date).Round(time.Minute); err == nil && f.code == "AuthenticationFailed" && skew.Abs() > 10*time.Minute {
			f.remedy = fmt.Sprintf("the clock of this machine differs by %v from that of Azure, which accepts 15 minutes; set it right", skew.Abs())
		}
	}
	if b, ok := s.auth.(*bearer); ok && f.status == http.StatusUnauthorized && b.forget(answer.Request.Header.Get("Authorization")) {
		return &transfer.Again{Err: f} // with another token
	}
	if transfer.IsTemporary(f.status) || f.code == "Crc64Mismatch" || f.code == "Md5Mismatch" {
		return &transfer.Again{Err: f, After: retryAfter(answer.Header)}
	}
	return f
}

// retryAfter returns the pause that an answer asks for.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.Atoi(h.Get("x-ms-retry-after-ms")); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 {
		return time.Duration(s) * time.Second
	}
	return 0
}

// state tells what is known of a signature: when it has ended or ends.
func (s signature) state() string {
	for part := range strings.SplitSeq(string(s), "&") {
		end, ok := strings.CutPrefix(part, "se=")
		if !ok {
			continue
		}
		end = strings.ReplaceAll(strings.ReplaceAll(end, "%3A", ":"), "%3a", ":")
		if t, err := time.Parse(time.RFC3339, end); err == nil && t.Before(time.Now()) {
			return "one that ended at " + end
		}
		return "one until " + end
	}
	return "not accepted for this"
}

// kindOf returns the error of io/fs that an answer is one of, or nil. The codes are those of "Blob
// service error codes" and "Common REST API error codes" in the REST documentation.
func kindOf(status int, code string) error {
	switch code {
	case "BlobAlreadyExists", "UnauthorizedBlobOverwrite":
		return fs.ErrExist
	case "BlobImmutableDueToPolicy", "PublicAccessNotPermitted", "SnapshotsPresent":
		return fs.ErrPermission
	}
	switch status {
	case http.StatusNotFound:
		return fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return fs.ErrPermission
	}
	return nil
}

// remedies says what is to be done about answers, by their code.
var remedies = map[string]string{
	"AccountIsDisabled":                  "the storage account is disabled; look at its subscription in the portal",
	"AuthenticationFailed":               "the key of the storage account, or the token, is not accepted; copy AZURE_STORAGE_KEY or the connection string again, or sign in again",
	"AuthorizationFailure":               "the storage account does not let this network in; allow it under Networking in the portal, or run where it is allowed",
	"AuthorizationPermissionMismatch":    "give the identity the role Storage Blob Data Contributor (or Reader, if it only reads) on the container or the account; a new role takes effect within ten minutes",
	"BlobArchived":                       "the blob is in the tier Archive; rehydrate it first",
	"BlobImmutableDueToPolicy":           "a policy keeps the blob as it is; write to another name, or change the policy",
	"BlobNotFound":                       "is the name right, and in the right case?",
	"ContainerBeingDeleted":              "the container is being deleted; try again in a minute, or use another one",
	"ContainerNotFound":                  "make the container first (az storage container create), or set right its name or that of the account",
	"InsufficientAccountPermissions":     "the account may not do this; give it the role Storage Blob Data Contributor",
	"InvalidAuthenticationInfo":          "the token is not accepted; sign in again, in the tenant of the storage account",
	"InvalidBlobOrBlock":                 "another program has begun to upload this blob and not ended; write to another name, or delete its uncommitted blocks, which Azure does after a week",
	"InvalidBlobType":                    "the blob is an append blob or a page blob, which is not replaced; delete it first, or write to another name",
	"KeyBasedAuthenticationNotPermitted": "the storage account allows no keys; unset AZURE_STORAGE_KEY and AZURE_STORAGE_CONNECTION_STRING, set AZURE_STORAGE_ACCOUNT, and sign in (az login)",
	"LeaseIdMissing":                     "another program holds a lease on the blob; end that, or break the lease (az storage blob lease break)",
	"SnapshotsPresent":                   "the blob has snapshots; delete them first",
}
