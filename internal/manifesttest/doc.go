// Package manifesttest holds the examples' manifests to those who define what they mean: the
// library with which Docker Compose reads its files, and Kubernetes' own types. It is a
// module of its own, so that genbatch needs neither.
package manifesttest
