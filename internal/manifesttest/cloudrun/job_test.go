package cloudrun

import (
	"os"
	"testing"

	run "google.golang.org/api/run/v1"
	"sigs.k8s.io/yaml"
)

// Cloud Run knows every field of the job in shards, and mounts what it names.
func TestJob(t *testing.T) {
	text, err := os.ReadFile("../../../examples/scale/cloudrun.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var job run.Job
	if err := yaml.UnmarshalStrict(text, &job); err != nil {
		t.Fatal(err)
	}
	execution := job.Spec.Template.Spec
	task := execution.Template.Spec
	if execution.TaskCount != 8 || execution.Parallelism != 8 || task.TimeoutSeconds != 86400 || len(task.Containers) != 1 {
		t.Errorf("the job is %+v, %+v", execution, task)
	}
	volume := task.Volumes[0]
	if mount := task.Containers[0].VolumeMounts[0]; mount.Name != volume.Name || volume.Nfs == nil || volume.Nfs.ReadOnly {
		t.Errorf("the mount %+v is of %+v", mount, volume)
	}
	for _, e := range task.Containers[0].Env {
		if e.Name == "GEMINI_API_KEY" && (e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil || e.ValueFrom.SecretKeyRef.Key == "") {
			t.Errorf("the key is %+v", e)
		}
	}
}
