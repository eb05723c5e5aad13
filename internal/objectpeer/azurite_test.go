package objectpeer

import (
	"bufio"
	"crypto/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/azure"
)

// emulatorKey is the key of Azurite's account, as its documentation has it.
const emulatorKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

// startAzurite starts an emulator that ends with the test, and returns the URL of its account.
func startAzurite(t *testing.T) (endpoint string) {
	t.Helper()
	program := filepath.Join(os.Getenv("GENBATCH_AZURITE"), "node_modules/azurite/dist/src/blob/main.js")
	node, err := exec.LookPath("node")
	if os.Getenv("GENBATCH_AZURITE") == "" || err != nil {
		t.Skip("needs node in PATH, and Azurite: `npm install --prefix DIR azurite` and GENBATCH_AZURITE=DIR, as .ci/run does")
	}
	// Without --loose it refuses the checksums CRC64 that it does not compute, and Azure does.
	cmd := exec.CommandContext(t.Context(), node, program,
		"--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry", "--silent", "--loose")
	cmd.Dir = t.TempDir()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // it was killed with the context of the test
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, url, ok := strings.Cut(lines.Text(), "successfully listens on "); ok {
			go func() {
				for lines.Scan() { // nothing may block it
				}
			}()
			return strings.TrimSpace(url) + "/devstoreaccount1"
		}
	}
	t.Fatal("Azurite has not started")
	return ""
}

// An azuriteWorld is a container of an emulator, with a client of Microsoft's SDK.
type azuriteWorld struct {
	endpoint  string
	container string
	sdk       *azblob.Client
}

func newAzurite(t *testing.T) azuriteWorld {
	t.Helper()
	return enterAzurite(t, startAzurite(t))
}

// enterAzurite makes a container of an emulator that runs.
func enterAzurite(t *testing.T, endpoint string) azuriteWorld {
	t.Helper()
	w := azuriteWorld{endpoint: endpoint, container: "rows-" + strings.ToLower(rand.Text())}
	credential, err := azblob.NewSharedKeyCredential("devstoreaccount1", emulatorKey)
	if err != nil {
		t.Fatal(err)
	}
	var o azblob.ClientOptions
	o.PerCallPolicies = []policy.Policy{olderVersion{}}
	if w.sdk, err = azblob.NewClientWithSharedKeyCredential(w.endpoint, credential, &o); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sdk.CreateContainer(t.Context(), w.container, nil); err != nil {
		t.Fatal(err)
	}
	clearAzure(t)
	return w
}

// An olderVersion has the SDK ask for the newest version of the API that Azurite knows.
type olderVersion struct{}

// Do implements [policy.Policy].
func (olderVersion) Do(r *policy.Request) (*http.Response, error) {
	r.Raw().Header["x-ms-version"] = []string{"2025-11-05"}
	return r.Next()
}

// open opens the container as the environment says.
func (w azuriteWorld) open(t *testing.T) objects.Bucket {
	t.Helper()
	b, err := azure.Open(t.Context(), w.container)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// connect sets the connection string of the emulator.
func (w azuriteWorld) connect(t *testing.T) {
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey="+emulatorKey+";BlobEndpoint="+w.endpoint+";")
}

// TestAzure has what needs an emulator, with one for all.
func TestAzure(t *testing.T) {
	endpoint := startAzurite(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, azuriteWorld)
	}{
		{"the contract", azureContract},
		{"replacing a certain version", azureOver},
		{"the maker's SDK reads and writes the same", azureSDK},
		{"a shared access signature", azureSAS},
		{"what is public", azurePublic},
		{"signatures", azureSignatures},
		{"checksums", azureChecksum},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, enterAzurite(t, endpoint)) })
	}
}

func azureContract(t *testing.T, w azuriteWorld) {
	w.connect(t)
	objecttest.Conform(t, w.open(t))
}
