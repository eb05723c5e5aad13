package kubernetes

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Kubernetes knows every field of the job in shards, which goes on where one shard fails, and of the
// merge after it.
func TestIndexedJob(t *testing.T) {
	text, err := os.ReadFile("../../../examples/scale/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var (
		settings      corev1.ConfigMap
		claim         corev1.PersistentVolumeClaim
		shards, merge batchv1.Job
	)
	for i, document := range bytes.Split(text, []byte("\n---\n")) {
		if err := yaml.UnmarshalStrict(document, []any{&settings, &claim, &shards, &merge}[i]); err != nil {
			t.Fatal(err)
		}
	}
	s := shards.Spec
	if *s.CompletionMode != batchv1.IndexedCompletion || *s.Completions != 8 || *s.Parallelism != 8 || *s.BackoffLimitPerIndex < 1 || *s.MaxFailedIndexes < 8 {
		t.Errorf("the Job is %+v", s)
	}
	if !slices.Equal(claim.Spec.AccessModes, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}) {
		t.Errorf("the pods cannot share %v", claim.Spec.AccessModes)
	}
	if !*merge.Spec.Suspend {
		t.Error("the merge begins with the shards")
	}
	for _, job := range []batchv1.Job{shards, merge} {
		pod := job.Spec.Template.Spec
		c := pod.Containers[0]
		if pod.RestartPolicy != corev1.RestartPolicyNever || !*pod.SecurityContext.RunAsNonRoot || !*c.SecurityContext.ReadOnlyRootFilesystem {
			t.Errorf("the pod is %+v", pod)
		}
		rules := job.Spec.PodFailurePolicy.Rules
		if rules[0].Action != batchv1.PodFailurePolicyActionIgnore || rules[0].OnPodConditions[0].Type != corev1.DisruptionTarget {
			t.Errorf("a disruption is treated by %+v", rules[0])
		}
		// FailIndex is allowed only where each index has a limit of its own.
		want := batchv1.PodFailurePolicyActionFailJob
		if job.Spec.BackoffLimitPerIndex != nil {
			want = batchv1.PodFailurePolicyActionFailIndex
		}
		on := rules[1].OnExitCodes
		if rules[1].Action != want || *on.ContainerName != c.Name || slices.Contains(on.Values, 0) || !slices.Contains(on.Values, 3) || slices.Contains(on.Values, 7) {
			t.Errorf("exit codes are treated by %+v", rules[1])
		}
		if !slices.IsSorted(on.Values) {
			t.Errorf("Kubernetes wants them in order: %v", on.Values)
		}
		for _, mount := range c.VolumeMounts {
			i := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
			if i < 0 {
				t.Fatalf("no volume is named %s", mount.Name)
			}
			v := pod.Volumes[i]
			switch {
			case v.ConfigMap != nil && v.ConfigMap.Name == settings.Name && mount.ReadOnly:
			case v.Secret != nil && mount.ReadOnly:
			case v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim.Name && mount.MountPath == "/data":
			default:
				t.Errorf("the mount %+v is of the volume %+v", mount, v)
			}
		}
	}
	if !strings.Contains(strings.Join(shards.Spec.Template.Spec.Containers[0].Args, " "), "--shard auto/8") {
		t.Error("the shards are not as many as the completions")
	}
}
