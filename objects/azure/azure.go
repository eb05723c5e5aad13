// Package azure reads and writes objects in Azure Blob Storage. [Open] is the driver of the
// addresses az://container/key, for [objects.Register].
//
// The account and its credentials are those that the environment names, as for Azure's own
// tools. An address may also name the account itself, as DuckDB has it:
// az://account.blob.core.windows.net/container/key.
//
// The package speaks the REST API of the Blob service over net/http. Microsoft's SDK would make a
// program 7 MiB larger.
package azure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/internal/transfer"
)

// Open opens a container of the account that the environment names. If name has a dot in it, it
// is the host of an account, and the first part of each key is the container. Open is an
// [objects.Opener].
//
// The account is that of AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT. Requests are
// authorized by the first of these that is there: a shared access signature (AZURE_STORAGE_SAS_TOKEN),
// the account's key (AZURE_STORAGE_KEY), and a token of Microsoft Entra for a client secret, a
// workload identity, a managed identity, or who is signed in with the Azure CLI. Without any of
// them only what is public can be read.
func Open(ctx context.Context, name string) (objects.Bucket, error) {
	return open(ctx, name, thisMachine())
}

// A machine is what the driver finds around it.
type machine struct {
	getenv func(string) string
	client *http.Client // to the internet
	local  *http.Client // to services of the machine itself, never by a proxy
	output func(ctx context.Context, program string, args ...string) ([]byte, error)
}

func thisMachine() machine {
	direct := transfer.Transport()
	direct.Proxy = nil
	return machine{
		getenv: os.Getenv,
		client: &http.Client{Transport: transfer.Transport(), CheckRedirect: stay},
		local:  &http.Client{Transport: direct, CheckRedirect: stay},
		output: func(ctx context.Context, program string, args ...string) ([]byte, error) {
			cmd := exec.CommandContext(ctx, program, args...)
			cmd.WaitDelay = time.Second
			return cmd.Output()
		},
	}
}

// stay follows no redirection, which could carry credentials elsewhere.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func open(ctx context.Context, name string, m machine) (objects.Bucket, error) {
	host, container := "", name
	if strings.Contains(name, ".") {
		host, container = name, ""
	} else if err := checkContainer(container); err != nil {
		return nil, err
	}
	a, err := findAccount(host, m.getenv)
	if err != nil {
		return nil, err
	}
	s, err := newService(ctx, a, m)
	if err != nil {
		return nil, err
	}
	return &bucket{service: s, host: host, container: container}, nil
}

// containerName is what the service takes as the name of a container.
var containerName = regexp.MustCompile(`^([a-z0-9](-?[a-z0-9])+|\$root|\$web|\$logs)$`)

func checkContainer(name string) error {
	if !containerName.MatchString(name) || len(name) < 3 || len(name) > 63 {
		return fmt.Errorf("%q is no name of a container: it has 3 to 63 lower-case letters, digits and single hyphens", name)
	}
	return nil
}

// A bucket is a container, or all containers of an account. It implements [objects.Bucket].
type bucket struct {
	service   *service
	host      string // of the account, if the address names it; else empty
	container string // empty = the first part of each key
}

// A place is a blob, or the beginning of the names of some.
type place struct {
	container, name string
	before          string // what stands in a key before the name in the container
}

// place finds what a key or the beginning of a key stands for.
func (b *bucket) place(key string) (place, error) {
	if b.container != "" {
		return place{b.container, key, ""}, nil
	}
	container, name, ok := strings.Cut(key, "/")
	if !ok {
		return place{}, errors.New("this names no container; an address is written as az://account.blob.core.windows.net/container/folder/file")
	}
	return place{container, name, container + "/"}, checkContainer(container)
}

// blob finds the blob of a key.
func (b *bucket) blob(key string) (place, error) {
	p, err := b.place(key)
	if err != nil {
		return p, err
	}
	if p.name == "" {
		return p, errors.New("this names no blob, only a container")
	}
	for part := range strings.SplitSeq(p.name, "/") {
		// They are resolved as in a path of a file system, on the way or by the service.
		if part == "." || part == ".." {
			return p, errors.New("a blob can have no part . or .. in its name in Azure; choose another name")
		}
	}
	return p, nil
}

// failed says in an error which object it is about.
func (b *bucket) failed(key string, err error) error {
	if err == nil {
		return nil
	}
	name := b.container
	if b.host != "" {
		name = b.host
	}
	return &fs.PathError{Op: "reach", Path: "az://" + name + "/" + key, Err: err}
}
