package kubernetes

import (
	"bytes"
	"os"
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Kubernetes knows every field, and treats each exit code as the README says.
func TestCronJob(t *testing.T) {
	text, err := os.ReadFile("../../../examples/kubernetes/cronjob.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var (
		settings corev1.ConfigMap
		claim    corev1.PersistentVolumeClaim
		cron     batchv1.CronJob
	)
	for i, document := range bytes.Split(text, []byte("\n---\n")) {
		if err := yaml.UnmarshalStrict(document, []any{&settings, &claim, &cron}[i]); err != nil {
			t.Fatal(err)
		}
	}
	job := cron.Spec.JobTemplate.Spec
	pod := job.Template.Spec
	if cron.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent || pod.RestartPolicy != corev1.RestartPolicyNever || len(pod.Containers) != 1 {
		t.Fatalf("the CronJob is %+v", cron.Spec)
	}

	action := func(code int32) batchv1.PodFailurePolicyAction {
		for _, rule := range job.PodFailurePolicy.Rules {
			on := rule.OnExitCodes
			if on == nil {
				continue
			}
			if on.ContainerName == nil || *on.ContainerName != pod.Containers[0].Name || on.Operator != batchv1.PodFailurePolicyOnExitCodesOpIn {
				t.Fatalf("the rule is %+v", rule)
			}
			if slices.Contains(on.Values, code) {
				return rule.Action
			}
		}
		return batchv1.PodFailurePolicyActionCount
	}
	for code, want := range map[int32]batchv1.PodFailurePolicyAction{
		1: "Count", 2: "FailJob", 3: "FailJob", 4: "FailJob", 5: "FailJob", 6: "FailJob", 7: "FailJob", 8: "FailJob", 130: "Count", 137: "Count",
	} {
		if got := action(code); got != want {
			t.Errorf("after exit code %d: %s, want %s", code, got, want)
		}
	}
	if first := job.PodFailurePolicy.Rules[0]; first.Action != batchv1.PodFailurePolicyActionIgnore || len(first.OnPodConditions) != 1 ||
		first.OnPodConditions[0].Type != corev1.DisruptionTarget || first.OnPodConditions[0].Status != corev1.ConditionTrue {
		t.Errorf("a disruption is treated by %+v", first)
	}

	// All that is mounted is there, and nothing else can be written.
	c := pod.Containers[0]
	if s := c.SecurityContext; !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || !*pod.SecurityContext.RunAsNonRoot {
		t.Errorf("the container is not locked down: %+v", s)
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
