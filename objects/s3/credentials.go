package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// exported tells how credentials of a kind that the driver does not know are handed to it, so
// that they are renewed when they expire.
const exported = "put into another profile, and name that by AWS_PROFILE: credential_process = aws configure export-credentials --profile %s"

// find returns the credentials that AWS's programs would use, in their order: keys in the
// environment, the identity of a pod, the profile, the container, the machine. It returns nil if
// requests are not to be signed.
func find(ctx context.Context, p profile, region string, client *http.Client) (*credentials.Credentials, error) {
	// GDAL's name for it, and that of Apache's object_store. AWS's programs have a flag.
	if isTrue(os.Getenv("AWS_NO_SIGN_REQUEST")) || isTrue(os.Getenv("AWS_SKIP_SIGNATURE")) {
		return nil, nil
	}
	source := &provider{remedy: "see whether the role is allowed to this machine or pod"}
	id, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case id != "" && secret != "":
		return credentials.NewStaticV4(id, secret, os.Getenv("AWS_SESSION_TOKEN")), nil
	case id != "" || secret != "":
		return nil, errors.New("only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set")
	case os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
		source.Provider = &credentials.IAM{Region: region, Client: client, Endpoint: os.Getenv("AWS_ENDPOINT_URL_STS")}
	case p.values["role_arn"] != "":
		role, err := newRole(p, region, client)
		if err != nil {
			return nil, err
		}
		source.Provider, source.remedy = role, "see whether the profile "+p.name+" may assume "+p.values["role_arn"]
	case p.keeps():
		source.Provider, source.remedy = &credentials.FileAWSCredentials{Profile: p.name}, "see aws configure list, and for single sign-on run aws sso login"
	case p.chosen:
		return nil, fmt.Errorf("the profile %s has no credentials that are known here; "+exported, p.name, p.name)
	case os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" || os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		source.Provider = &credentials.IAM{Client: beside()}
	default:
		source.remedy = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for a public bucket AWS_NO_SIGN_REQUEST=YES"
		if isTrue(os.Getenv("AWS_EC2_METADATA_DISABLED")) {
			return nil, errors.New("there are no AWS credentials: " + source.remedy)
		}
		source.Provider = &credentials.IAM{Client: beside(), Endpoint: os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")}
	}
	found := credentials.New(source)
	_, err := found.GetWithContext(&credentials.CredContext{Client: client, Context: ctx})
	return found, err
}

// keeps reports whether a profile holds credentials, or says how to come by them.
func (p profile) keeps() bool {
	for _, name := range []string{"aws_access_key_id", "credential_process", "sso_session", "sso_start_url"} {
		if p.values[name] != "" {
			return true
		}
	}
	return false
}

// beside returns a client for the services of the machine or the container itself, which are
// near, and never behind a proxy.
func beside() *http.Client {
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DialContext:     (&net.Dialer{Timeout: time.Second}).DialContext,
			IdleConnTimeout: 10 * time.Second,
		},
	}
}

// A provider tells what to do when there are no credentials. It is used by one goroutine at a
// time.
type provider struct {
	credentials.Provider
	remedy  string
	lasting bool // what was found has no end, and is not looked for at each call
}

// A credentialsError says that there are no credentials. No call is made again for it.
type credentialsError struct {
	err    error
	remedy string
}

func (e *credentialsError) Error() string {
	return fmt.Sprintf("there are no AWS credentials (%v): %s", e.err, e.remedy)
}
func (e *credentialsError) Unwrap() error { return e.err }

// RetrieveWithCredContext implements [credentials.Provider].
func (p *provider) RetrieveWithCredContext(c *credentials.CredContext) (credentials.Value, error) {
	v, err := p.Provider.RetrieveWithCredContext(c)
	if err == nil && (v.AccessKeyID == "" || v.SecretAccessKey == "") {
		err = errors.New("they are empty")
	}
	if err != nil {
		return v, &credentialsError{err, p.remedy}
	}
	p.lasting = v.Expiration.IsZero()
	return v, nil
}

// IsExpired implements [credentials.Provider].
func (p *provider) IsExpired() bool { return !p.lasting && p.Provider.IsExpired() }

// A role is one that a profile assumes, with the credentials of another profile.
type role struct {
	credentials.STSAssumeRole
	source *credentials.Credentials
}

func newRole(p profile, region string, client *http.Client) (*role, error) {
	source := p.values["source_profile"]
	if source == "" || p.values["mfa_serial"] != "" {
		return nil, fmt.Errorf("the profile %s assumes its role in a way that is not known here (only source_profile is, without mfa_serial); "+exported, p.name, p.name)
	}
	endpoint := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_STS"), "https://sts."+cmp.Or(region, "us-east-1")+".amazonaws.com")
	return &role{
		credentials.STSAssumeRole{Client: client, STSEndpoint: endpoint, Options: credentials.STSAssumeRoleOptions{
			Location: cmp.Or(region, "us-east-1"), RoleARN: p.values["role_arn"],
			RoleSessionName: cmp.Or(p.values["role_session_name"], "genbatch"), ExternalID: p.values["external_id"],
		}},
		credentials.New(&credentials.FileAWSCredentials{Profile: source}),
	}, nil
}

// RetrieveWithCredContext implements [credentials.Provider].
func (r *role) RetrieveWithCredContext(c *credentials.CredContext) (credentials.Value, error) {
	v, err := r.source.GetWithContext(c)
	if err != nil {
		return v, err
	}
	r.Options.AccessKey, r.Options.SecretKey, r.Options.SessionToken = v.AccessKeyID, v.SecretAccessKey, v.SessionToken
	return r.STSAssumeRole.RetrieveWithCredContext(c)
}
