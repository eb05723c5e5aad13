// Package s3 is the driver of Amazon S3, and of all object stores that speak its protocol, such
// as Cloudflare R2, MinIO, Ceph and versitygw. A program makes [Open] known with
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
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// A bucket implements [objects.Bucket]. Of minio-go it uses what signs requests and finds
// credentials, and not the client, which would make the command larger by 2 MiB.
type bucket struct {
	name        string
	from        string   // what names the store if it is not Amazon's
	base        *url.URL // the address of the bucket, with a slash at its end
	region      string
	client      *http.Client
	credentials *credentials.Credentials // nil: requests are not signed
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
	b := &bucket{name: name, client: client, region: cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), p.values["region"])}
	other, from, err := endpointOf(p, name)
	if err != nil {
		return nil, err
	}
	if b.credentials, err = find(ctx, p, b.region, client); err != nil {
		return nil, err
	}
	if other != nil {
		b.region = cmp.Or(b.region, "us-east-1") // what stores take that have no regions
		b.base, b.from = other, from
	} else {
		if b.region, err = regionOf(ctx, name, b.region, client); err != nil {
			return nil, err
		}
		b.base = &url.URL{Scheme: "https", Host: hostOf(b.region), Path: "/"}
	}
	// Amazon has the bucket in the name of the host, unless certificates do not cover that.
	if (other == nil || strings.HasSuffix(other.Hostname(), ".aliyuncs.com")) && !strings.Contains(name, ".") {
		b.base.Host = name + "." + b.base.Host
	} else {
		b.base.Path += name + "/"
	}
	return b, nil
}

// hostOf returns Amazon's host for a region.
func hostOf(region string) string {
	host := "s3." + region + ".amazonaws.com"
	if isTrue(os.Getenv("AWS_USE_DUALSTACK_ENDPOINT")) {
		host = "s3.dualstack." + region + ".amazonaws.com"
	}
	if strings.HasPrefix(region, "cn-") {
		host += ".cn"
	}
	return host
}

// endpointOf returns the address of a store that is not Amazon's, or nil, and what names it. It may
// have a path, which ends in a slash then, but not the bucket.
func endpointOf(p profile, bucket string) (_ *url.URL, from string, err error) {
	variable, address := "AWS_ENDPOINT_URL_S3", os.Getenv("AWS_ENDPOINT_URL_S3")
	if address == "" {
		variable, address = "AWS_ENDPOINT_URL", os.Getenv("AWS_ENDPOINT_URL")
	}
	if address == "" {
		variable, address = "endpoint_url in the profile "+p.name, p.values["endpoint_url"]
	}
	if address == "" || isTrue(os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) {
		return nil, "", nil
	}
	u, err := url.Parse(address)
	if err == nil {
		u.Path = strings.TrimRight(u.Path, "/") + "/"
	}
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || strings.HasSuffix(u.Path, "/"+bucket+"/") {
		return nil, "", fmt.Errorf("%s is %q, and has to be as https://host or http://host:port/path, without a bucket", variable, address)
	}
	return u, variable, nil
}

// regionOf asks Amazon for the region that a bucket is in. That needs no permission, and a
// machine often has another region than the bucket it reads. If Amazon cannot be asked, such as
// in a network that reaches one region only, the given one is taken.
func regionOf(ctx context.Context, name, given string, client *http.Client) (region string, err error) {
	at := cmp.Or(given, "us-east-1")
	err = transfer.Do(ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+hostOf(at)+"/"+url.PathEscape(name), nil)
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
			return errNoBucket
		case transfer.IsTemporary(resp.StatusCode):
			return &transfer.Again{Err: fmt.Errorf("%s answers %s", req.URL.Host, resp.Status)}
		}
		region = at
		return nil
	})
	if err != nil && given != "" && ctx.Err() == nil && !errors.Is(err, errNoBucket) {
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
