// Package cloudrun holds the example for Cloud Run to the types of its API.
package cloudrun
