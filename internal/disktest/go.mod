module github.com/genbatch/genbatch/internal/disktest

go 1.26.0

replace github.com/genbatch/genbatch => ../..

require (
	github.com/genbatch/genbatch v0.0.0
	github.com/hanwen/go-fuse/v2 v2.12.1
	golang.org/x/sys v0.50.0
)
