// Package s3 is the driver of Amazon S3, and of all object stores that speak its protocol, such
// as Cloudflare R2, MinIO, Ceph and versitygw. A program makes it known with
//
//	objects.Register("s3", s3.Open)
//
// It finds credentials, region and endpoint where AWS's own programs do: in the environment, in
// ~/.aws/credentials and ~/.aws/config, and at the machine or the container that it runs in.
// AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL names another store than Amazon's.
package s3

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// A bucket implements [objects.Bucket].
type bucket struct {
	name        string
	core        minio.Core
	credentials *credentials.Credentials // nil: requests are not signed
	region      string
	plain       bool // without TLS, so that signatures have to cover what is sent
}

// Open opens a bucket. It is an [objects.Opener]. Its error says how credentials are given if
// there are none. Whether they may read the bucket is seen at the first call.
func Open(ctx context.Context, name string) (objects.Bucket, error) {
	return open(ctx, name, transfer.Transport())
}

func open(ctx context.Context, name string, transport http.RoundTripper) (objects.Bucket, error) {
	p, err := readProfile()
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), p.values["region"])
	endpoint, plain, err := endpointOf(p)
	if err != nil {
		return nil, err
	}
	creds, err := find(ctx, p, region, client)
	if err != nil {
		return nil, err
	}
	if endpoint != "" {
		region = cmp.Or(region, "us-east-1") // what stores take that have no regions
	} else {
		endpoint = "s3.amazonaws.com"
		if region, err = regionOf(ctx, name, region, client); err != nil {
			return nil, err
		}
	}
	core, err := minio.NewCore(endpoint, &minio.Options{Creds: creds, Secure: !plain, Region: region, Transport: transport, MaxRetries: 1})
	if err != nil {
		return nil, err
	}
	core.SetS3EnableDualstack(isTrue(os.Getenv("AWS_USE_DUALSTACK_ENDPOINT")))
	core.SetAppInfo("genbatch", "1")
	return &bucket{name: name, core: *core, credentials: creds, region: region, plain: plain}, nil
}

// endpointOf returns host and port of a store that is not Amazon's, and whether it is reached
// without TLS. They are empty for Amazon's.
func endpointOf(p profile) (host string, plain bool, err error) {
	variable, address := "AWS_ENDPOINT_URL_S3", os.Getenv("AWS_ENDPOINT_URL_S3")
	if address == "" {
		variable, address = "AWS_ENDPOINT_URL", os.Getenv("AWS_ENDPOINT_URL")
	}
	if address == "" {
		variable, address = "endpoint_url in the profile "+p.name, p.values["endpoint_url"]
	}
	if address == "" || isTrue(os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) {
		return "", false, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return "", false, fmt.Errorf("%s is %q, and has to be as https://host or http://host:port, without a bucket", variable, address)
	}
	return u.Host, u.Scheme == "http", nil
}

// regionOf asks Amazon for the region that a bucket is in. That needs no permission, and a
// machine often has another region than the bucket it reads. If Amazon cannot be asked, such as
// in a network that reaches one region only, the given one is taken.
func regionOf(ctx context.Context, name, given string, client *http.Client) (region string, err error) {
	at := cmp.Or(given, "us-east-1")
	domain := "amazonaws.com"
	if strings.HasPrefix(at, "cn-") {
		domain += ".cn"
	}
	err = transfer.Do(ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://s3."+at+"."+domain+"/"+url.PathEscape(name), nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return transfer.Failed(ctx, err)
		}
		resp.Body.Close()
		region = resp.Header.Get("X-Amz-Bucket-Region")
		switch {
		case region != "":
			return nil
		case resp.StatusCode == http.StatusNotFound:
			return fmt.Errorf("there is no bucket of that name: %w", fs.ErrNotExist)
		case transfer.IsTemporary(resp.StatusCode):
			return &transfer.Again{Err: fmt.Errorf("%s answers %s", req.URL.Host, resp.Status)}
		}
		region = at
		return nil
	})
	if err != nil && given != "" && ctx.Err() == nil && !isMissing(err) {
		return given, nil
	}
	return region, err
}

// isTrue reports whether a variable says yes, in the ways of those who set it.
func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}
