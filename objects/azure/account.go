package azure

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// An account is where blobs are, and what of the environment authorizes for it.
type account struct {
	name     string // may be empty if there is no key
	endpoint *url.URL
	key      []byte // for signing; nil = none
	sas      string // a shared access signature, as a query; empty = none
}

// The emulator's account is the same on each machine, and no secret. See "Well-known storage
// account and key" in Microsoft's documentation of Azurite.
const emulator = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;" +
	"AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;" +
	"BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1"

// clouds are the ends of the hosts of Blob storage: in public, in the clouds of China and of the
// government of the United States, and where DNS zones are Azure's. An address names such a host
// only. Otherwise who writes an address would have tokens sent to a host of theirs.
var clouds = []string{".blob.core.windows.net", ".blob.core.chinacloudapi.cn", ".blob.core.usgovcloudapi.net", ".blob.storage.azure.net"}

// findAccount finds the account of a host, or that of the environment if host is empty.
func findAccount(host string, getenv func(string) string) (account, error) {
	a, err := configured(getenv)
	if err != nil {
		return a, err
	}
	if host != "" && (a.endpoint == nil || a.endpoint.Host != host) {
		name, ok := accountOf(host)
		if !ok {
			return account{}, fmt.Errorf("%s is no host of Azure Blob Storage; if it is one of your own, set AZURE_STORAGE_ENDPOINT to its URL and write az://container/key", host)
		}
		// The credentials of another account are none for this one.
		if a.name != name || a.endpoint != nil {
			a = account{}
		}
		a.name, a.endpoint = name, &url.URL{Scheme: "https", Host: host}
	}
	if a.endpoint == nil {
		if a.name == "" {
			return account{}, errors.New("which storage account is this in? Set AZURE_STORAGE_ACCOUNT (or AZURE_STORAGE_CONNECTION_STRING), or write az://ACCOUNT.blob.core.windows.net/container/key")
		}
		if !accountName.MatchString(a.name) {
			return account{}, fmt.Errorf("AZURE_STORAGE_ACCOUNT is %q, and a storage account has a name of lower-case letters and digits", a.name)
		}
		a.endpoint = &url.URL{Scheme: "https", Host: a.name + clouds[0]}
	}
	if a.key != nil && a.name == "" {
		return account{}, errors.New("there is a key for the storage account, but not its name; set AZURE_STORAGE_ACCOUNT")
	}
	return a, nil
}

// accountName is what the service takes as a name, with that of the copy in a second region.
var accountName = regexp.MustCompile(`^[a-z0-9]{3,24}(-secondary)?$`)

// accountOf returns the account to which a host of the service belongs.
func accountOf(host string) (name string, ok bool) {
	for _, cloud := range clouds {
		if labels, ok := strings.CutSuffix(host, cloud); ok {
			name, _, _ = strings.Cut(labels, ".") // of a DNS zone's host, only the first label
			name = strings.TrimSuffix(name, "-secondary")
			return name, accountName.MatchString(name)
		}
	}
	return "", false
}

// configured returns the account of the environment, without an endpoint if none is said. A
// connection string is a whole account, so that nothing is taken from beside it. These are the
// variables of the Azure CLI, and the other names that adlfs and the crate object_store have for
// them.
func configured(getenv func(string) string) (account, error) {
	first := func(names ...string) (value, name string) {
		for _, name := range names {
			if value := strings.TrimSpace(getenv(name)); value != "" {
				return value, name
			}
		}
		return "", names[0]
	}
	if s, name := first("AZURE_STORAGE_CONNECTION_STRING"); s != "" {
		a, err := parseConnection(s)
		if err != nil {
			return a, fmt.Errorf("%s: %w", name, err)
		}
		return a, nil
	}
	var a account
	var err error
	a.name, _ = first("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME")
	sas, _ := first("AZURE_STORAGE_SAS_TOKEN")
	a.sas = strings.TrimPrefix(sas, "?")
	if key, name := first("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY"); key != "" {
		if a.key, err = base64.StdEncoding.DecodeString(key); err != nil {
			return a, fmt.Errorf("%s holds no key of a storage account, which is in base64: %w", name, err)
		}
	}
	if endpoint, name := first("AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_SERVICE_ENDPOINT"); endpoint != "" {
		if a.endpoint, err = parseEndpoint(endpoint); err != nil {
			return a, fmt.Errorf("%s: %w", name, err)
		}
		if a.name == "" {
			a.name, _ = accountOf(a.endpoint.Host)
		}
	}
	return a, nil
}

// parseConnection reads a connection string. See "Configure Azure Storage connection strings" in
// Microsoft's documentation.
func parseConnection(s string) (account, error) {
	var a account
	parts := make(map[string]string)
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return a, errors.New("a connection string has parts such as AccountName=…, with semicolons between them; copy it again from the portal")
		}
		parts[strings.ToLower(name)] = value
	}
	if strings.EqualFold(parts["usedevelopmentstorage"], "true") {
		return parseConnection(emulator)
	}
	var err error
	a.name = parts["accountname"]
	a.sas = strings.TrimPrefix(parts["sharedaccesssignature"], "?")
	if key := parts["accountkey"]; key != "" {
		if a.key, err = base64.StdEncoding.DecodeString(key); err != nil {
			return a, fmt.Errorf("its AccountKey is not in base64: %w", err)
		}
	}
	endpoint := parts["blobendpoint"]
	if endpoint == "" {
		if a.name == "" {
			return a, errors.New("it has neither AccountName nor BlobEndpoint; copy it again from the portal")
		}
		protocol, suffix := parts["defaultendpointsprotocol"], parts["endpointsuffix"]
		if protocol == "" {
			protocol = "https"
		}
		if suffix == "" {
			suffix = "core.windows.net"
		}
		endpoint = protocol + "://" + a.name + ".blob." + suffix
	}
	if a.endpoint, err = parseEndpoint(endpoint); err != nil {
		return a, err
	}
	if a.name == "" {
		a.name, _ = accountOf(a.endpoint.Host)
	}
	return a, nil
}

func parseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(s, "/"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" {
		return nil, errors.New("the endpoint of the Blob service is a URL such as https://account.blob.core.windows.net")
	}
	return u, nil
}

// isLocal reports whether a URL leads to this machine.
func isLocal(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
