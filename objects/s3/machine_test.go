package s3

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Machines, containers and the security token service hand out credentials, each in its way.
func TestMachines(t *testing.T) {
	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	handed := fmt.Sprintf(`{"Code":"Success","AccessKeyId":"HANDED","SecretAccessKey":"s","Token":"t","Expiration":%q}`, expires)
	assumed := func(action string) string {
		return fmt.Sprintf(`<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials><AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%[2]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`, action, expires)
	}
	var seen []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		seen = append(seen, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Form.Get("Action")))
		switch {
		case r.URL.Path == "/latest/api/token":
			w.Write([]byte("imds"))
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") == "imds" && strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			w.Write([]byte("role"))
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") == "imds", r.Header.Get("Authorization") == "pod":
			w.Write([]byte(handed))
		case r.Form.Get("Action") == "AssumeRole" && strings.Contains(r.Header.Get("Authorization"), "Credential=SOURCE/") && r.Form.Get("RoleArn") == "arn:role":
			w.Write([]byte(assumed("AssumeRole")))
		case r.Form.Get("WebIdentityToken") == "web" && r.Form.Get("RoleArn") == "arn:role":
			w.Write([]byte(assumed("AssumeRoleWithWebIdentity")))
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer srv.Close()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"web": "web", "pod": "pod",
		"config": "[profile r]\nrole_arn = arn:role\nsource_profile = source\n[profile source]\naws_access_key_id = SOURCE\naws_secret_access_key = s\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"EC2", map[string]string{"AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": srv.URL}, "HANDED"},
		{"EC2 without a role", map[string]string{"AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": srv.URL + "/none"}, ""},
		{"EKS Pod Identity", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": srv.URL + "/pod", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": filepath.Join(folder, "pod")}, "HANDED"},
		{"ECS", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": srv.URL + "/ecs", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "pod"}, "HANDED"},
		{"EKS service account", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": filepath.Join(folder, "web"), "AWS_ROLE_ARN": "arn:role", "AWS_ENDPOINT_URL_STS": srv.URL}, "ASSUMED"},
		{"a role", map[string]string{"AWS_CONFIG_FILE": filepath.Join(folder, "config"), "AWS_PROFILE": "r", "AWS_ENDPOINT_URL_STS": srv.URL}, "ASSUMED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clean(t)
			t.Setenv("AWS_ENDPOINT_URL_S3", "https://store.example")
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			seen = nil
			b, err := Open(t.Context(), "shop")
			if tt.want == "" {
				if err == nil || !strings.Contains(err.Error(), "set AWS_ACCESS_KEY_ID") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v; asked were %q", err, seen)
			}
			got, err := b.(*bucket).credentials.GetWithContext(nil)
			if err != nil || got.AccessKeyID != tt.want || got.SessionToken != "t" {
				t.Errorf("%s, %v", got.AccessKeyID, err)
			}
		})
	}
}
