package manifesttest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const compose = "../../examples/compose/compose.yaml"

func load(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{compose}, cli.WithEnv(env), cli.WithProfiles([]string{"*"}), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// Every service is locked down, and can write into the data's folder alone.
func TestComposeIsLockedDown(t *testing.T) {
	project := load(t, "UID=1234", "GID=567")
	if names := project.ServiceNames(); !slices.Equal(names, []string{"label", "plan", "verify"}) {
		t.Fatalf("the services are %q", names)
	}
	data, err := filepath.Abs("../../examples/compose/data")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range project.Services {
		if !s.ReadOnly || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s is not locked down: %+v", name, s)
		}
		if s.User != "1234:567" || s.MemLimit != 1<<30 {
			t.Errorf("%s runs as %s with %d bytes of memory", name, s.User, s.MemLimit)
		}
		if v := s.Volumes; len(v) != 1 || v[0].Source != data || v[0].Target != "/data" || v[0].ReadOnly || s.WorkingDir != "/data" {
			t.Errorf("%s has the volumes %+v", name, v)
		}
		if s.Image != "ghcr.io/genbatch/genbatch:latest" {
			t.Errorf("%s has the image %s", name, s.Image)
		}
	}
}

// Only the service that sends has a network and the key, which is no variable.
func TestComposeSecret(t *testing.T) {
	project := load(t, "UID=1234", "GID=567", "GENBATCH_ENDPOINT=sim", "GEMINI_API_KEY=not for the container")
	for name, s := range project.Services {
		if sends := name == "label"; sends != (len(s.Secrets) == 1) || sends != (s.NetworkMode != "none") {
			t.Errorf("%s has the secrets %+v and the network %q", name, s.Secrets, s.NetworkMode)
		}
		if key, ok := s.Environment["GEMINI_API_KEY"]; ok {
			t.Errorf("%s has the key in its environment: %v", name, *key)
		}
		if e := s.Environment["GENBATCH_ENDPOINT"]; e == nil || *e != "sim" {
			t.Errorf("%s does not get the shell's GENBATCH_ENDPOINT", name)
		}
	}
	label := project.Services["label"]
	secret := label.Secrets[0]
	if command := []string(label.Command); !slices.Contains(command, "/run/secrets/"+secret.Source) {
		t.Errorf("the command %q does not read the secret %s", command, secret.Source)
	}
	if file := project.Secrets[secret.Source].File; filepath.Base(file) != "gemini.key" {
		t.Errorf("the secret comes from %s", file)
	}
	if ignored, err := os.ReadFile("../../examples/compose/.gitignore"); err != nil || string(ignored) != "gemini.key\n" {
		t.Errorf("git would take the key: %q, %v", ignored, err)
	}
}

// Without the variable, none is set: an empty one would be another thing.
func TestComposeEndpointIsOptional(t *testing.T) {
	if e, ok := load(t).Services["label"].Environment["GENBATCH_ENDPOINT"]; ok && e != nil {
		t.Errorf("GENBATCH_ENDPOINT is %q", *e)
	}
}
