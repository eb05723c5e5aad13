// Package kubernetes holds the example for Kubernetes to Kubernetes' own types. They take
// long to compile, so that only the workflow in .github runs it, and not .ci/run.
package kubernetes
