//go:build !noclouds

package main

import (
	"github.com/genbatch/genbatch/objects"
	"github.com/genbatch/genbatch/objects/azure"
	"github.com/genbatch/genbatch/objects/gcs"
	"github.com/genbatch/genbatch/objects/s3"
)

// registerStores makes the object stores known that the command reads and writes. The build
// tag noclouds leaves them out.
func registerStores() {
	objects.Register("s3", s3.Open)
	objects.Register("gs", gcs.Open)
	objects.Register("az", azure.Open)
}
